import type { Readable } from 'node:stream';
import type { BlobClient, BlobDownloadResponseParsed } from '@azure/storage-blob';
import { BlobChanged, isConditionNotMet, isIncomplete, isMissing, isUnreadable } from './blobErrors';

/** Connections in a row that bring not a single byte, after which a stream is given up. */
const FRUITLESS = 4;

/** How long (ms) a connection may bring nothing before it counts as cut. */
const STALLED_MS = 60_000;

/** On Node the body is always this kind of stream. */
const bodyOf = (response: BlobDownloadResponseParsed): Readable => response.readableStreamBody as Readable;

/** Opens the content from `offset` on; undefined when there is no such blob. */
async function open(
  client: BlobClient,
  offset: number,
  etag: string | undefined,
): Promise<BlobDownloadResponseParsed | undefined> {
  try {
    const response = await client.download(offset, undefined, {
      ...(etag === undefined ? {} : { conditions: { ifMatch: etag } }),
      // The SDK's own resumption ends with an error when the connection is closed from the other side.
      maxRetryRequests: 0,
    });
    if (!isIncomplete(response)) return response;
    bodyOf(response).destroy();
    return undefined;
  } catch (error) {
    if (isMissing(error) || isUnreadable(error)) return undefined;
    if (isConditionNotMet(error)) throw new BlobChanged(`${client.containerName}/${client.name}`);
    throw error;
  }
}

/** Pieces of a body, as long as it keeps coming. The time that the reader takes for a piece does not count. */
async function* flowing(body: Readable, stalledMs: number): AsyncGenerator<Buffer> {
  const iterator = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  try {
    for (;;) {
      const timer = setTimeout(() => {
        body.destroy(new Error(`Nothing came for ${stalledMs} ms.`));
      }, stalledMs);
      const next = await iterator.next().finally(() => clearTimeout(timer));
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    body.destroy();
  }
}

/**
 * The content of a blob piece by piece, no faster than it is read. A connection that is cut is replaced by another that
 * goes on where it ended, under the ETag of the first: what comes is the content of one moment, whole, or an error.
 * @returns undefined when there is no such blob
 * @throws BlobChanged when the content is not that of `etag`, here or while it is read
 */
export async function streamBlob(
  client: BlobClient,
  etag?: string,
  stalledMs = STALLED_MS,
): Promise<AsyncIterable<Buffer> | undefined> {
  const first = await open(client, 0, etag);
  return first && resuming(client, first, stalledMs);
}

async function* resuming(
  client: BlobClient,
  first: BlobDownloadResponseParsed,
  stalledMs: number,
): AsyncGenerator<Buffer> {
  const length = first.contentLength ?? 0;
  let response: BlobDownloadResponseParsed | undefined = first;
  let offset = 0;
  let fruitless = 0;
  for (;;) {
    const begin = offset;
    let cut: unknown;
    try {
      for await (const piece of flowing(bodyOf(response), stalledMs)) {
        offset += piece.length;
        yield piece;
      }
    } catch (error) {
      cut = error;
    }
    if (offset === length) return;
    fruitless = offset > begin ? 0 : fruitless + 1;
    if (fruitless === FRUITLESS)
      throw new Error(`${client.name} ended after ${offset} of ${length} bytes.`, { cause: cut });
    response = await open(client, offset, first.etag);
    // It was there a moment ago.
    if (!response) throw new BlobChanged(`${client.containerName}/${client.name}`);
  }
}
