import { CONTENT_TYPES } from './formats';
import {
  LF,
  MAX_RECORD_BYTES,
  NEWLINE,
  NOTHING,
  tooLong,
  type Cut,
  type Cutter,
  type Framing,
  type Piece,
} from './pieces';

/** How NDJSON is put into a body: every piece ends with its line feed. */
export const NDJSON_FRAMING: Framing = {
  contentType: CONTENT_TYPES.ndjson,
  open: NOTHING,
  separator: NOTHING,
  close: NOTHING,
};

const BRACE = 0x7b;

/**
 * One record a line (https://github.com/ndjson/ndjson-spec). Blank lines are left out, as the API passes over them;
 * whether a line is JSON is for the API to say.
 */
export class NdjsonCutter implements Cutter {
  readonly framing = NDJSON_FRAMING;
  private readonly begun: Buffer[] = [];
  private begunBytes = 0;
  private line = 1;

  feed(chunk: Buffer): Cut {
    const pieces: Piece[] = [];
    let start = 0;
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, start)) {
      this.take(this.joined(chunk.subarray(start, end + 1)), pieces);
      this.line++;
      start = end + 1;
    }
    if (start < chunk.length) {
      this.begun.push(chunk.subarray(start));
      this.begunBytes += chunk.length - start;
    }
    return this.begunBytes > MAX_RECORD_BYTES ? { pieces, fault: tooLong(this.line) } : { pieces };
  }

  end(): Cut {
    const pieces: Piece[] = [];
    if (this.begunBytes > 0) this.take(this.joined(NEWLINE), pieces);
    return { pieces };
  }

  private joined(last: Buffer): Buffer {
    if (this.begunBytes === 0) return last;
    const whole = Buffer.concat([...this.begun, last]);
    this.begun.length = 0;
    this.begunBytes = 0;
    return whole;
  }

  private take(bytes: Buffer, pieces: Piece[]): void {
    // The API's own rule for what is blank; a line that begins with a brace is not worth the question.
    if (bytes[0] !== BRACE && bytes.toString('utf8').trim() === '') return;
    pieces.push({ bytes, line: this.line, breaks: 1 });
  }
}
