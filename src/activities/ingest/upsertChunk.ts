import { mapLimited } from '../../clients/once';
import type { BatchHeader, ChunkVerdicts } from '../../domain/ingest/batch';
import type { GroupOrigin } from '../../domain/ingest/decide';
import { markerId } from '../../domain/ingest/names';
import type { ValidRecord } from '../../domain/ingest/validation';
import { bucketOf, documentId, partitionKey } from '../../domain/keys';
import type { ChunkTask } from './chunks';
import type { IngestDeps } from './deps';
import { readStale } from './findStale';
import { upsertGroup, type GroupTask } from './upsertGroup';
import { readValidated } from './validateChunk';
import { storeVerdicts } from './verdictFile';

/** The groups of a chunk's valid records. */
export function groupsOf(
  { batch, chunk }: ChunkTask,
  valid: readonly ValidRecord[],
  markerTtlSeconds: number,
): GroupTask[] {
  return Array.from(
    Map.groupBy(valid, ({ group }) => group),
    ([group, records]) => ({
      markerId: markerId(batch.id, chunk, group),
      records,
      origin: originOf(batch, bucketOf((records[0] as ValidRecord).key)),
      markerTtlSeconds,
    }),
  );
}

/** Groups of so many records are read each on its own: that takes as many requests then. */
const SPARSE = 25;

/**
 * Reads the documents of small groups together. A small batch has a record or two in each bucket: to read every group
 * alone would be most of its work.
 */
async function readSparse(
  { documents }: Pick<IngestDeps, 'documents'>,
  groups: readonly GroupTask[],
): Promise<{ groups: GroupTask[]; requestCharge: number }> {
  const sparse = groups.filter(({ records }) => records.length < SPARSE);
  if (sparse.length < 2) return { groups: [...groups], requestCharge: 0 };
  const keys = sparse.flatMap(({ records, origin, stale }) =>
    records
      .filter(({ index }) => !stale?.has(index))
      .map(({ key }) => ({ pk: origin.pk, id: documentId(key) })),
  );
  const { stored, requestCharge } = await documents.readAcross(keys);
  const read = groups.map((group) =>
    group.records.length < SPARSE ? { ...group, stored: stored.get(group.origin.pk) ?? new Map() } : group,
  );
  return { groups: read, requestCharge };
}

/** The batch, as far as the decisions on one bucket's records depend on it. */
function originOf(batch: BatchHeader, bucket: number): GroupOrigin {
  return {
    batchId: batch.id,
    schemaVersion: batch.schemaVersion,
    receivedAt: Date.parse(batch.receivedAt),
    pk: partitionKey(batch.dataset, bucket),
  };
}

/** What the steps before have told of the chunk. */
export interface UpsertTask extends ChunkTask {
  readonly quarantined: number;
  /** How many of its records are stale because of newer ones in other groups. */
  readonly stale?: number;
}

/** Upserts a chunk, group by group, and writes its verdict file. */
export function createUpsertChunk(
  deps: Pick<IngestDeps, 'blobs' | 'documents' | 'groupConcurrency' | 'markerTtlSeconds'>,
) {
  return async function upsertChunk(task: UpsertTask): Promise<ChunkVerdicts> {
    const { batch, chunk, quarantined } = task;
    const valid = await readValidated(deps, task.batch.id, task.chunk);
    const stale = (task.stale ?? 0) > 0 ? await readStale(deps, batch.id, chunk) : undefined;
    const groups = groupsOf(task, valid, deps.markerTtlSeconds).map((group) =>
      stale ? { ...group, stale } : group,
    );
    const read = await readSparse(deps, groups);
    const results = await mapLimited(read.groups, deps.groupConcurrency, (group) =>
      upsertGroup(deps.documents, group),
    );
    results.push({ verdicts: [], requestCharge: read.requestCharge });
    return storeVerdicts(deps.blobs, { batchId: batch.id, chunk, valid, quarantined, results });
  };
}
