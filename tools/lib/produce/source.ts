import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline, type Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip } from 'node:zlib';
import type { Encoding } from './formats';
import { InputError } from './input-error';

/** Name of a file that stands for standard input. */
export const STDIN = '-';

const READ_BYTES = 256 * 1024;

/** A file, or standard input, that is read once. */
export interface ByteSource {
  /** Bytes of the file itself, before they are decompressed; undefined for a pipe. */
  readonly total: number | undefined;
  /** How many of these have been read. */
  readonly read: () => number;
  /** The content, decompressed. Iterating throws {@link InputError}. */
  readonly chunks: AsyncIterable<Buffer>;
  /** Lets go of the file. */
  close(): void;
}

/**
 * Opens a file. Nothing is read before it is iterated.
 * @throws {InputError} when there is no such file
 */
export async function openSource(file: string, encoding?: Encoding): Promise<ByteSource> {
  const total = file === STDIN ? undefined : await sizeOf(file);
  const raw: Readable =
    file === STDIN ? process.stdin : createReadStream(file, { highWaterMark: READ_BYTES });
  let read = 0;
  const counted = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of raw) {
      read += (chunk as Buffer).length;
      yield chunk as Buffer;
    }
  };
  const content = encoding === undefined ? counted() : decompressed(counted(), encoding);
  return {
    total,
    read: () => read,
    chunks: readable(content, file, encoding),
    close: () => void raw.destroy(),
  };
}

async function sizeOf(file: string): Promise<number | undefined> {
  const found = await stat(file).catch((error: unknown) => {
    throw new InputError(`${file} cannot be read: ${(error as Error).message}`);
  });
  if (found.isDirectory()) throw new InputError(`${file} is a folder.`);
  // A named pipe has no size that means anything.
  return found.isFile() ? found.size : undefined;
}

/** What goes wrong is thrown where the result is iterated. */
function decompressed(bytes: AsyncIterable<Buffer>, encoding: Encoding): Readable {
  const decompress = encoding === 'gzip' ? createGunzip() : createBrotliDecompress();
  pipeline(bytes, decompress, () => undefined);
  return decompress;
}

async function* readable(
  content: AsyncIterable<unknown>,
  file: string,
  encoding?: Encoding,
): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of content) yield chunk as Buffer;
  } catch (error) {
    const as = encoding === undefined ? '' : ` as ${encoding}`;
    throw new InputError(`${file} cannot be read on${as}: ${(error as Error).message}`);
  }
}

const UTF8_BOM = Buffer.from([0xef, 0xbb, 0xbf]);
const UTF16_BOMS = [Buffer.from([0xff, 0xfe]), Buffer.from([0xfe, 0xff])];

/**
 * Takes a byte order mark off the beginning.
 * @throws {InputError} when it is that of UTF-16, as some spreadsheets write it
 */
export async function* withoutBom(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let start: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of chunks) {
    if (start === undefined) {
      yield chunk;
      continue;
    }
    start = Buffer.concat([start, chunk]);
    if (start.length < UTF8_BOM.length) continue;
    yield afterBom(start);
    start = undefined;
  }
  if (start !== undefined) yield afterBom(start);
}

function afterBom(start: Buffer): Buffer {
  if (UTF16_BOMS.some((bom) => start.subarray(0, bom.length).equals(bom)))
    throw new InputError('The file is written in UTF-16. Save it as UTF-8.');
  return start.subarray(0, UTF8_BOM.length).equals(UTF8_BOM) ? start.subarray(UTF8_BOM.length) : start;
}
