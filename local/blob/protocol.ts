import type { Failure } from './errors';
import type { ContentReader } from './store/reader';

/** The body of a request, read at most once. Both ways reject when the client goes away before its end. */
export interface RequestBody {
  /** `Content-Length` in bytes; undefined when the request has none. */
  readonly length: number | undefined;
  /** The whole body. @throws {BodyTooLargeError} above `limit` bytes. */
  readAll(limit: number): Promise<Buffer>;
  chunks(): AsyncIterable<Buffer>;
}

export class BodyTooLargeError extends Error {}

/** The client closed the connection before its request was complete. */
export class ClientGoneError extends Error {}

/** What the credentials of a request allow beyond the operation itself. */
export interface Grant {
  /** False: the SAS permits to create blobs, and not to replace them. */
  readonly mayReplace: boolean;
  /** The request is signed with the account key, so it may read every source of a copy. */
  readonly accountKey: boolean;
  /** Header values are UTF-8 bytes, which Node reads as Latin-1. */
  readonly utf8Headers: boolean;
}

/** A request as the operations see it. */
export interface BlobRequest {
  readonly method: string;
  /** Path as it was sent, still encoded: it is what clients sign. */
  readonly rawPath: string;
  readonly rawQuery: string;
  readonly account: string;
  /** Empty for operations on the account. */
  readonly container: string;
  /** Empty for operations on the account or a container. */
  readonly blob: string;
  /** Names in lower case, values decoded. */
  readonly query: ReadonlyMap<string, string>;
  /** Value of a header by its name in lower case; undefined when absent. */
  readonly header: (name: string) => string | undefined;
  /** Name and value in turn, as they were sent. */
  readonly rawHeaders: readonly string[];
  readonly remoteAddress: string;
  readonly body: RequestBody;
  readonly grant: Grant;
}

export type HeaderValues = Record<string, string | number | undefined>;

/** An answer to a request. */
export interface Reply {
  readonly status: number;
  readonly headers?: HeaderValues;
  readonly body?: string | Uint8Array | ContentReader;
}

export type Outcome = Reply | Failure;

/** The headers that every answer about a resource has. */
export function stateHeaders(resource: { readonly etag: string; readonly modified: number }): HeaderValues {
  return { ETag: `"${resource.etag}"`, 'Last-Modified': new Date(resource.modified).toUTCString() };
}
