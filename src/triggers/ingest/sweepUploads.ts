import type { InvocationContext } from '@azure/functions';
import type { ListedBlob } from '../../clients/blobs';
import { mapLimited } from '../../clients/once';
import { uploadName } from '../../domain/ingest/names';
import { isPastNaming } from '../../domain/ingest/upload';
import type { TriggerDeps } from './deps';

/** Uploads taken at a time. */
const SLICE = 100;

const REMOVALS_AT_A_TIME = 8;

/** One run's time, well below the interval of its timer. */
const RUN_MS = 60_000;

/**
 * Removes uploads that no batch needs, or will need. One goes when both hold:
 *
 * 1. It was written last so long ago that no batch may name it any more, and that every request which could is over.
 *    The age is that of the content, not of the grant: what is put in a grant's last second can be posted for as long as
 *    everything else. A grant is valid for less than this age, so nobody writes to it any more either.
 * 2. No open batch names it, by the store of batches and after (1) held. So the reservation of any batch that found the
 *    upload is older than this look, and is seen. A batch that was accepted but not started is open, for as long as that
 *    takes, and of two batches that name one upload it waits for both. A batch that is closed was archived or has failed,
 *    and is not opened again.
 *
 * That a batch is closed is not enough to remove its upload: a request may be about to store another that names it.
 * Nor does the removal rely on its own order: it is conditional on the time of the content that was looked at.
 *
 * Blocks that were put and never committed are no blob; the service drops them after a week
 * (https://learn.microsoft.com/rest/api/storageservices/put-block#remarks).
 *
 * Works for a bounded time; the next run goes on. May run twice, and beside the batches.
 */
export function createSweepUploads({
  batches,
  blobs,
  now,
}: Pick<TriggerDeps, 'batches' | 'blobs' | 'now'>): (
  timer: unknown,
  context: InvocationContext,
) => Promise<void> {
  return async (_timer, context) => {
    const begun = now();
    // Whatever is past naming now was so before this look, and stays so: one look serves the whole run.
    const open = await batches.openUploads();
    const needed = new Set(open.map(({ dataset, uploadId }) => uploadName(dataset, uploadId)));
    const remove = async ({ name, modifiedOn }: ListedBlob): Promise<void> => {
      try {
        await blobs.remove('uploads', name, modifiedOn);
      } catch (error) {
        // One that cannot be removed must not keep the others.
        context.error(`The upload ${name} could not be removed: ${String(error)}`);
      }
    };
    let slice: ListedBlob[] = [];
    for await (const blob of blobs.list('uploads', '')) {
      if (isPastNaming(blob.modifiedOn, begun) && !needed.has(blob.name)) slice.push(blob);
      if (slice.length === SLICE) {
        await mapLimited(slice, REMOVALS_AT_A_TIME, remove);
        slice = [];
      }
      if (now().getTime() - begun.getTime() > RUN_MS) break;
    }
    await mapLimited(slice, REMOVALS_AT_A_TIME, remove);
  };
}
