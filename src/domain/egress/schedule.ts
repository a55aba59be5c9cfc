/** The longest pause between two requests, ms: also of one that the receiver asks for. */
export const MAX_WAIT_MS = 24 * 3_600_000;

/** A pause is up to so much shorter or longer, so that what failed together does not come back together. */
const JITTER = 0.2;

export interface RetryPolicy {
  /** Pause after the first failure, ms. */
  readonly firstWaitMs: number;
  /** Each further pause is so many times as long. */
  readonly waitFactor: number;
}

/**
 * The pause before the next request, whole ms: it grows exponentially to a day, and is moved by up to 20 % either way.
 * With 15 s, factor 4 and 8 requests there are 7 pauses of 22.75 hours in all.
 * @param failures requests that failed in a row, from 1
 * @param random from 0 (the shortest pause) to 1 (the longest)
 */
export function waitBefore(
  failures: number,
  { firstWaitMs, waitFactor }: RetryPolicy,
  random: number,
): number {
  // Bounded before it is multiplied: zero times infinity is no number.
  const factor = Math.min(waitFactor ** (failures - 1), MAX_WAIT_MS);
  return Math.round(Math.min(firstWaitMs * factor, MAX_WAIT_MS) * (1 + JITTER * (2 * random - 1)));
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const MONTH = `(?<month>${MONTHS.join('|')})`;
const TIME = String.raw`(?<hour>[01]\d|2[0-3]):(?<minute>[0-5]\d):(?<second>[0-5]\d|60)`;
const DAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const LONG_DAY = '(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day';

/** The three forms of a date; a recipient has to take all (RFC 9110, section 5.6.7). */
const DATES = [
  String.raw`${DAY}, (?<day>\d\d) ${MONTH} (?<year>\d{4}) ${TIME} GMT`,
  String.raw`${LONG_DAY}, (?<day>\d\d)-${MONTH}-(?<year>\d\d) ${TIME} GMT`,
  String.raw`${DAY} ${MONTH} (?<day>\d\d| \d) ${TIME} (?<year>\d{4})`,
].map((form) => new RegExp(`^${form}$`));

/**
 * How long the receiver asks to be left alone, ms: its `Retry-After` (RFC 9110, section 10.2.3), in seconds or as a
 * date, at most a day. Undefined when there is none or it is neither; 0 for a date that has passed.
 */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  const wait = /^\d+$/.test(text) ? Number(text) * 1_000 : dateOf(text, nowMs) - nowMs;
  return Number.isNaN(wait) ? undefined : Math.min(Math.max(wait, 0), MAX_WAIT_MS);
}

/** An HTTP date in ms since the epoch; NaN for what is none. */
function dateOf(text: string, nowMs: number): number {
  const parts = DATES.map((form) => form.exec(text)).find((match) => match !== null)?.groups;
  if (!parts) return NaN;
  const part = (name: string): number => Number(parts[name]);
  const month = MONTHS.indexOf(parts['month'] ?? '');
  const clock = [part('hour'), part('minute'), part('second')] as const;
  const at = (year: number): number => Date.UTC(year, month, part('day'), ...clock);
  if (parts['year']?.length !== 2) return part('year') < 100 ? NaN : at(part('year'));
  // Two digits that seem to lie more than 50 years ahead mean the century before (the same section).
  const now = new Date(nowMs).getUTCFullYear();
  const year = now - (now % 100) + part('year');
  return at(year > now + 50 ? year - 100 : year);
}
