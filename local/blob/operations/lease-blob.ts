import { checkWrite, readConditions } from '../conditions';
import { failed, type Failure } from '../errors';
import { findBlob } from '../inputs';
import { readAction, type Step } from '../lease-actions';
import { stateHeaders, type BlobRequest, type Outcome } from '../protocol';
import type { Store } from '../store/store';
import type { BlobRecord } from '../store/records';

/** https://learn.microsoft.com/rest/api/storageservices/lease-blob. The etag and the time of the blob stay as they are. */
export async function leaseBlob(store: Store, request: BlobRequest): Promise<Outcome> {
  const action = readAction(request);
  if (failed(action)) return action;
  const conditions = readConditions(request.header);
  if (failed(conditions)) return conditions;
  const done = await store.mutate((): { blob: BlobRecord; step: Step } | Failure => {
    const blob = findBlob(store, request);
    if (failed(blob)) return blob;
    const refused = checkWrite(conditions, blob);
    if (refused) return refused;
    const step = action(blob.lease, request, store.now());
    if (failed(step)) return step;
    store.blobs.update({ ...blob, lease: step.lease });
    return { blob, step };
  });
  if (failed(done)) return done;
  return { status: done.step.status, headers: { ...stateHeaders(done.blob), ...done.step.headers } };
}
