import { checkWrite, readConditions } from '../conditions';
import { failed, type Failure } from '../errors';
import { findBlob, readMd5, readMetadata, readProperties } from '../inputs';
import { afterWrite, refuseWrite } from '../lease';
import { stateHeaders, type BlobRequest, type Outcome } from '../protocol';
import type { Store } from '../store/store';
import type { BlobRecord } from '../store/records';

/** The blob that a write asks for, if conditions and lease allow it; for use inside a transaction. */
export function writableBlob(store: Store, request: BlobRequest): BlobRecord | Failure {
  const conditions = readConditions(request.header);
  if (failed(conditions)) return conditions;
  const blob = findBlob(store, request);
  if (failed(blob)) return blob;
  const leaseId = request.header('x-ms-lease-id');
  return checkWrite(conditions, blob) ?? refuseWrite(blob.lease, leaseId, store.now()) ?? blob;
}

async function change(store: Store, request: BlobRequest, changes: Partial<BlobRecord>): Promise<Outcome> {
  const changed = await store.mutate((): BlobRecord | Failure => {
    const blob = writableBlob(store, request);
    if (failed(blob)) return blob;
    const now = store.now();
    const next = {
      ...blob,
      ...changes,
      etag: store.newEtag(),
      modified: now,
      lease: afterWrite(blob.lease, now),
    };
    store.blobs.update(next);
    return next;
  });
  if (failed(changed)) return changed;
  return { status: 200, headers: { ...stateHeaders(changed), 'x-ms-request-server-encrypted': 'true' } };
}

/** https://learn.microsoft.com/rest/api/storageservices/set-blob-metadata */
export async function setBlobMetadata(store: Store, request: BlobRequest): Promise<Outcome> {
  const metadata = readMetadata(request);
  return failed(metadata) ? metadata : change(store, request, { metadata });
}

/** https://learn.microsoft.com/rest/api/storageservices/set-blob-properties: headers that are not given are cleared. */
export async function setBlobProperties(store: Store, request: BlobRequest): Promise<Outcome> {
  const md5 = readMd5(request, 'x-ms-blob-content-md5');
  return failed(md5) ? md5 : change(store, request, { properties: readProperties(request) });
}
