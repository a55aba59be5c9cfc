import { fail, failed, type Failure } from '../errors';
import { findContainerId, readExpected, readLength, refuseChecksums } from '../inputs';
import { refuseWrite } from '../lease';
import { MAX_BLOCK_ID_SIZE, MAX_BLOCK_SIZE, MAX_UNCOMMITTED_BLOCKS } from '../limits';
import type { BlobRequest, Outcome } from '../protocol';
import type { Received } from '../store/content';
import type { Store, Transaction } from '../store/store';

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** A block id of the query: base64 of at most 64 bytes. */
function readBlockId(request: BlobRequest): string | Failure {
  const id = request.query.get('blockid');
  if (id === undefined) return fail('MissingRequiredQueryParameter', 'blockid');
  if (id === '' || !BASE64.test(id)) return fail('InvalidQueryParameterValue', 'blockid must be base64.');
  if (Buffer.byteLength(id, 'base64') > MAX_BLOCK_ID_SIZE)
    return fail('InvalidBlobOrBlock', 'The id is too long.');
  return id;
}

function checkStage(store: Store, request: BlobRequest, id: string): number | Failure {
  const container = findContainerId(store, request);
  if (failed(container)) return container;
  const blob = store.blobs.find(container, request.blob);
  const refused = refuseWrite(blob?.lease, request.header('x-ms-lease-id'), store.now());
  if (refused) return refused;
  if (blob && !request.grant.mayReplace) return fail('AuthorizationPermissionMismatch');
  const { count, length } = store.blocks.staged(container, request.blob);
  if (length !== null && length !== id.length) {
    return fail('InvalidBlobOrBlock', 'All block ids of a blob must have the same length.');
  }
  return count >= MAX_UNCOMMITTED_BLOCKS ? fail('BlockCountExceedsLimit') : container;
}

function stage(
  store: Store,
  tx: Transaction,
  request: BlobRequest,
  id: string,
  received: Received,
): undefined | Failure {
  const container = checkStage(store, request, id);
  if (failed(container)) return container;
  const replaced = store.blocks.segment(container, request.blob, id);
  if (replaced !== undefined) store.segments.release([replaced], tx.freed);
  const block = { id, segment: store.addSegment(received), size: received.size };
  store.blocks.put(container, request.blob, block, store.now());
  return undefined;
}

/** https://learn.microsoft.com/rest/api/storageservices/put-block */
export async function putBlock(store: Store, request: BlobRequest): Promise<Outcome> {
  const id = readBlockId(request);
  if (failed(id)) return id;
  const length = readLength(request, MAX_BLOCK_SIZE);
  if (failed(length)) return length;
  if (length === 0) return fail('InvalidHeaderValue', 'A block may not be empty.');
  const expected = readExpected(request);
  if (failed(expected)) return expected;
  const early = checkStage(store, request, id);
  if (failed(early)) return early;

  const received = await store.content.receive(request.body, length, expected.crc64 !== undefined);
  const wrong = refuseChecksums(expected, received.checksums);
  const outcome = await store.mutate((tx) => wrong ?? stage(store, tx, request, id, received), received);
  if (failed(outcome)) return outcome;
  return {
    status: 201,
    headers: {
      'Content-MD5': expected.crc64 === undefined ? received.checksums.md5 : undefined,
      'x-ms-content-crc64': received.checksums.crc64,
      'x-ms-request-server-encrypted': 'true',
    },
  };
}
