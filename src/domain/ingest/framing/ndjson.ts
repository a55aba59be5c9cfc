import { isUtf8 } from 'node:buffer';
import { isObject, type Json } from '../../json';
import type { Origin } from '../stamp';
import { isNestedDeeper } from './array';
import {
  BOM,
  MalformedBody,
  MAX_RAW_RECORD_BYTES,
  MAX_READABLE_DEPTH,
  parseJson,
  TOO_DEEP,
  TOO_LONG,
  type Emit,
  type Framer,
} from './raw';

/** A line shorter than this cannot be nested so deeply that reading it costs much. */
const HARMLESS_BYTES = 64 * 1024;

const NEWLINE = 10;

/**
 * One JSON value a line; CR before the line feed and blank lines are allowed (https://github.com/ndjson/ndjson-spec).
 * @param take is given each line's value and UTF-8
 * @param takeSpoilt is given each line that cannot be read; without it such a line ends the framing
 */
export class LineFramer implements Framer {
  private line = 1;
  private records = 0;
  /** The beginning of a line that goes on in the next piece. */
  private begun: Buffer[] = [];
  private begunBytes = 0;

  constructor(
    private readonly take: (value: Json, bytes: Buffer) => void,
    private readonly takeSpoilt?: (bytes: Buffer) => void,
  ) {}

  write(piece: Buffer): void {
    let start = 0;
    for (;;) {
      const end = piece.indexOf(NEWLINE, start);
      if (end === -1) break;
      this.read(this.whole(piece.subarray(start, end)));
      this.line++;
      start = end + 1;
    }
    if (start === piece.length) return;
    this.begunBytes += piece.length - start;
    if (this.begunBytes > MAX_RAW_RECORD_BYTES) throw this.fault(TOO_LONG);
    // A copy: the piece may be a window of a buffer that is filled again.
    this.begun.push(Buffer.from(piece.subarray(start)));
  }

  end(): void {
    if (this.begun.length > 0) this.read(this.whole(Buffer.alloc(0)));
  }

  private fault(reason: string): MalformedBody {
    return new MalformedBody({ reason, line: this.line, record: this.records });
  }

  private whole(part: Buffer): Buffer {
    if (this.begun.length === 0) return part;
    const line = Buffer.concat([...this.begun, part]);
    this.begun = [];
    this.begunBytes = 0;
    return line;
  }

  private read(bytes: Buffer): void {
    const parsed = parseLine(bytes, this.line === 1);
    if (parsed === 'blank') return;
    if ('value' in parsed) this.take(parsed.value, bytes);
    else if (this.takeSpoilt) this.takeSpoilt(bytes);
    else throw this.fault(parsed.reason);
    this.records++;
  }
}

function parseLine(bytes: Buffer, isFirst: boolean): ReturnType<typeof parseJson> | 'blank' {
  if (bytes.length > MAX_RAW_RECORD_BYTES) return { reason: TOO_LONG };
  if (!isUtf8(bytes)) return { reason: 'The line is not valid UTF-8.' };
  if (bytes.length > HARMLESS_BYTES && isNestedDeeper(bytes, MAX_READABLE_DEPTH)) return { reason: TOO_DEEP };
  const raw = bytes.toString('utf8');
  const text = isFirst && raw.startsWith(BOM) ? raw.slice(1) : raw;
  return text.trim() === '' ? 'blank' : parseJson(text, 'line');
}

/** A line of a re-drive's body, which the app itself has written. */
export interface RedriveLine {
  readonly origin: Origin;
  readonly record: Json;
}

/**
 * NDJSON as producers send it.
 * @param whole the body comes in one piece that stays as it is: records may refer to it
 */
export const ndjsonFramer = (emit: Emit, whole: boolean): Framer => {
  // In front of the first one may be a byte order mark, which is no JSON.
  let first = true;
  return new LineFramer((record, json) => {
    emit(whole && !first ? { record, json } : { record });
    first = false;
  });
};

/** Lines of {@link RedriveLine}. */
export const redriveFramer = (emit: Emit): Framer =>
  new LineFramer((value) => {
    if (!isObject(value))
      throw new Error('The body of a re-drive holds a line that the app has not written.');
    const { origin, record } = value as unknown as RedriveLine;
    emit({ record, origin });
  });

/**
 * What came by the records door. Whoever may send to its hub can send lines that look like the door's, and are none: each
 * is a record in its own text, which no schema takes, and spoils no other one.
 */
export const recordsFramer = (emit: Emit): Framer => {
  const spoilt = (bytes: Buffer): void => emit({ record: bytes.toString('utf8') });
  return new LineFramer((value, bytes) => {
    const { origin, record } = (isObject(value) ? value : {}) as Partial<RedriveLine>;
    if (isOrigin(origin) && record !== undefined) emit({ record, origin });
    else spoilt(bytes);
  }, spoilt);
};

function isOrigin(value: Partial<Origin> | undefined): value is Origin {
  const { batchId, index, receivedAt } = value ?? {};
  return (
    typeof batchId === 'string' &&
    Number.isSafeInteger(index) &&
    typeof receivedAt === 'string' &&
    !Number.isNaN(Date.parse(receivedAt))
  );
}
