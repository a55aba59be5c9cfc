import { fail, failed, type Failure } from '../errors';
import type { BlobRequest, Outcome } from '../protocol';
import type { Store } from '../store/store';
import { writableBlob } from './set-blob';

/** https://learn.microsoft.com/rest/api/storageservices/delete-blob. There are no snapshots, so none stand in the way. */
export async function deleteBlob(store: Store, request: BlobRequest): Promise<Outcome> {
  if (request.header('x-ms-delete-snapshots') === 'only') {
    return fail('NotImplemented', 'Snapshots are not implemented.');
  }
  const outcome = await store.mutate((tx): undefined | Failure => {
    const blob = writableBlob(store, request);
    if (failed(blob)) return blob;
    store.release(tx, store.blobs.parts(blob.container, blob.name));
    store.dropStaged(tx, blob.container, blob.name);
    store.blobs.delete(blob.container, blob.name);
    return undefined;
  });
  return outcome ?? { status: 202, headers: { 'x-ms-delete-type-permanent': 'true' } };
}
