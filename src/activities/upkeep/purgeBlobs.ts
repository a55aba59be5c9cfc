import type { ListedBlob } from '../../clients/blobs';
import { isClosed, type Batch } from '../../domain/ingest/batch';
import type { Container } from '../../domain/ingest/names';
import { AT_A_TIME, type Slice, type UpkeepDeps } from './deps';

/** Blobs looked at together: of one batch, which may have more. */
const TOGETHER = 100;

/** Blobs that one run removes at most. */
const MOST = 5_000;

/** So often within the age a round begins, when the one before has ended: what is young is listed in each. */
const ROUNDS = 24;

/**
 * Goes round a container whose blobs are named by their batch, and removes those of batches that were closed long enough
 * ago: also of executions of the split that came to nothing, and what late activities have written. What is removed is
 * not listed again, so a round costs what is there. Where a round stands is known in this process only: whatever ends
 * it, the next one finds all that is left.
 *
 * Blobs go after the batch's instance, so that none of its activities is run again that would miss them. One that is
 * still at work finds no chunk, and fails without effect; or it has all that it needs, and then the groups' markers.
 */
export function createPurgeBlobs(deps: UpkeepDeps, container: Container): (slice: Slice) => Promise<void> {
  const { blobs, purgeAfterMs, now } = deps;
  let round: AsyncGenerator<BatchBlobs> | undefined;
  let notBefore = -Infinity;
  return async (slice) => {
    if (now().getTime() < notBefore) return;
    round ??= byBatch(blobs.list(container, ''));
    try {
      for (let removed = 0; removed < MOST && now().getTime() < slice.until;) {
        const some = await taken(round, AT_A_TIME);
        const counts = await Promise.all(some.map((one) => purge(deps, container, one, slice)));
        removed += counts.reduce((total, count) => total + count, 0);
        if (some.length < AT_A_TIME) {
          round = undefined;
          notBefore = now().getTime() + purgeAfterMs / ROUNDS;
          return;
        }
      }
    } catch (error) {
      round = undefined;
      throw error;
    }
  };
}

/** Blobs of one batch that are listed one after the other. */
interface BatchBlobs {
  readonly batchId: string;
  readonly listed: readonly ListedBlob[];
}

async function* byBatch(list: AsyncIterable<ListedBlob>): AsyncGenerator<BatchBlobs> {
  let batchId = '';
  let listed: ListedBlob[] = [];
  for await (const blob of list) {
    const id = blob.name.slice(0, blob.name.indexOf('/'));
    if (listed.length > 0 && (id !== batchId || listed.length === TOGETHER)) {
      yield { batchId, listed };
      listed = [];
    }
    batchId = id;
    listed.push(blob);
  }
  if (listed.length > 0) yield { batchId, listed };
}

/** The next few; fewer than that: these were the last. */
async function taken(round: AsyncGenerator<BatchBlobs>, most: number): Promise<BatchBlobs[]> {
  const some: BatchBlobs[] = [];
  while (some.length < most) {
    const { value, done } = await round.next();
    if (done === true) break;
    some.push(value);
  }
  return some;
}

/** @returns how many were removed */
async function purge(
  deps: UpkeepDeps,
  container: Container,
  { batchId, listed }: BatchBlobs,
  { instances, report }: Slice,
): Promise<number> {
  const { blobs, batches, purgeAfterMs, now } = deps;
  const due = new Date(now().getTime() - purgeAfterMs);
  // A batch is closed after its chunks are written; what came later has an age of its own.
  const old = listed.filter(({ modifiedOn }) => modifiedOn <= due);
  if (old.length === 0) return 0;
  try {
    const batch = (await batches.read(batchId))?.batch;
    if (!batch || !isDue(deps, container, batch)) return 0;
    if ((await instances.purge(batchId)) === 'running') return 0;
    // The list may be a while old; one that was written again meanwhile is young again.
    for (const { name, modifiedOn } of old) await blobs.remove(container, name, modifiedOn);
    return old.length;
  } catch (error) {
    report(`What batch ${batchId} has left in "${container}" could not be purged: ${String(error)}`);
    return 0;
  }
}

/** Whether a batch was closed long enough ago. */
function isDue(
  { purgeAfterMs, markerTtlSeconds, now }: UpkeepDeps,
  container: Container,
  batch: Batch,
): boolean {
  if (!isClosed(batch.status) || batch.completedAt === undefined) return false;
  const keptMs = container === 'validated' && isKeptOut(batch) ? markerTtlSeconds * 1_000 : 0;
  return now().getTime() - Date.parse(batch.completedAt) >= Math.max(purgeAfterMs, keptMs);
}

/**
 * Whether there are records that only the markers of their groups keep from landing. Then the validated chunks stay as
 * long as the markers, since they say which record is in which group: a late activity of another version of the app
 * would group them otherwise, and write a group that has no marker. Nothing of a rejected batch is ever written.
 */
const isKeptOut = ({ status, counts }: Batch): boolean =>
  status !== 'rejected' && (!counts || counts.deadLettered + counts.notApplied > 0);
