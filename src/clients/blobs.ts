import {
  BlobServiceClient,
  StorageSharedKeyCredential,
  type BlobClient,
  type BlobDeleteOptions,
} from '@azure/storage-blob';
import { CONTAINERS, type Container } from '../domain/ingest/names';
import { copyBlob, readableProperties, type Copied, type CopyOptions } from './blobCopy';
import { hasCode, isConditionNotMet, isIncomplete, isMissing } from './blobErrors';
import { createSigner } from './blobSas';
import { streamBlob } from './blobStream';
import { WriteOnceCache } from './cache';
import { managedIdentity, type Connection } from './connection';
import { once } from './once';
import { withKeyObject } from './signing';

/** Metadata travels in headers: names and values are plain ASCII. */
export type Metadata = Record<string, string>;

export interface BlobOptions {
  readonly contentType?: string;
  readonly metadata?: Metadata;
}

export interface ListedBlob {
  readonly name: string;
  readonly bytes: number;
  readonly modifiedOn: Date;
  readonly metadata: Metadata;
}

export { BlobChanged } from './blobErrors';

export interface BlobPath {
  readonly container: Container;
  readonly name: string;
}

/** What is known of a blob without reading it. */
export interface BlobDescription {
  readonly bytes: number;
  readonly etag: string;
  readonly contentType?: string;
  readonly modifiedOn: Date;
}

/** The app's blobs. All but the inbox and the uploads are written once and never changed. */
export interface Blobs {
  /** Creates a blob, unless it is there: a name is written once. */
  create(
    container: Container,
    name: string,
    content: Buffer,
    options?: BlobOptions,
  ): Promise<'created' | 'exists'>;
  /** Writes a blob, over the one that is there: its time of modification is now then. */
  put(
    container: Container,
    name: string,
    content: Buffer,
    contentType: string,
    metadata?: Metadata,
  ): Promise<void>;
  /** The content, or undefined when there is no such blob. */
  read(container: Container, name: string): Promise<Buffer | undefined>;
  /** Says that nobody in this process is likely to read the blob again: its memory can be had for something else. */
  forget(container: Container, name: string): void;
  metadata(container: Container, name: string): Promise<Metadata | undefined>;
  /** All blobs whose names begin with `prefix`, with their metadata. */
  list(container: Container, prefix: string): AsyncIterable<ListedBlob>;
  /** Removes a blob, unless it was modified after `unmodifiedSince`; a missing one is no error. No lease keeps it. */
  remove(container: Container, name: string, unmodifiedSince?: Date): Promise<void>;
  /** A URL by which anybody may write this one blob, as often as they like, until `expiresAt`: no more, no less. */
  grant(container: Container, name: string, expiresAt: Date): Promise<string>;
  /** A blob's properties; undefined when there is none, or none that can be read. */
  describe(container: Container, name: string): Promise<BlobDescription | undefined>;
  /**
   * The content in pieces of bounded size, as it is stored (a `Content-Encoding` is not decoded); undefined when there
   * is no such blob. With `etag` only that content. It has to be read or left by `return`: a connection waits for it.
   * @throws BlobChanged when the content is, or while it is read becomes, another one
   */
  stream(
    container: Container,
    name: string,
    options?: { readonly etag?: string },
  ): Promise<AsyncIterable<Buffer> | undefined>;
  /** Copies a blob inside the service to a name that is not taken; waits until it is done. May be repeated. */
  copy(from: BlobPath, to: BlobPath, options: CopyOptions): Promise<Copied>;
  /** Replaces a blob's metadata, which gives it another ETag; with `etag` only if it still has this one. */
  setMetadata(
    container: Container,
    name: string,
    metadata: Metadata,
    options?: { readonly etag?: string },
  ): Promise<'set' | 'missing' | 'changed'>;
}

/** What is parsed of it takes a few times that. */
const CACHE_BYTES = 24 * 1024 * 1024;

/** What one step of a batch writes and the next one reads. */
const READ_SOON: ReadonlySet<Container> = new Set(['inbox', 'chunks', 'validated']);

/** Removes a blob with its snapshots. A lease is broken: whoever may write a blob may lease it, and make snapshots. */
async function removeBlob(client: BlobClient, unmodifiedSince: Date | undefined): Promise<void> {
  const options: BlobDeleteOptions = {
    deleteSnapshots: 'include',
    conditions: unmodifiedSince ? { ifUnmodifiedSince: unmodifiedSince } : {},
  };
  try {
    await client.deleteIfExists(options);
  } catch (error) {
    if (!hasCode(error, 'LeaseIdMissing')) throw error;
    await client.getBlobLeaseClient().breakLease(0);
    await client.deleteIfExists(options);
  }
}

function open(connection: Connection): BlobServiceClient {
  const retryOptions = { maxTries: 4, retryDelayInMs: 200, maxRetryDelayInMs: 2_000 };
  if (connection.type === 'identity')
    return new BlobServiceClient(connection.endpoint, managedIdentity(), { retryOptions });
  const service = BlobServiceClient.fromConnectionString(connection.connectionString, { retryOptions });
  const { url, credential } = service;
  return credential instanceof StorageSharedKeyCredential
    ? new BlobServiceClient(url, withKeyObject(credential), { retryOptions })
    : service;
}

/** @param createResources create missing containers at the first use */
export function createBlobs(connection: Connection, createResources: boolean): Blobs {
  const service = open(connection);
  const sign = createSigner(service);
  const cache = new WriteOnceCache(CACHE_BYTES);
  const containers = Object.fromEntries(
    CONTAINERS.map((name) => {
      const client = service.getContainerClient(name);
      return [
        name,
        { client, ready: once(async () => createResources && (await client.createIfNotExists())) },
      ];
    }),
  ) as Record<
    Container,
    { client: ReturnType<BlobServiceClient['getContainerClient']>; ready: () => Promise<unknown> }
  >;

  const blob = async (container: Container, name: string) => {
    const { client, ready } = containers[container];
    await ready();
    return client.getBlockBlobClient(name);
  };

  return {
    async create(container, name, content, { contentType, metadata } = {}) {
      const client = await blob(container, name);
      try {
        await client.upload(content, content.length, {
          conditions: { ifNoneMatch: '*' },
          ...(metadata ? { metadata } : {}),
          ...(contentType ? { blobHTTPHeaders: { blobContentType: contentType } } : {}),
        });
      } catch (error) {
        if (hasCode(error, 'BlobAlreadyExists')) return 'exists';
        throw error;
      }
      if (READ_SOON.has(container)) cache.set(`${container}/${name}`, content);
      return 'created';
    },

    async put(container, name, content, contentType, metadata = {}) {
      const client = await blob(container, name);
      const blobHTTPHeaders = { blobContentType: contentType };
      await client.upload(content, content.length, { blobHTTPHeaders, metadata });
      cache.set(`${container}/${name}`, content);
    },

    async read(container, name) {
      const cached = cache.get(`${container}/${name}`);
      if (cached) return cached;
      const client = await blob(container, name);
      try {
        const content = await client.downloadToBuffer();
        cache.set(`${container}/${name}`, content);
        return content;
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    },

    forget(container, name) {
      cache.delete(`${container}/${name}`);
    },

    async metadata(container, name) {
      const client = await blob(container, name);
      try {
        const properties = await client.getProperties();
        return isIncomplete(properties) ? undefined : (properties.metadata ?? {});
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    },

    async *list(container, prefix) {
      const { client, ready } = containers[container];
      await ready();
      for await (const { name, properties, metadata } of client.listBlobsFlat({
        prefix,
        includeMetadata: true,
      })) {
        yield {
          name,
          bytes: properties.contentLength ?? 0,
          modifiedOn: properties.lastModified,
          metadata: metadata ?? {},
        };
      }
    },

    async remove(container, name, unmodifiedSince) {
      try {
        await removeBlob(await blob(container, name), unmodifiedSince);
      } catch (error) {
        if (hasCode(error, 'ConditionNotMet')) return;
        throw error;
      }
      cache.delete(`${container}/${name}`);
    },

    async grant(container, name, expiresAt) {
      return sign(await blob(container, name), 'cw', expiresAt);
    },

    async describe(container, name) {
      const found = await readableProperties(await blob(container, name));
      // The service always tells both.
      if (found?.etag === undefined || !found.lastModified) return undefined;
      const { contentLength = 0, etag, contentType, lastModified } = found;
      return { bytes: contentLength, etag, contentType, modifiedOn: lastModified };
    },

    async stream(container, name, { etag } = {}) {
      return streamBlob(await blob(container, name), etag);
    },

    async copy(from, to, options) {
      const source = await blob(from.container, from.name);
      return copyBlob(source, await blob(to.container, to.name), options, sign);
    },

    async setMetadata(container, name, metadata, { etag } = {}) {
      const client = await blob(container, name);
      try {
        await client.setMetadata(metadata, { conditions: etag === undefined ? {} : { ifMatch: etag } });
        return 'set';
      } catch (error) {
        if (isMissing(error)) return 'missing';
        if (isConditionNotMet(error)) return 'changed';
        throw error;
      }
    },
  };
}
