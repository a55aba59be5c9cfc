/** https://www.rfc-editor.org/rfc/rfc9110#name-date-time-formats: the one form that clients must send. */
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/** A date of a header in milliseconds since the epoch; NaN when it is none. `Date.parse` alone takes nearly every text with a digit. */
export function parseHttpDate(text: string): number {
  return HTTP_DATE.test(text) ? Date.parse(text) : Number.NaN;
}
