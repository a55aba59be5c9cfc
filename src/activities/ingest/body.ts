import { createHash } from 'node:crypto';
import { pipeline, Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip } from 'node:zlib';
import { BlobChanged } from '../../clients/blobs';
import type { BatchHeader, Encoding, Failure, Upload } from '../../domain/ingest/batch';
import { framerOf, frame } from '../../domain/ingest/framing/framing';
import { MalformedBody, type RawRecord } from '../../domain/ingest/framing/raw';
import { archiveName, inboxName, uploadName } from '../../domain/ingest/names';
import type { IngestDeps } from './deps';
import { mustExist } from './lines';

type Deps = Pick<IngestDeps, 'blobs' | 'schemas' | 'uploads'>;

/** Takes some of a body's records; awaited before more of an upload is read. */
export type Take = (records: readonly RawRecord[]) => Promise<void>;

/** What is known of a body when all of it was read. */
export interface ReadBody {
  readonly accepted: number;
  /** of the bytes as they are stored */
  readonly bodySha256: string;
}

/** Why an upload is no batch. Other bodies were looked at before they were accepted. */
export class Unreadable extends Error {
  constructor(readonly failure: Failure) {
    super(failure.message);
    this.name = 'Unreadable';
  }
}

/**
 * Reads a batch's body, record by record: the same records in the same order, however often.
 * @throws {Unreadable} when the body is an upload that cannot be read
 */
export async function readBody(deps: Deps, batch: BatchHeader, take: Take): Promise<ReadBody> {
  const { dataset } = await deps.schemas.at(batch.dataset, batch.schemaVersion);
  if (batch.upload) return readUpload(deps, batch, batch.upload, dataset.schema, take);
  const framed = frame(await bodyOf(deps.blobs, batch), batch.format, dataset.schema, batch.accepted);
  if (!framed.ok)
    throw new Error(`The body of batch ${batch.id} cannot be framed again: ${framed.malformed.text}`);
  if (framed.records.length !== batch.accepted) {
    throw new Error(
      `The body of batch ${batch.id} holds ${framed.records.length} records, not ${batch.accepted}.`,
    );
  }
  await take(framed.records);
  return { accepted: batch.accepted, bodySha256: batch.bodySha256 };
}

/** The body as it was received. The inbox is swept some time after the batch is closed; an activity that still runs then finds the body in the archive. */
export async function bodyOf(blobs: Pick<IngestDeps['blobs'], 'read'>, batch: BatchHeader): Promise<Buffer> {
  const received = await blobs.read('inbox', inboxName(batch.id, batch.contentHash));
  return (
    received ?? mustExist(await blobs.read('archive', archiveName(batch)), `The body of batch ${batch.id}`)
  );
}

const unreadable = (code: Failure['code'], message: string): Unreadable => new Unreadable({ code, message });

/** What a batch ends with whose upload is not what was accepted, and was not archived before. */
export const uploadChanged = (): Unreadable =>
  unreadable('upload-changed', 'The upload was removed, or written again, after the batch was accepted.');

/** Piece by piece: of an upload of gigabytes a few megabytes are in memory. */
async function readUpload(
  { blobs, uploads }: Deps,
  batch: BatchHeader,
  upload: Upload,
  schema: Parameters<typeof framerOf>[1],
  take: Take,
): Promise<ReadBody> {
  let records: RawRecord[] = [];
  let accepted = 0;
  let bytes = 0;
  const hash = createHash('sha256');
  // Whatever is allowed now: a batch that was split once is read again.
  const { maxBytes, maxRecords } =
    batch.accepted > 0 ? { maxBytes: Infinity, maxRecords: batch.accepted } : uploads;
  const framer = framerOf(batch.format, schema, (raw) => {
    if (++accepted > maxRecords)
      throw unreadable('batch-too-large', `It holds more than ${maxRecords} records.`);
    records.push(raw);
  });
  try {
    const stored = await openUpload(blobs, batch, upload);
    for await (const piece of decoded(hashed(stored, hash), upload.encoding, batch.bytes)) {
      bytes += piece.length;
      if (bytes > maxBytes)
        throw unreadable('batch-too-large', `It is longer than ${maxBytes} bytes when decompressed.`);
      framer.write(piece);
      if (records.length === 0) continue;
      await take(records);
      records = [];
    }
    framer.end();
    await take(records);
  } catch (error) {
    throw toUnreadable(error);
  }
  if (accepted === 0) throw unreadable('empty-batch', 'The upload holds no record.');
  return { accepted, bodySha256: hash.digest('hex') };
}

/** The archive's copy, once there is one: nobody can write over that. */
async function openUpload(
  blobs: IngestDeps['blobs'],
  batch: BatchHeader,
  { id, etag }: Upload,
): Promise<AsyncIterable<Buffer>> {
  const stored =
    (await blobs.stream('archive', archiveName(batch))) ??
    (await blobs.stream('uploads', uploadName(batch.dataset, id), { etag }));
  if (!stored) throw uploadChanged();
  return stored;
}

function toUnreadable(error: unknown): unknown {
  // The archive's copy is written once: only its properties change. Read again, it is whole.
  if (error instanceof BlobChanged && !error.blob.startsWith('archive/')) return uploadChanged();
  if (error instanceof MalformedBody) return unreadable('malformed-body', error.text);
  const { code } = error as { code?: unknown };
  // https://nodejs.org/api/zlib.html#zlib-constants, and those of brotli
  if (typeof code === 'string' && /^(Z_|ERR__ERROR_|ERR_BROTLI|ERR_PADDING)/.test(code))
    return unreadable('malformed-body', `It cannot be decompressed: ${(error as Error).message}`);
  return error;
}

async function* hashed(pieces: AsyncIterable<Buffer>, hash: ReturnType<typeof createHash>) {
  for await (const piece of pieces) {
    hash.update(piece);
    yield piece;
  }
}

/** @param bytes of all pieces */
async function* decoded(
  pieces: AsyncIterable<Buffer>,
  encoding: Encoding | undefined,
  bytes: number,
): AsyncIterable<Buffer> {
  if (encoding === undefined) {
    yield* pieces;
    return;
  }
  const decoder = encoding === 'gzip' ? createGunzip() : createBrotliDecompress();
  // Ends the source with the decoder, whoever ends first: a connection waits behind it. What went wrong, the reader is told.
  yield* pipeline(Readable.from(pieces, { objectMode: false }), decoder, () => undefined);
  // What follows the end would be lost without a word. The option that rejects it also rejects the further members that
  // gzip may have (RFC 1952, section 2.2).
  if (decoder.bytesWritten < bytes)
    throw unreadable(
      'malformed-body',
      'It cannot be decompressed: something follows the end of the compressed stream.',
    );
}
