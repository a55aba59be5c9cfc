import type { HeadwaterClient } from './headwater-client';
import { productBody } from './product-body';
import { pause } from './work';

export interface Load {
  readonly recordsPerSecond: number;
  readonly batchRecords: number;
  readonly seconds: number;
  /** The number of the first product; all are new. */
  readonly firstId: number;
}

/** A batch of a paced load. */
export interface Posted {
  readonly batchId: string;
  readonly records: number;
  /** When it was to be posted, ms since the epoch: a post that is late counts as waiting. */
  readonly due: number;
  readonly throttled: number;
}

/** Batches at fixed moments, whatever became of those before: an open loop. Resolves when all are accepted. */
export async function pacedLoad(
  client: HeadwaterClient,
  { recordsPerSecond, batchRecords, seconds, firstId }: Load,
): Promise<Posted[]> {
  const count = Math.max(1, Math.round((recordsPerSecond * seconds) / batchRecords));
  const bodies = Array.from({ length: count }, (_, at) =>
    productBody(firstId + at * batchRecords, batchRecords),
  );
  const everyMs = (batchRecords * 1_000) / recordsPerSecond;
  const begin = performance.timeOrigin + performance.now();
  const posts: Promise<Posted>[] = [];
  for (const [at, body] of bodies.entries()) {
    const due = begin + at * everyMs;
    const wait = due - (performance.timeOrigin + performance.now());
    if (wait > 0) await pause(wait);
    posts.push(client.post(body).then((posted) => ({ ...posted, records: batchRecords, due })));
  }
  return Promise.all(posts);
}

/**
 * Records a second that were closed, from the moment of the first post to the app's own time of the last end.
 * @throws Error when a record is no new version
 */
export async function closedPerSecond(client: HeadwaterClient, posted: readonly Posted[]): Promise<number> {
  const begin = Math.min(...posted.map(({ due }) => due));
  let end = begin;
  for (const { batchId, records } of posted) {
    const { status, counts, completedAt } = await client.closed(batchId, 20);
    if (counts?.['upserted'] !== records)
      throw new Error(`Batch ${batchId} ended as ${status} with ${JSON.stringify(counts)}.`);
    end = Math.max(end, Date.parse(completedAt ?? ''));
  }
  const total = posted.reduce((sum, { records }) => sum + records, 0);
  return (total * 1_000) / (end - begin);
}
