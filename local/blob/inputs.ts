import { isUtf8 } from 'node:buffer';
import { fail, failed, type Failure } from './errors';
import { MAX_METADATA_SIZE } from './limits';
import type { BlobRequest, HeaderValues } from './protocol';
import type { Store } from './store/store';
import type { BlobProperties, BlobRecord, ContainerRecord, Metadata } from './store/records';
import { checkRead, readConditions } from './conditions';
import { refuseRead } from './lease';

const METADATA_PREFIX = 'x-ms-meta-';
/** C# identifiers, as far as a header can carry them: https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata#metadata-names */
const METADATA_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const BASE64_MD5 = /^[A-Za-z0-9+/]{22}==$/;
const BASE64_CRC64 = /^[A-Za-z0-9+/]{11}=$/;

/** The metadata of a request, with the case of the names as they were sent. */
export function readMetadata(request: BlobRequest): Metadata | Failure {
  const metadata = Object.create(null) as Record<string, string>; // `__proto__` is a valid name.
  const seen = new Set<string>();
  let size = 0;
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
    const header = request.rawHeaders[i] ?? '';
    if (header.length < METADATA_PREFIX.length || !header.toLowerCase().startsWith(METADATA_PREFIX)) continue;
    const name = header.slice(METADATA_PREFIX.length);
    let value = request.rawHeaders[i + 1] ?? '';
    if (!METADATA_NAME.test(name) || seen.has(name.toLowerCase())) return fail('InvalidMetadata');
    if (request.grant.utf8Headers) {
      const bytes = Buffer.from(value, 'latin1');
      if (isUtf8(bytes)) value = bytes.toString('utf8');
    }
    // What cannot be sent back in a header is refused.
    if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) return fail('InvalidMetadata');
    seen.add(name.toLowerCase());
    metadata[name] = value;
    size += name.length + value.length;
  }
  return size > MAX_METADATA_SIZE ? fail('MetadataTooLarge') : metadata;
}

/** Metadata as headers of an answer. */
export function metadataHeaders(metadata: Metadata): HeaderValues {
  const headers: HeaderValues = {};
  for (const name of Object.keys(metadata)) headers[METADATA_PREFIX + name] = metadata[name];
  return headers;
}

/** The content headers that a request gives to a blob (`x-ms-blob-content-type` and so on). */
export function readProperties(request: BlobRequest): BlobProperties {
  return {
    contentType: request.header('x-ms-blob-content-type'),
    contentEncoding: request.header('x-ms-blob-content-encoding'),
    contentLanguage: request.header('x-ms-blob-content-language'),
    contentDisposition: request.header('x-ms-blob-content-disposition'),
    cacheControl: request.header('x-ms-blob-cache-control'),
    contentMd5: request.header('x-ms-blob-content-md5'),
  };
}

/** A base64 MD5 in a header; undefined when absent. */
export function readMd5(request: BlobRequest, name: string): string | undefined | Failure {
  const value = request.header(name);
  return value === undefined || BASE64_MD5.test(value) ? value : fail('InvalidMd5', `It is in ${name}.`);
}

/** What the client says about the content it sends. */
export interface Expected {
  readonly md5: string | undefined;
  readonly crc64: string | undefined;
}

/** Reads the checksums of a body: `Content-MD5` (or the header `md5Header`) and `x-ms-content-crc64`. */
export function readExpected(request: BlobRequest, md5Header = 'content-md5'): Expected | Failure {
  const md5 = readMd5(request, md5Header);
  if (failed(md5)) return md5;
  const crc64 = request.header('x-ms-content-crc64');
  if (crc64 !== undefined && !BASE64_CRC64.test(crc64))
    return fail('InvalidHeaderValue', 'x-ms-content-crc64');
  if (crc64 !== undefined && request.header('content-md5') !== undefined)
    return fail('BothCrc64AndMd5HeaderPresent');
  return { md5, crc64 };
}

/** Compares what was announced with what came. */
export function refuseChecksums(expected: Expected, actual: Expected): Failure | undefined {
  if (expected.md5 !== undefined && expected.md5 !== actual.md5) return fail('Md5Mismatch');
  if (expected.crc64 !== undefined && expected.crc64 !== actual.crc64) return fail('Crc64Mismatch');
  return undefined;
}

/** `Content-Length` of a request that must have a body of at most `limit` bytes. */
export function readLength(request: BlobRequest, limit: number): number | Failure {
  const { length } = request.body;
  if (length === undefined) return fail('MissingContentLengthHeader');
  return length > limit ? fail('RequestBodyTooLarge', `At most ${limit} bytes.`) : length;
}

export function findContainer(store: Store, request: BlobRequest): ContainerRecord | Failure {
  return store.containers.find(request.container) ?? fail('ContainerNotFound');
}

/** The id of the request's container. */
export function findContainerId(store: Store, request: BlobRequest): number | Failure {
  return store.containers.id(request.container) ?? fail('ContainerNotFound');
}

export function findBlob(store: Store, request: BlobRequest): BlobRecord | Failure {
  const container = findContainerId(store, request);
  if (failed(container)) return container;
  return store.blobs.find(container, request.blob) ?? fail('BlobNotFound');
}

/** The blob that a read asks for, if its conditions and lease allow it. */
export function readableBlob(store: Store, request: BlobRequest): BlobRecord | Failure {
  const conditions = readConditions(request.header);
  if (failed(conditions)) return conditions;
  const blob = findBlob(store, request);
  if (failed(blob)) return blob;
  const refused =
    checkRead(conditions, blob) ?? refuseRead(blob.lease, request.header('x-ms-lease-id'), store.now());
  return refused ?? blob;
}

/** A whole number between two limits from the query; undefined when absent. */
export function readNumber(
  request: BlobRequest,
  name: string,
  min: number,
  max: number,
): number | undefined | Failure {
  const text = request.query.get(name);
  if (text === undefined || text === '') return undefined;
  const value = Number(text);
  if (!/^\d{1,10}$/.test(text) || value < min)
    return fail('OutOfRangeQueryParameterValue', `${name} must be at least ${min}.`);
  return Math.min(value, max);
}
