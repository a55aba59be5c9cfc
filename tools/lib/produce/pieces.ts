import { InputError } from './input-error';

/** The longest record, bytes: the API takes no longer body by default (`HEADWATER_MAX_BATCH_BYTES`). */
export const MAX_RECORD_BYTES = 32 * 1024 * 1024;

/** One record as it stands in the input. */
export interface Piece {
  readonly bytes: Buffer;
  /** Line of the file on which it begins, from 1; undefined when it is from no file. */
  readonly line: number | undefined;
  /** Line feeds that it brings into a body, its own end included. */
  readonly breaks: number;
}

/** What makes a body of pieces. */
export interface Framing {
  readonly contentType: string;
  /** Before the first piece: the header of CSV. */
  readonly open: Buffer;
  readonly separator: Buffer;
  readonly close: Buffer;
}

/** The records that end in a chunk, and why there are no more after them. */
export interface Cut {
  readonly pieces: readonly Piece[];
  readonly fault?: InputError;
}

/** Cuts the chunks of a file into records. Keeps no more than the beginning of one record. */
export interface Cutter {
  /** Known once there is a piece. */
  readonly framing: Framing;
  feed(chunk: Buffer): Cut | Promise<Cut>;
  end(): Cut | Promise<Cut>;
}

/** Records in the order of the input, and what makes bodies of them. */
export interface Pieces {
  readonly framing: () => Framing;
  readonly pieces: AsyncIterable<readonly Piece[]>;
}

/** All records of a file. Iterating throws {@link InputError} after the last good one. */
export function piecesOf(cutter: Cutter, chunks: AsyncIterable<Buffer>): Pieces {
  return { framing: () => cutter.framing, pieces: cutAll(cutter, chunks) };
}

async function* cutAll(cutter: Cutter, chunks: AsyncIterable<Buffer>): AsyncGenerator<readonly Piece[]> {
  for await (const chunk of chunks) yield* told(await cutter.feed(chunk));
  yield* told(await cutter.end());
}

function* told({ pieces, fault }: Cut): Generator<readonly Piece[]> {
  if (pieces.length > 0) yield pieces;
  if (fault) throw fault;
}

/** Line feeds in a part of a buffer. */
export function countBreaks(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, at + 1)) count++;
  return count;
}

/** That a record is longer than any body may be. */
export function tooLong(line: number): InputError {
  return new InputError(`The record that begins here is longer than ${MAX_RECORD_BYTES} bytes.`, line);
}

export const LF = 10;
export const CR = 13;
export const NEWLINE = Buffer.from('\n');
export const NOTHING = Buffer.alloc(0);
