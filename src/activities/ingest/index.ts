import { createArchiveBatch } from './archiveBatch';
import type { ChunkTask } from './chunks';
import { createCompleteBatch } from './completeBatch';
import type { IngestDeps } from './deps';
import { createFindStale } from './findStale';
import { ByteGate } from './gate';
import { createOpenBatch } from './openBatch';
import { createPublishChunk } from './publishChunk';
import { createUpsertChunk } from './upsertChunk';
import { createValidateChunk } from './validateChunk';

/** Bytes of chunks that are worked on at the same time in one process; parsed they take several times that. */
const CHUNK_BYTES = 6 * 1024 * 1024;

/** The activities of a batch, by the names they are registered under. Each may run twice. */
export function createIngestActivities(deps: IngestDeps) {
  const gate = new ByteGate(CHUNK_BYTES);
  const gated =
    <T extends ChunkTask, R>(activity: (task: T) => Promise<R>) =>
    (task: T): Promise<R> =>
      gate.run(task.batch.bytes / task.chunks, () => activity(task));
  return {
    openBatch: createOpenBatch(deps),
    archiveBatch: createArchiveBatch(deps),
    validateChunk: gated(createValidateChunk(deps)),
    findStale: createFindStale(deps),
    publishChunk: gated(createPublishChunk(deps)),
    upsertChunk: gated(createUpsertChunk(deps)),
    completeBatch: createCompleteBatch(deps),
  };
}

export type IngestActivities = ReturnType<typeof createIngestActivities>;
