import { setTimeout as delay } from 'node:timers/promises';
import type { Documents } from '../../clients/documents';
import { decide, type GroupOrigin, type Stored, type Write } from '../../domain/ingest/decide';
import type { Marker } from '../../domain/ingest/envelope';
import type { ValidRecord } from '../../domain/ingest/validation';
import type { GroupVerdict, Winner } from '../../domain/ingest/verdict';
import { documentId } from '../../domain/keys';

/** What a group is read from and written to. */
export type GroupDocuments = Pick<Documents, 'read' | 'commit' | 'readMarker'>;

/** What became of a group, and what it took. */
export interface GroupResult {
  readonly verdicts: readonly GroupVerdict[];
  /** RU */
  readonly requestCharge: number;
}

export interface GroupTask {
  readonly markerId: string;
  readonly records: readonly ValidRecord[];
  readonly origin: GroupOrigin;
  readonly markerTtlSeconds: number;
  /**
   * The documents of the group's keys, where they were read already or are guessed to be absent: what is not as it
   * stands here is a conflict, and read then.
   */
  readonly stored?: ReadonlyMap<string, Stored>;
  /** Records that newer ones in other groups of the batch make stale, by index. */
  readonly stale?: ReadonlyMap<number, Winner>;
}

/** Waits before a group is tried again, longer after more conflicts. Random, or those who met would meet again. */
export type Pause = (conflicts: number) => Promise<void>;

const backOff: Pause = (conflicts) => delay(Math.random() * 5 * 2 ** Math.min(conflicts, 6));

/** Conflicts with other batches on the same keys are over soon; after that many the activity's own retry takes over. */
const MAX_CONFLICTS = 12;

/**
 * Upserts a group: reads the documents, decides, and writes the changed ones **and the marker** in one transactional
 * batch. Whoever finds the marker adopts its verdicts, so the group's fate is decided once, however often this runs
 * and whoever else runs it. A record that the store refuses is dead-lettered alone.
 *
 * @throws when the store does not answer, or when others keep changing the same documents: run it again
 */
export async function upsertGroup(
  documents: GroupDocuments,
  task: GroupTask,
  pause: Pause = backOff,
): Promise<GroupResult> {
  const { markerId, origin, markerTtlSeconds } = task;
  const candidates = task.records.filter(({ index }) => !task.stale?.has(index));
  const stale = staleVerdicts(task);
  const dead: GroupVerdict[] = [];
  let requestCharge = 0;
  let conflicts = 0;
  let { stored } = task;
  for (;;) {
    const records = candidates.filter(({ index }) => !dead.some((verdict) => verdict.index === index));
    const ids = [...new Set(records.map(({ key }) => documentId(key)))];
    const given = stored;
    stored = undefined;
    const read = given ? { stored: given, requestCharge: 0 } : await readAny(documents, origin.pk, ids);
    const { writes, verdicts: decided } = decide(records, read.stored, origin);
    const verdicts = [...decided, ...stale, ...dead];
    const marker: Marker = { id: markerId, pk: origin.pk, type: 'marker', verdicts, ttl: markerTtlSeconds };
    const outcome = await documents.commit(marker, writes);
    requestCharge += read.requestCharge + outcome.requestCharge;
    if (outcome.type === 'committed') return { verdicts, requestCharge };
    if (outcome.type === 'marked')
      return { verdicts: await adopt(documents, origin.pk, markerId), requestCharge };
    // What came of a guess says nothing of the records: one that is refused may turn out to be stale.
    if (given) continue;
    if (outcome.type === 'refused') {
      // Without a name the largest write is the likeliest; taking out one after the other ends in any case.
      const index = outcome.index ?? largest(writes);
      if (index === undefined) throw new Error(`The marker ${markerId} was refused: ${outcome.reason}`);
      dead.push({ index, verdict: 'deadLettered', reason: outcome.reason });
    } else if (++conflicts > MAX_CONFLICTS) {
      throw new Error(`The documents of ${markerId} keep changing.`);
    } else {
      await pause(conflicts);
    }
  }
}

function staleVerdicts({ records, stale }: GroupTask): GroupVerdict[] {
  return records.flatMap(({ index }): GroupVerdict[] => {
    const winner = stale?.get(index);
    return winner ? [{ index, verdict: 'stale', winner }] : [];
  });
}

/** Nothing is left to read of a group whose records are all stale. */
async function readAny(
  documents: GroupDocuments,
  pk: string,
  ids: readonly string[],
): Promise<Awaited<ReturnType<Documents['read']>>> {
  return ids.length === 0 ? { stored: new Map(), requestCharge: 0 } : documents.read(pk, ids);
}

/** Decides the fate of a group that did not get its turn, unless it is decided: nobody can write it afterwards. */
export async function closeGroup(
  documents: GroupDocuments,
  task: Omit<GroupTask, 'records'>,
  indices: readonly number[],
  reason: string,
): Promise<GroupResult> {
  const { markerId, origin, markerTtlSeconds } = task;
  const verdicts = indices.map((index): GroupVerdict => ({ index, verdict: 'notApplied', reason }));
  const outcome = await documents.commit(
    { id: markerId, pk: origin.pk, type: 'marker', verdicts, ttl: markerTtlSeconds },
    [],
  );
  const { requestCharge } = outcome;
  if (outcome.type === 'committed') return { verdicts, requestCharge };
  if (outcome.type === 'marked')
    return { verdicts: await adopt(documents, origin.pk, markerId), requestCharge };
  throw new Error(`The marker ${markerId} could not be written: ${outcome.type}`);
}

async function adopt(
  documents: GroupDocuments,
  pk: string,
  markerId: string,
): Promise<readonly GroupVerdict[]> {
  const marker = await documents.readMarker(pk, markerId);
  if (!marker) throw new Error(`The marker ${markerId} was there, and is gone.`);
  return marker.verdicts;
}

function largest(writes: readonly Write[]): number | undefined {
  let size = -1;
  let index: number | undefined;
  for (const write of writes) {
    const length = JSON.stringify(write.envelope.data).length;
    if (length > size) [size, index] = [length, write.index];
  }
  return index;
}
