/** Where one element of a JSON array lies in its body: from `start`, up to but not including `end`. */
export interface Slice {
  readonly start: number;
  readonly end: number;
}

export type Cut =
  | { readonly ok: true; readonly slices: readonly Slice[] }
  | { readonly ok: false; readonly reason: string; readonly record?: number };

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

const isBlank = (byte: number | undefined): boolean =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

export const TOO_DEEP = 'It is nested too deeply.';
const NO_ARRAY =
  'The body is not a JSON array of records. Send [ … ], or NDJSON with the content type application/x-ndjson.';

/**
 * Cuts a JSON array into its elements without reading them: brackets and strings are followed, nothing else is
 * checked. So a body of brackets alone, which takes the parser seconds and a gigabyte, is refused in passing, and a
 * fault can be told with the record it is in. Every element still has to be parsed: what is cut wrongly is no JSON.
 * @param start where the array begins, but for blanks
 * @param maxElements stops cutting there: the result then has `maxElements + 1` slices
 * @param maxDepth nesting of one element
 */
export function cutArray(body: Buffer, start: number, maxElements: number, maxDepth: number): Cut {
  let at = start;
  while (isBlank(body[at])) at++;
  if (body[at] !== OPEN_ARRAY) return { ok: false, reason: NO_ARRAY };
  const slices: Slice[] = [];
  let depth = 1;
  let from = ++at;
  for (; at < body.length; at++) {
    const byte = body[at];
    if (byte === QUOTE) at = endOfString(body, at);
    else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
      if (++depth > maxDepth + 1) return { ok: false, reason: TOO_DEEP, record: slices.length };
    } else if (byte === COMMA && depth === 1) {
      slices.push({ start: from, end: at });
      if (slices.length > maxElements) return { ok: true, slices };
      from = at + 1;
    } else if ((byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) && --depth === 0) {
      return endOfArray(body, slices, { start: from, end: at });
    }
  }
  return { ok: false, reason: 'The array has no end.', record: slices.length };
}

/** Whether brackets are nested deeper than `limit`; nothing else of the JSON text is checked. */
export function isNestedDeeper(text: Buffer, limit: number): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const byte = text[at];
    if (byte === QUOTE) at = endOfString(text, at);
    else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) depth--;
    else if ((byte === OPEN_ARRAY || byte === OPEN_OBJECT) && ++depth > limit) return true;
  }
  return false;
}

/** The place of the quote that ends the string beginning at `start`, or the end of the body. */
function endOfString(body: Buffer, start: number): number {
  for (let end = start; ;) {
    end = body.indexOf(QUOTE, end + 1);
    if (end === -1) return body.length;
    let escapes = 0;
    while (body[end - 1 - escapes] === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return end;
  }
}

function endOfArray(body: Buffer, slices: Slice[], last: Slice): Cut {
  if (body[last.end] !== CLOSE_ARRAY)
    return { ok: false, reason: 'A bracket is closed that was not opened.', record: slices.length };
  let after = last.end + 1;
  while (isBlank(body[after])) after++;
  if (after < body.length) return { ok: false, reason: 'Something follows the end of the array.' };
  let at = last.start;
  while (at < last.end && isBlank(body[at])) at++;
  // Blank between the brackets: no element. Blank after a comma is an element, which is no JSON.
  if (slices.length > 0 || at < last.end) slices.push(last);
  return { ok: true, slices };
}
