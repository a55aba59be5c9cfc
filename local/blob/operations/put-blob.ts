import { checkWrite, readConditions, type Conditions } from '../conditions';
import { fail, failed, type Failure } from '../errors';
import {
  findContainerId,
  readExpected,
  readLength,
  readMd5,
  readMetadata,
  readProperties,
  refuseChecksums,
} from '../inputs';
import { afterWrite, refuseWrite } from '../lease';
import { INLINE_CONTENT_SIZE, MAX_PUT_BLOB_SIZE } from '../limits';
import { stateHeaders, type BlobRequest, type Outcome } from '../protocol';
import type { Store, Transaction } from '../store/store';
import type { BlobProperties, BlobRecord, Metadata, Part } from '../store/records';

/** The content type of a blob that was stored without one. */
export const DEFAULT_CONTENT_TYPE = 'application/octet-stream';

/** A new state of a blob, whatever operation makes it. */
export interface NewBlob {
  readonly conditions: Conditions;
  readonly properties: BlobProperties;
  readonly metadata: Metadata;
  /** The content, made inside the transaction once the checks have passed; with a reference of its own to each segment. */
  readonly parts: (tx: Transaction, container: number, replaced: BlobRecord | undefined) => Part[] | Failure;
}

/** What a write to a blob needs to hold: container, conditions, lease and permission. */
function checkReplace(
  store: Store,
  request: BlobRequest,
  conditions: Conditions,
): { container: number; replaced: BlobRecord | undefined } | Failure {
  const container = findContainerId(store, request);
  if (failed(container)) return container;
  const replaced = store.blobs.find(container, request.blob);
  const leaseId = request.header('x-ms-lease-id');
  const refused = checkWrite(conditions, replaced) ?? refuseWrite(replaced?.lease, leaseId, store.now());
  if (refused) return refused;
  if (replaced && !request.grant.mayReplace) {
    return fail('AuthorizationPermissionMismatch', 'The SAS permits to create blobs, and this one exists.');
  }
  return { container, replaced };
}

/** Refuses early what the transaction would refuse, before a large body is stored in vain. */
export function refuseEarly(store: Store, request: BlobRequest, conditions: Conditions): Failure | undefined {
  const checked = checkReplace(store, request, conditions);
  return failed(checked) ? checked : undefined;
}

/** Stores a new state of the request's blob inside a transaction; frees what it had before. */
export function replaceBlob(
  store: Store,
  tx: Transaction,
  request: BlobRequest,
  state: NewBlob,
): BlobRecord | Failure {
  const checked = checkReplace(store, request, state.conditions);
  if (failed(checked)) return checked;
  const { container, replaced } = checked;
  const before = replaced ? store.blobs.parts(container, request.blob) : [];
  const parts = state.parts(tx, container, replaced);
  if (failed(parts)) return parts;
  const now = store.now();
  const blob: BlobRecord = {
    container,
    name: request.blob,
    etag: store.newEtag(),
    created: replaced?.created ?? now,
    modified: now,
    size: parts.reduce((sum, [, size]) => sum + size, 0),
    properties: state.properties,
    metadata: state.metadata,
    lease: afterWrite(replaced?.lease, now),
  };
  store.blobs.put(blob, parts);
  store.release(tx, before);
  return blob;
}

/** https://learn.microsoft.com/rest/api/storageservices/put-blob (block blobs) */
export async function putBlob(store: Store, request: BlobRequest): Promise<Outcome> {
  const type = request.header('x-ms-blob-type');
  if (type === undefined) return fail('MissingRequiredHeader', 'x-ms-blob-type');
  if (type !== 'BlockBlob') return fail('NotImplemented', 'Page and append blobs are not implemented.');
  const length = readLength(request, MAX_PUT_BLOB_SIZE);
  if (failed(length)) return length;
  const expected = readExpected(request);
  if (failed(expected)) return expected;
  const blobMd5 = readMd5(request, 'x-ms-blob-content-md5');
  if (failed(blobMd5)) return blobMd5;
  const metadata = readMetadata(request);
  if (failed(metadata)) return metadata;
  const conditions = readConditions(request.header);
  if (failed(conditions)) return conditions;
  const early = length > INLINE_CONTENT_SIZE ? refuseEarly(store, request, conditions) : undefined;
  if (early) return early;

  const received = await store.content.receive(request.body, length, expected.crc64 !== undefined);
  const announced = { ...expected, md5: blobMd5 ?? expected.md5 };
  const wrong = refuseChecksums(announced, received.checksums);
  const given = readProperties(request);
  const properties: BlobProperties = {
    ...given,
    contentType: given.contentType ?? request.header('content-type') ?? DEFAULT_CONTENT_TYPE,
    contentEncoding: given.contentEncoding ?? request.header('content-encoding'),
    contentLanguage: given.contentLanguage ?? request.header('content-language'),
    cacheControl: given.cacheControl ?? request.header('cache-control'),
    contentMd5: received.checksums.md5,
  };
  const blob = await store.mutate((tx) => {
    if (wrong) return wrong;
    return replaceBlob(store, tx, request, {
      conditions,
      properties,
      metadata,
      parts: (inner, container) => {
        store.dropStaged(inner, container, request.blob);
        return received.size === 0 ? [] : [[store.addSegment(received), received.size]];
      },
    });
  }, received);
  if (failed(blob)) return blob;
  return {
    status: 201,
    headers: {
      ...stateHeaders(blob),
      'Content-MD5': received.checksums.md5,
      'x-ms-content-crc64': received.checksums.crc64,
      'x-ms-request-server-encrypted': 'true',
    },
  };
}
