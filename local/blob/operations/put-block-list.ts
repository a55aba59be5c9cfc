import { readConditions } from '../conditions';
import { fail, failed, type Failure } from '../errors';
import { readExpected, readMd5, readMetadata, readProperties, refuseChecksums } from '../inputs';
import { MAX_BLOCK_LIST_BODY, MAX_COMMITTED_BLOCKS } from '../limits';
import { checksumsOf } from '../checksum';
import { stateHeaders, type BlobRequest, type Outcome } from '../protocol';
import type { Store, Transaction } from '../store/store';
import type { Part } from '../store/records';
import { parseBlockList, type BlockReference } from '../xml';
import { DEFAULT_CONTENT_TYPE, refuseEarly, replaceBlob } from './put-blob';

/** Finds the blocks of the list among the staged and the committed ones; releases the staged ones it does not name. */
function assemble(
  store: Store,
  tx: Transaction,
  container: number,
  name: string,
  list: readonly BlockReference[],
): Part[] | Failure {
  const stagedBlocks = store.blocks.list(container, name);
  const staged = new Map<string, Part>(
    stagedBlocks.map(({ id, segment, size }) => [id, [segment, size, id]]),
  );
  const committed = new Map<string, Part>();
  for (const part of store.blobs.parts(container, name)) {
    if (part[2] !== undefined) committed.set(part[2], part);
  }
  const parts: Part[] = [];
  for (const { from, id } of list) {
    const part =
      (from === 'Committed' ? undefined : staged.get(id)) ??
      (from === 'Uncommitted' ? undefined : committed.get(id));
    if (!part) return fail('InvalidBlockList', 'It names a block that does not exist.');
    parts.push(part);
  }
  const used = new Set(parts.map(([segment]) => segment));
  // Every part holds a reference of its own: those committed before get a second one, as the old state gives up its first.
  store.segments.retain(
    new Set([...committed.values()].map(([segment]) => segment).filter((id) => used.has(id))),
  );
  const unused = stagedBlocks.filter(({ segment }) => !used.has(segment));
  store.segments.release(
    unused.map(({ segment }) => segment),
    tx.freed,
  );
  store.blocks.deleteFor(container, name);
  return parts;
}

/** https://learn.microsoft.com/rest/api/storageservices/put-block-list */
export async function putBlockList(store: Store, request: BlobRequest): Promise<Outcome> {
  const expected = readExpected(request);
  if (failed(expected)) return expected;
  const blobMd5 = readMd5(request, 'x-ms-blob-content-md5');
  if (failed(blobMd5)) return blobMd5;
  const metadata = readMetadata(request);
  if (failed(metadata)) return metadata;
  const conditions = readConditions(request.header);
  if (failed(conditions)) return conditions;
  const early = refuseEarly(store, request, conditions);
  if (early) return early;

  const body = await request.body.readAll(MAX_BLOCK_LIST_BODY);
  const wrong = refuseChecksums(expected, checksumsOf(body, expected.crc64 !== undefined));
  if (wrong) return wrong;
  const list = parseBlockList(body.toString('utf8'));
  if (failed(list)) return list;
  if (list.length > MAX_COMMITTED_BLOCKS) return fail('BlockListTooLong');
  const given = readProperties(request);
  const blob = await store.mutate((tx) =>
    replaceBlob(store, tx, request, {
      conditions,
      properties: { ...given, contentType: given.contentType ?? DEFAULT_CONTENT_TYPE },
      metadata,
      parts: (inner, container) => assemble(store, inner, container, request.blob, list),
    }),
  );
  if (failed(blob)) return blob;
  return { status: 201, headers: { ...stateHeaders(blob), 'x-ms-request-server-encrypted': 'true' } };
}
