import { isUtf8 } from 'node:buffer';
import {
  MalformedBody,
  MAX_RAW_RECORD_BYTES,
  MAX_READABLE_DEPTH,
  parseJson,
  TOO_DEEP,
  TOO_LONG,
  type Emit,
  type Framer,
} from './raw';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const NEWLINE = 0x0a;

const BOM_BYTES = [0xef, 0xbb, 0xbf];

const isBlank = (byte: number | undefined): boolean =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

const NO_ARRAY =
  'The body is not a JSON array of records. Send [ … ], or NDJSON with the content type application/x-ndjson.';

/**
 * Cuts a JSON array into its elements without reading them: brackets and strings are followed, nothing else is
 * checked. So a body of brackets alone, which takes the parser seconds and a gigabyte, is refused in passing, and a
 * fault can be told with the record it is in. Every element is parsed then: what is cut wrongly is no JSON.
 */
export class ArrayFramer implements Framer {
  private where: 'before' | 'inside' | 'after' = 'before';
  private offset = 0;
  /** How much of a byte order mark the body begins with. */
  private mark = 0;
  private depth = 0;
  private inString = false;
  /** Backslashes in front of the next byte of a string. */
  private escapes = 0;
  private records = 0;
  /** The beginning of an element that goes on in the next piece. */
  private begun: Buffer[] = [];
  private begunBytes = 0;

  /** @param whole the body comes in one piece that stays as it is: records may refer to it */
  constructor(
    private readonly emit: Emit,
    private readonly whole: boolean,
  ) {}

  write(piece: Buffer): void {
    let at = this.where === 'before' ? this.skipToArray(piece) : 0;
    if (this.where === 'inside') at = this.cut(piece, at);
    if (this.where === 'after') {
      while (isBlank(piece[at])) at++;
      if (at < piece.length) throw new MalformedBody({ reason: 'Something follows the end of the array.' });
    }
    this.offset += piece.length;
  }

  end(): void {
    if (this.where === 'before') throw new MalformedBody({ reason: NO_ARRAY });
    if (this.where === 'inside') throw this.fault('The array has no end.');
  }

  private fault(reason: string): MalformedBody {
    return new MalformedBody({ reason, record: this.records });
  }

  /** The place behind the array's bracket, or the end of the piece. */
  private skipToArray(piece: Buffer): number {
    let at = 0;
    while (this.mark === this.offset + at && at < piece.length && piece[at] === BOM_BYTES[this.mark]) {
      at++;
      this.mark++;
    }
    const isMarkCut = this.mark > 0 && this.mark < BOM_BYTES.length;
    if (!isMarkCut) while (isBlank(piece[at])) at++;
    if (at === piece.length) return at;
    if (isMarkCut || piece[at] !== OPEN_ARRAY) throw new MalformedBody({ reason: NO_ARRAY });
    this.where = 'inside';
    this.depth = 1;
    return at + 1;
  }

  /** Takes elements out of a piece. @returns where the array ended in it, or its end */
  private cut(piece: Buffer, start: number): number {
    let from = start;
    for (let at = start; at < piece.length; at++) {
      if (this.inString) {
        at = this.skipString(piece, at);
        continue;
      }
      const byte = piece[at];
      if (byte === QUOTE) {
        this.inString = true;
        this.escapes = 0;
      } else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
        if (++this.depth > MAX_READABLE_DEPTH + 1) throw this.fault(TOO_DEEP);
      } else if (byte === COMMA && this.depth === 1) {
        this.take(piece.subarray(from, at));
        from = at + 1;
      } else if ((byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) && --this.depth === 0) {
        if (byte !== CLOSE_ARRAY) throw this.fault('A bracket is closed that was not opened.');
        this.takeLast(piece.subarray(from, at));
        this.where = 'after';
        return at + 1;
      }
    }
    this.keep(piece.subarray(from));
    return piece.length;
  }

  /** The place of the quote that ends the string, or the last byte of the piece. */
  private skipString(piece: Buffer, start: number): number {
    for (let from = start; ;) {
      const found = piece.indexOf(QUOTE, from);
      const end = found === -1 ? piece.length : found;
      let escapes = 0;
      while (end - escapes > from && piece[end - 1 - escapes] === BACKSLASH) escapes++;
      // A run of backslashes may begin in the piece before.
      if (escapes === end - from) escapes += this.escapes;
      if (found === -1) {
        this.escapes = escapes % 2;
        return piece.length - 1;
      }
      this.escapes = 0;
      if (escapes % 2 === 0) {
        this.inString = false;
        return end;
      }
      from = end + 1;
    }
  }

  private keep(part: Buffer): void {
    if (part.length === 0) return;
    this.begunBytes += part.length;
    if (this.begunBytes > MAX_RAW_RECORD_BYTES) throw this.fault(TOO_LONG);
    // A copy: the piece may be a window of a buffer that is filled again.
    this.begun.push(Buffer.from(part));
  }

  private element(part: Buffer): Buffer {
    if (this.begun.length === 0) return part;
    this.begun.push(part);
    const whole = Buffer.concat(this.begun);
    this.begun = [];
    this.begunBytes = 0;
    return whole;
  }

  /** Blank between the brackets is no element. Blank after a comma is one, which is no JSON. */
  private takeLast(part: Buffer): void {
    const last = this.element(part);
    if (this.records > 0 || !last.every(isBlank)) this.take(last);
  }

  private take(part: Buffer): void {
    const bytes = this.element(part);
    if (bytes.length > MAX_RAW_RECORD_BYTES) throw this.fault(TOO_LONG);
    if (!isUtf8(bytes)) throw this.fault('The record is not valid UTF-8.');
    const parsed = parseJson(bytes.toString('utf8'), 'record');
    if ('reason' in parsed) throw this.fault(parsed.reason);
    const isOneLine = this.whole && !bytes.includes(NEWLINE);
    this.emit({ record: parsed.value, ...(isOneLine ? { json: bytes } : {}) });
    this.records++;
  }
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

/** The place of the quote that ends the string beginning at `start`, or the end of the text. */
function endOfString(text: Buffer, start: number): number {
  for (let end = start; ;) {
    end = text.indexOf(QUOTE, end + 1);
    if (end === -1) return text.length;
    let escapes = 0;
    while (text[end - 1 - escapes] === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return end;
  }
}
