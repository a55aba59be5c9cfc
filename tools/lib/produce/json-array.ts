import { CONTENT_TYPES } from './formats';
import { InputError } from './input-error';
import {
  countBreaks,
  LF,
  MAX_RECORD_BYTES,
  tooLong,
  type Cut,
  type Cutter,
  type Framing,
  type Piece,
} from './pieces';

const FRAMING: Framing = {
  contentType: CONTENT_TYPES.json,
  open: Buffer.from('['),
  separator: Buffer.from(',\n'),
  close: Buffer.from(']\n'),
};

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

const isSpace = (byte: number): boolean => byte === 0x20 || byte === LF || byte === 0x0d || byte === 0x09;

/**
 * - `before`: the array's bracket is awaited
 * - `first`: a record or the end
 * - `next`: a record, after a comma
 * - `inside`: in a record, or in the space after it
 * - `after`: nothing more may come
 */
type State = 'before' | 'first' | 'next' | 'inside' | 'after';

/** The items of one JSON array. Whether an item is JSON is for the API to say: only their ends are looked for. */
export class JsonArrayCutter implements Cutter {
  readonly framing = FRAMING;
  private state: State = 'before';
  private depth = 0;
  private inString = false;
  private escaped = false;
  private begun: Buffer[] = [];
  private begunBytes = 0;
  private line = 1;
  private firstLine = 1;

  feed(chunk: Buffer): Cut {
    const pieces: Piece[] = [];
    // Where the part of the present item begins that lies in this chunk.
    let start = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] as number;
      if (byte === LF) this.line++;
      if (this.state === 'inside') {
        if (this.staysInside(byte)) continue;
        pieces.push(this.piece(chunk.subarray(start, at)));
        this.state = byte === COMMA ? 'next' : 'after';
      } else if (!isSpace(byte)) {
        const fault = this.outside(byte);
        if (fault) return { pieces, fault };
        start = at;
      }
    }
    if (this.state !== 'inside') return { pieces };
    this.begun.push(chunk.subarray(start));
    this.begunBytes += chunk.length - start;
    return this.begunBytes > MAX_RECORD_BYTES ? { pieces, fault: tooLong(this.firstLine) } : { pieces };
  }

  end(): Cut {
    if (this.state === 'after') return { pieces: [] };
    const message =
      this.state === 'before'
        ? 'The file holds no JSON array.'
        : 'The file ends inside its JSON array: it is cut off.';
    return { pieces: [], fault: new InputError(message, this.line) };
  }

  /** Whether the item goes on after this byte. */
  private staysInside(byte: number): boolean {
    if (this.inString) {
      if (this.escaped) this.escaped = false;
      else if (byte === BACKSLASH) this.escaped = true;
      else if (byte === QUOTE) this.inString = false;
      return true;
    }
    if (byte === QUOTE) this.inString = true;
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) this.depth++;
    else if (this.depth === 0) return byte !== COMMA && byte !== CLOSE_BRACKET;
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) this.depth--;
    return true;
  }

  private outside(byte: number): InputError | undefined {
    if (this.state === 'after')
      return new InputError('Something follows the end of the JSON array.', this.line);
    if (this.state === 'before') {
      if (byte !== OPEN_BRACKET)
        return new InputError(
          'The file holds no JSON array. One object a line is NDJSON: --format ndjson.',
          this.line,
        );
      this.state = 'first';
    } else if (byte === CLOSE_BRACKET && this.state === 'first') {
      this.state = 'after';
    } else if (byte === COMMA || byte === CLOSE_BRACKET) {
      return new InputError('A record is missing between commas or brackets.', this.line);
    } else {
      this.state = 'inside';
      this.firstLine = this.line;
      this.staysInside(byte);
    }
    return undefined;
  }

  private piece(last: Buffer): Piece {
    const whole = this.begunBytes === 0 ? last : Buffer.concat([...this.begun, last]);
    this.begun = [];
    this.begunBytes = 0;
    let end = whole.length;
    while (end > 0 && isSpace(whole[end - 1] as number)) end--;
    const bytes = whole.subarray(0, end);
    // The separator's line feed is one more.
    return { bytes, line: this.firstLine, breaks: countBreaks(bytes) + 1 };
  }
}
