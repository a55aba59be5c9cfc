import { blobHeaders, OVERRIDES } from '../resource-headers';
import { Crc64, md5Of } from '../checksum';
import { fail, failed, type Failure } from '../errors';
import { metadataHeaders, readableBlob } from '../inputs';
import { MAX_CHECKED_RANGE } from '../limits';
import { stateHeaders, type BlobRequest, type HeaderValues, type Outcome } from '../protocol';
import { ContentReader } from '../store/reader';
import type { Store } from '../store/store';

interface Range {
  readonly offset: number;
  readonly length: number;
}

/** The range that the request asks for: `bytes=first-last` or `bytes=first-`; undefined without one. */
function readRange(request: BlobRequest, size: number): Range | undefined | Failure {
  const text = request.header('x-ms-range') ?? request.header('range');
  if (text === undefined) return undefined;
  const match = /^bytes=(\d{1,15})-(\d{0,15})$/.exec(text.trim());
  if (!match) return fail('InvalidHeaderValue', 'A range must be bytes=first-last or bytes=first-.');
  const offset = Number(match[1]);
  const last = match[2] === '' ? size - 1 : Math.min(Number(match[2]), size - 1);
  if (match[2] !== '' && Number(match[2]) < offset)
    return fail('InvalidHeaderValue', 'The range is backwards.');
  if (offset >= size) return fail('InvalidRange', undefined, { 'Content-Range': `bytes */${size}` });
  return { offset, length: last - offset + 1 };
}

function overrides(request: BlobRequest): HeaderValues {
  const headers: HeaderValues = {};
  if (!request.query.has('sig')) return headers;
  for (const [parameter, header] of Object.entries(OVERRIDES)) {
    const value = request.query.get(parameter);
    if (value) headers[header] = value;
  }
  return headers;
}

async function checkedRange(
  request: BlobRequest,
  content: Uint8Array | ContentReader,
): Promise<Outcome | undefined> {
  const withMd5 = request.header('x-ms-range-get-content-md5') === 'true';
  const withCrc64 = request.header('x-ms-range-get-content-crc64') === 'true';
  if (!withMd5 && !withCrc64) return undefined;
  if (withMd5 && withCrc64) return fail('InvalidInput', 'Only one checksum of a range can be asked for.');
  const { length } = content;
  if (length > MAX_CHECKED_RANGE)
    return fail('OutOfRangeInput', 'A range with a checksum has at most 4 MiB.');
  const data = content instanceof ContentReader ? await content.readAll() : content;
  const headers = withMd5
    ? { 'Content-MD5': md5Of(data) }
    : { 'x-ms-content-crc64': new Crc64().update(data).digest() };
  return { status: 206, headers, body: data };
}

/** https://learn.microsoft.com/rest/api/storageservices/get-blob */
export async function getBlob(store: Store, request: BlobRequest): Promise<Outcome> {
  const blob = readableBlob(store, request);
  if (failed(blob)) return blob;
  const range = readRange(request, blob.size);
  if (failed(range)) return range;
  const headers: HeaderValues = { ...blobHeaders(blob, store.now()), ...overrides(request) };
  const { offset, length } = range ?? { offset: 0, length: blob.size };
  const content = store.read(blob.container, blob.name, offset, length);
  const { contentMd5 } = blob.properties;
  if (!range) {
    headers['Content-MD5'] = contentMd5;
    return { status: 200, headers, body: content };
  }
  headers['Content-Range'] = `bytes ${offset}-${offset + length - 1}/${blob.size}`;
  headers['x-ms-blob-content-md5'] = contentMd5;
  try {
    const checked = await checkedRange(request, content);
    if (!checked) return { status: 206, headers, body: content };
    if (content instanceof ContentReader) content.close();
    return failed(checked) ? checked : { ...checked, headers: { ...headers, ...checked.headers } };
  } catch (error) {
    if (content instanceof ContentReader) content.close();
    throw error;
  }
}

/** https://learn.microsoft.com/rest/api/storageservices/get-blob-properties */
export function getBlobProperties(store: Store, request: BlobRequest): Outcome {
  const blob = readableBlob(store, request);
  if (failed(blob)) return blob;
  return {
    status: 200,
    headers: {
      ...blobHeaders(blob, store.now()),
      'Content-Length': blob.size,
      'Content-MD5': blob.properties.contentMd5,
      'x-ms-access-tier': 'Hot',
      'x-ms-access-tier-inferred': 'true',
      ...overrides(request),
    },
  };
}

/** https://learn.microsoft.com/rest/api/storageservices/get-blob-metadata: by GET, so the length is that of the empty body. */
export function getBlobMetadata(store: Store, request: BlobRequest): Outcome {
  const blob = readableBlob(store, request);
  if (failed(blob)) return blob;
  return { status: 200, headers: { ...stateHeaders(blob), ...metadataHeaders(blob.metadata) } };
}
