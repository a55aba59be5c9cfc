import { mapLimited } from '../../clients/once';
import type { BatchHeader, ChunkVerdicts } from '../../domain/ingest/batch';
import type { GroupOrigin } from '../../domain/ingest/decide';
import { markerId } from '../../domain/ingest/names';
import type { ValidRecord } from '../../domain/ingest/validation';
import { bucketOf, partitionKey } from '../../domain/keys';
import type { ChunkTask } from './chunks';
import type { IngestDeps } from './deps';
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

/** The batch, as far as the decisions on one bucket's records depend on it. */
function originOf(batch: BatchHeader, bucket: number): GroupOrigin {
  return {
    batchId: batch.id,
    schemaVersion: batch.schemaVersion,
    receivedAt: Date.parse(batch.receivedAt),
    pk: partitionKey(batch.dataset, bucket),
  };
}

/** Upserts a chunk, group by group, and writes its verdict file. `quarantined` is what validation told of the chunk. */
export function createUpsertChunk(
  deps: Pick<IngestDeps, 'blobs' | 'documents' | 'groupConcurrency' | 'markerTtlSeconds'>,
) {
  return async function upsertChunk(task: ChunkTask & { quarantined: number }): Promise<ChunkVerdicts> {
    const { batch, chunk, quarantined } = task;
    const valid = await readValidated(deps, task.batch.id, task.chunk);
    const results = await mapLimited(
      groupsOf(task, valid, deps.markerTtlSeconds),
      deps.groupConcurrency,
      (group) => upsertGroup(deps.documents, group),
    );
    return storeVerdicts(deps.blobs, { batchId: batch.id, chunk, valid, quarantined, results });
  };
}
