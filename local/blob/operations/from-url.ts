import { readConditions, checkRead } from '../conditions';
import { fail, failed, type Failure } from '../errors';
import type { BlobRequest, Outcome, RequestBody } from '../protocol';
import { ContentReader } from '../store/reader';
import type { Store } from '../store/store';
import type { BlobProperties, BlobRecord } from '../store/records';
import type { CopySource } from './copy-blob';
import { putBlob } from './put-blob';
import { putBlock } from './put-block';

/** Headers that describe the body of Put Blob and Put Block → those that describe the source in the forms with a URL. */
const SOURCE_CHECKSUMS: Readonly<Record<string, string>> = {
  'content-md5': 'x-ms-source-content-md5',
  'x-ms-content-crc64': 'x-ms-source-content-crc64',
};

/** Headers that give a blob its properties → the property of the source that stands in for them. */
const SOURCE_PROPERTIES: Readonly<Record<string, keyof BlobProperties>> = {
  'content-type': 'contentType',
  'content-encoding': 'contentEncoding',
  'content-language': 'contentLanguage',
  'cache-control': 'cacheControl',
  'x-ms-blob-content-disposition': 'contentDisposition',
};

function findSource(store: Store, request: BlobRequest, source: CopySource): BlobRecord | Failure {
  const conditions = readConditions(request.header, 'x-ms-source-');
  if (failed(conditions)) return conditions;
  const container = store.containers.id(source.container);
  if (container === undefined) return fail('ContainerNotFound', 'It is the source.');
  const blob = store.blobs.find(container, source.blob);
  if (!blob) return fail('BlobNotFound', 'It is the source.');
  return checkRead(conditions, blob) ? fail('SourceConditionNotMet') : blob;
}

/** The part of the source that `x-ms-source-range` names; all of it without. */
function readSourceRange(request: BlobRequest, size: number): { from: number; length: number } | Failure {
  const text = request.header('x-ms-source-range');
  if (text === undefined) return { from: 0, length: size };
  const [, first, last] = /^bytes=(\d{1,15})-(\d{1,15})?$/.exec(text) ?? [];
  if (first === undefined) return fail('InvalidHeaderValue', 'x-ms-source-range');
  const from = Number(first);
  const to = Math.min(last === undefined ? size - 1 : Number(last), size - 1);
  return from <= to
    ? { from, length: to - from + 1 }
    : fail('InvalidRange', 'It is the range of the source.');
}

function bodyOf(content: Uint8Array | ContentReader): RequestBody {
  if (!(content instanceof ContentReader)) {
    const bytes = Buffer.from(content);
    return { length: bytes.length, readAll: async () => bytes, chunks: () => onePiece(bytes) };
  }
  return {
    length: content.length,
    readAll: () => content.readAll(),
    chunks: () => pieces(content),
  };
}

async function* onePiece(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

async function* pieces(content: ContentReader): AsyncGenerator<Buffer> {
  for await (const piece of content.pieces()) yield Buffer.from(piece.buffer, piece.byteOffset, piece.length);
}

/** Runs a Put with the content of the source in place of a body. */
async function putFrom(
  store: Store,
  request: BlobRequest,
  source: CopySource,
  put: (store: Store, request: BlobRequest) => Promise<Outcome>,
): Promise<Outcome> {
  if (request.body.length !== 0) return fail('InvalidHeaderValue', 'Content-Length must be 0.');
  const blob = findSource(store, request, source);
  if (failed(blob)) return blob;
  const range = readSourceRange(request, blob.size);
  if (failed(range)) return range;
  const copies = request.header('x-ms-copy-source-blob-properties')?.toLowerCase() !== 'false';
  const header = (name: string): string | undefined => {
    const checksum = SOURCE_CHECKSUMS[name];
    if (checksum !== undefined) return request.header(checksum);
    const property = SOURCE_PROPERTIES[name];
    if (property === undefined) return request.header(name);
    const given = name.startsWith('x-ms-') ? request.header(name) : undefined;
    return given ?? (copies ? (blob.properties[property] as string | undefined) : undefined);
  };
  const content = store.read(blob.container, blob.name, range.from, range.length);
  try {
    return await put(store, { ...request, header, body: bodyOf(content) });
  } finally {
    if (content instanceof ContentReader) content.close();
  }
}

/** https://learn.microsoft.com/rest/api/storageservices/put-blob-from-url */
export function putBlobFromUrl(store: Store, request: BlobRequest, source: CopySource): Promise<Outcome> {
  return putFrom(store, request, source, putBlob);
}

/** https://learn.microsoft.com/rest/api/storageservices/put-block-from-url */
export function putBlockFromUrl(store: Store, request: BlobRequest, source: CopySource): Promise<Outcome> {
  return putFrom(store, request, source, putBlock);
}
