import { mapLimited } from '../../clients/once';
import type { BatchHeader } from '../../domain/ingest/batch';
import { winnerOf } from '../../domain/ingest/decide';
import { staleName } from '../../domain/ingest/names';
import { compareStamps, type Stamp } from '../../domain/ingest/stamp';
import { stampOf } from '../../domain/ingest/validation';
import type { Winner } from '../../domain/ingest/verdict';
import { placeOf } from '../../domain/keys';
import { readRepeatedKeys } from './chunks';
import type { IngestDeps } from './deps';
import { fromLines, mustExist, toLines } from './lines';
import { readValidated } from './validateChunk';

/** A record that is stale, because a newer one of its key is in another group of the batch. */
export interface StaleRecord {
  readonly index: number;
  readonly winner: Winner;
}

interface Newest {
  readonly stamp: Stamp;
  readonly index: number;
}

const WRITES_AT_A_TIME = 8;

/**
 * Among the valid records of a batch, finds those that a newer one of their key makes stale, where no group can see both.
 * Within a group the upsert sees it itself. A function of the validated chunks; what it finds is stored once.
 * @returns for each chunk, how many of its records are stale for that
 */
export function createFindStale({ blobs }: Pick<IngestDeps, 'blobs'>) {
  return async function findStale(task: { batch: BatchHeader; chunks: number }): Promise<number[]> {
    const { batch, chunks } = task;
    const repeated = await readRepeatedKeys(blobs, batch);
    const receivedAt = Date.parse(batch.receivedAt);
    const newest = new Map<string, Newest>();
    // Two passes: where the newest record of a key is shows only at the end.
    for (let chunk = 0; chunk < chunks; chunk++) {
      for (const record of await readValidated({ blobs }, batch.id, chunk)) {
        if (!repeated.has(placeOf(record.key).fingerprint)) continue;
        const stamp = stampOf(record, batch.id, receivedAt);
        const known = newest.get(record.key);
        if (!known || compareStamps(stamp, known.stamp) > 0)
          newest.set(record.key, { stamp, index: record.index });
      }
    }
    const stale: StaleRecord[][] = [];
    for (let chunk = 0; chunk < chunks; chunk++) {
      const valid = await readValidated({ blobs }, batch.id, chunk);
      stale.push(
        valid.flatMap(({ key, index }): StaleRecord[] => {
          const best = newest.get(key);
          return !best || best.index === index ? [] : [{ index, winner: winnerOf(best.stamp) }];
        }),
      );
    }
    await mapLimited(stale, WRITES_AT_A_TIME, async (list, chunk) => {
      if (list.length > 0) await blobs.create('validated', staleName(batch.id, chunk), toLines(list));
    });
    return stale.map((list) => list.length);
  };
}

/** What {@link createFindStale} has found in a chunk, by index. */
export async function readStale(
  { blobs }: Pick<IngestDeps, 'blobs'>,
  batchId: string,
  chunk: number,
): Promise<ReadonlyMap<number, Winner>> {
  const name = staleName(batchId, chunk);
  const content = mustExist(await blobs.read('validated', name), `The list ${name}`);
  return new Map(fromLines<StaleRecord>(content).map(({ index, winner }) => [index, winner]));
}
