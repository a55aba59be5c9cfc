import { setTimeout as sleep } from 'node:timers/promises';
import type { BlobClient, BlobGetPropertiesResponse } from '@azure/storage-blob';
import { isConditionNotMet, isIncomplete, isMissing, isUnreadable } from './blobErrors';
import type { Signer } from './blobSas';

/** What a copy is made of, and what it gets. */
export interface CopyOptions {
  /** The source must still have this ETag. */
  readonly etag?: string;
  /** How long the source is. */
  readonly bytes: number;
  /** Metadata of the copy, beside `copiedfrom`. That of the source, which others have written, is never copied. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly contentType?: string;
  readonly contentEncoding?: string;
}

export type Copied = 'copied' | 'exists' | 'missing' | 'changed';

/**
 * Longest source that the service copies before it answers
 * (https://learn.microsoft.com/rest/api/storageservices/copy-blob-from-url).
 */
const AT_ONCE_BYTES = 256 * 1024 * 1024;

/** How long the service may read the source: a copy that is put off must still find the link valid. */
const SOURCE_LINK_MS = 3_600_000;

/** How long a copy may be pending before the caller is told to try again later; shorter than a function may run. */
const PENDING_MS = 180_000;
const FIRST_LOOK_MS = 100;
const LAST_LOOK_MS = 5_000;

/** A copy that came to nothing is removed and begun anew, this often in all. */
const ROUNDS = 3;

/** The properties of a blob that can be read, or undefined. */
export async function readableProperties(client: BlobClient): Promise<BlobGetPropertiesResponse | undefined> {
  const properties = await propertiesOf(client);
  return properties && properties.accessTier !== 'Archive' && !isIncomplete(properties)
    ? properties
    : undefined;
}

async function propertiesOf(client: BlobClient): Promise<BlobGetPropertiesResponse | undefined> {
  try {
    return await client.getProperties();
  } catch (error) {
    if (isMissing(error) || isUnreadable(error)) return undefined;
    throw error;
  }
}

/**
 * Copies a blob to a name that is not taken, inside the service, whatever its size.
 *
 * Copy Blob From URL up to its 256 MiB: one request, and it is done. Beyond that Copy Blob
 * (https://learn.microsoft.com/rest/api/storageservices/copy-blob). Within one account it is mostly done when it is answered, but need not be: then the copy is there at once, of
 * the right length and without content, and its status says `pending`; whoever finds it waits as well. The service notes
 * the ETag of the source at the begin and fails the copy when it changes
 * (https://learn.microsoft.com/azure/storage/blobs/storage-blob-copy-async-javascript), and what has failed stays as an
 * empty blob: it is removed here, else it would pass for the copy.
 *
 * The source is named with a read SAS: the account key alone would open it as well, but a managed identity only where
 * it may read through the copy operation; the link works with both.
 *
 * The copy, once it is there, counts for more than the source: repeating a copy that was made answers `exists`, whatever
 * became of the source since.
 * @returns `missing` without a source that can be read, `changed` when the source has another ETag
 */
export async function copyBlob(
  source: BlobClient,
  target: BlobClient,
  options: CopyOptions,
  sign: Signer,
): Promise<Copied> {
  for (let round = 1; ; round++) {
    const begun = await begin(source, target, options, sign);
    if (begun === 'missing' || begun === 'changed') return begun;
    if (begun === 'copied' && isAtOnce(options) && options.contentType === undefined) return begun;
    const outcome = await settled(target);
    if (outcome.type === 'complete') {
      await label(target, outcome.properties, options);
      return begun;
    }
    if (outcome.type === 'failed') await removeFailed(target, outcome.properties);
    if (round === ROUNDS) throw new Error(`The copy to ${target.name} failed ${ROUNDS} times.`);
  }
}

const isAtOnce = ({ bytes }: CopyOptions): boolean => bytes <= AT_ONCE_BYTES;

async function begin(
  source: BlobClient,
  target: BlobClient,
  options: CopyOptions,
  sign: Signer,
): Promise<Copied> {
  const { etag, metadata } = options;
  try {
    const url = await sign(source, 'r', new Date(Date.now() + SOURCE_LINK_MS));
    const conditions = {
      conditions: { ifNoneMatch: '*' },
      sourceConditions: etag === undefined ? {} : { ifMatch: etag },
      // Never empty: without any metadata of its own the copy would get the source's.
      metadata: { ...metadata, copiedfrom: `${source.containerName}/${source.name}` },
    };
    if (isAtOnce(options)) await target.syncCopyFromURL(url, conditions);
    else await target.beginCopyFromURL(url, conditions);
    return 'copied';
  } catch (error) {
    // Which of several conditions is told of first is the service's choice, so we look.
    if (await exists(target)) return 'exists';
    const found = await readableProperties(source);
    if (!found) return 'missing';
    if (etag !== undefined && found.etag !== etag) return 'changed';
    throw error;
  }
}

async function exists(target: BlobClient): Promise<boolean> {
  try {
    return await target.exists();
  } catch {
    // The error that brought us here says more.
    return false;
  }
}

type Settled =
  | { readonly type: 'complete' | 'failed'; readonly properties: BlobGetPropertiesResponse }
  | { readonly type: 'gone' };

/** Waits until the copy is not pending any more. */
async function settled(target: BlobClient): Promise<Settled> {
  const deadline = Date.now() + PENDING_MS;
  for (let pause = FIRST_LOOK_MS; ; pause = Math.min(2 * pause, LAST_LOOK_MS)) {
    const properties = await propertiesOf(target);
    // Another execution has removed a failed one.
    if (!properties) return { type: 'gone' };
    const { copyStatus } = properties;
    if (copyStatus === 'failed' || copyStatus === 'aborted') return { type: 'failed', properties };
    if (copyStatus !== 'pending') return { type: 'complete', properties };
    if (Date.now() > deadline) throw new Error(`The copy to ${target.name} is still pending.`);
    await sleep(pause);
  }
}

/** The copy has the source's headers; the operation takes none. They are set afterwards, by whoever comes first. */
async function label(
  target: BlobClient,
  { etag, contentMD5, ...has }: BlobGetPropertiesResponse,
  { contentType, contentEncoding }: CopyOptions,
): Promise<void> {
  if (contentType === undefined) return;
  if (has.contentType === contentType && (has.contentEncoding ?? '') === (contentEncoding ?? '')) return;
  try {
    // What is not named is cleared.
    await target.setHTTPHeaders(
      {
        blobContentType: contentType,
        ...(contentEncoding === undefined ? {} : { blobContentEncoding: contentEncoding }),
        ...(contentMD5 ? { blobContentMD5: contentMD5 } : {}),
      },
      { conditions: etag === undefined ? {} : { ifMatch: etag } },
    );
  } catch (error) {
    if (!isConditionNotMet(error)) throw error;
  }
}

async function removeFailed(target: BlobClient, { etag }: BlobGetPropertiesResponse): Promise<void> {
  try {
    await target.deleteIfExists({ conditions: etag === undefined ? {} : { ifMatch: etag } });
  } catch (error) {
    if (!isConditionNotMet(error)) throw error;
  }
}
