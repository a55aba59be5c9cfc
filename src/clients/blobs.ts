import { BlobServiceClient, RestError } from '@azure/storage-blob';
import { CONTAINERS, type Container } from '../domain/ingest/names';
import { WriteOnceCache } from './cache';
import { managedIdentity, type Connection } from './connection';
import { once } from './once';

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

/** The app's blobs. All but the inbox are written once and never changed. */
export interface Blobs {
  /** Creates a blob, unless it is there: a name is written once. */
  create(
    container: Container,
    name: string,
    content: Buffer,
    options?: BlobOptions,
  ): Promise<'created' | 'exists'>;
  /** Writes a blob, over the one that is there: its time of modification is now then. */
  put(container: Container, name: string, content: Buffer): Promise<void>;
  /** The content, or undefined when there is no such blob. */
  read(container: Container, name: string): Promise<Buffer | undefined>;
  metadata(container: Container, name: string): Promise<Metadata | undefined>;
  /** All blobs whose names begin with `prefix`, with their metadata. */
  list(container: Container, prefix: string): AsyncIterable<ListedBlob>;
  /** Removes a blob, unless it was modified after `unmodifiedSince`; a missing one is no error. */
  remove(container: Container, name: string, unmodifiedSince?: Date): Promise<void>;
}

/** What is parsed of it takes a few times that. */
const CACHE_BYTES = 48 * 1024 * 1024;

const hasCode = (error: unknown, ...codes: (string | undefined)[]): boolean =>
  error instanceof RestError &&
  codes.includes(error.code ?? (error.details as { errorCode?: string } | undefined)?.errorCode);

const isMissing = (error: unknown): boolean =>
  hasCode(error, 'BlobNotFound', 'ContainerNotFound') ||
  (error instanceof RestError && error.statusCode === 404);

/** @param createResources create missing containers at the first use */
export function createBlobs(connection: Connection, createResources: boolean): Blobs {
  const retryOptions = { maxTries: 4, retryDelayInMs: 200, maxRetryDelayInMs: 2_000 };
  const service =
    connection.type === 'connectionString'
      ? BlobServiceClient.fromConnectionString(connection.connectionString, { retryOptions })
      : new BlobServiceClient(connection.endpoint, managedIdentity(), { retryOptions });
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
      cache.set(`${container}/${name}`, content);
      return 'created';
    },

    async put(container, name, content) {
      await (await blob(container, name)).upload(content, content.length);
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

    async metadata(container, name) {
      const client = await blob(container, name);
      try {
        return (await client.getProperties()).metadata ?? {};
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
      const client = await blob(container, name);
      try {
        await client.deleteIfExists(
          unmodifiedSince ? { conditions: { ifUnmodifiedSince: unmodifiedSince } } : {},
        );
      } catch (error) {
        if (hasCode(error, 'ConditionNotMet')) return;
        throw error;
      }
      cache.delete(`${container}/${name}`);
    },
  };
}
