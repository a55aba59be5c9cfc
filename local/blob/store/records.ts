import type { Lease } from '../lease';

export type Metadata = Readonly<Record<string, string>>;

export interface ContainerRecord {
  readonly id: number;
  readonly name: string;
  readonly etag: string;
  /** Milliseconds since the epoch, as all times of the store. */
  readonly modified: number;
  readonly metadata: Metadata;
  readonly lease: Lease | undefined;
}

/** The headers that a blob keeps and gives back, and the outcome of the copy that made it. */
export interface BlobProperties {
  readonly contentType?: string | undefined;
  readonly contentEncoding?: string | undefined;
  readonly contentLanguage?: string | undefined;
  readonly contentDisposition?: string | undefined;
  readonly cacheControl?: string | undefined;
  /** Base64. */
  readonly contentMd5?: string | undefined;
  readonly copy?: { readonly id: string; readonly source: string; readonly completed: number } | undefined;
}

/** A piece of a blob's content: segment, size in bytes, and the block it was committed as. */
export type Part = readonly [segment: number, size: number, blockId?: string];

export interface BlobRecord {
  readonly container: number;
  readonly name: string;
  readonly etag: string;
  readonly created: number;
  readonly modified: number;
  readonly size: number;
  readonly properties: BlobProperties;
  readonly metadata: Metadata;
  readonly lease: Lease | undefined;
}

export interface BlockRecord {
  readonly id: string;
  readonly segment: number;
  readonly size: number;
}
