import { once } from 'node:events';
import { createReadStream, createWriteStream, type WriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { LoadRecordsOptions } from './records';

/** The first line of a log: with it every record can be made again from its number. */
export interface LogHeader extends LoadRecordsOptions {
  readonly dataset: string;
}

/** A record with its 202. */
export interface AcceptedLine {
  readonly kind: 'accepted';
  readonly index: number;
  readonly id: string;
  /** ms since the first record was due: when this one was accepted. */
  readonly at: number;
}

/**
 * A request that was not answered, or with 5xx: its record may be there, under an id that nobody knows, and once more when
 * it was sent again.
 */
export interface UnknownLine {
  readonly kind: 'unknown';
  readonly index: number;
}

export type LogLine = AcceptedLine | UnknownLine;

/** Bytes of text that are gathered before they are written. */
const GATHER = 64 * 1024;

/**
 * Which record was accepted under which id: a line of JSON (the header), then `<index> <id> <ms>` for each 202 and
 * `<index> -` for each request of which nobody knows what it did, in the order in which they came.
 */
export class LoadLog {
  private readonly stream: WriteStream;
  private text: string;
  private failure: Error | undefined;

  /** Makes the file anew. */
  constructor(file: string, header: LogHeader) {
    this.stream = createWriteStream(file);
    this.stream.on('error', (error) => (this.failure ??= error));
    this.text = `${JSON.stringify(header)}\n`;
  }

  accepted(index: number, id: string, at: number): void {
    this.write(`${index} ${id} ${Math.round(at)}\n`);
  }

  unknown(index: number): void {
    this.write(`${index} -\n`);
  }

  /** Resolves when everything is in the file. @throws when it could not be written */
  async close(): Promise<void> {
    if (!this.failure) {
      const closed = once(this.stream, 'close');
      this.stream.end(this.text);
      await closed.catch(() => undefined);
    }
    if (this.failure) throw this.failure;
  }

  private write(line: string): void {
    this.text += line;
    if (this.text.length < GATHER) return;
    this.stream.write(this.text);
    this.text = '';
  }
}

export interface ReadLog {
  readonly header: LogHeader;
  readonly lines: AsyncIterable<LogLine>;
}

/** Reads what a {@link LoadLog} has written. @throws when it is none, or ends in the middle of a line */
export async function readLog(file: string): Promise<ReadLog> {
  const lines = createInterface({ input: createReadStream(file), crlfDelay: Infinity })[
    Symbol.asyncIterator
  ]();
  const first = await lines.next();
  if (first.done) throw new Error(`${file} is empty.`);
  const header = JSON.parse(first.value) as LogHeader;
  return {
    header,
    lines: {
      async *[Symbol.asyncIterator]() {
        for (let next = await lines.next(); !next.done; next = await lines.next())
          yield lineOf(next.value, file);
      },
    },
  };
}

function lineOf(text: string, file: string): LogLine {
  const [index = '', id = '', at = ''] = text.split(' ');
  if (!/^\d+$/.test(index) || id === '') throw new Error(`${file} has a line that is none: ${text}`);
  if (id === '-') return { kind: 'unknown', index: Number(index) };
  if (!/^\d+$/.test(at)) throw new Error(`${file} has a line that is none: ${text}`);
  return { kind: 'accepted', index: Number(index), id, at: Number(at) };
}
