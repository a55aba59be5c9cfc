import { createArchiveBatch } from './archiveBatch';
import { createCompleteBatch } from './completeBatch';
import type { IngestDeps } from './deps';
import { createFindStale } from './findStale';
import { createOpenBatch } from './openBatch';
import { createPublishChunk } from './publishChunk';
import { createUpsertChunk } from './upsertChunk';
import { createValidateChunk } from './validateChunk';

/** The activities of a batch, by the names they are registered under. Each may run twice. */
export function createIngestActivities(deps: IngestDeps) {
  return {
    openBatch: createOpenBatch(deps),
    archiveBatch: createArchiveBatch(deps),
    validateChunk: createValidateChunk(deps),
    findStale: createFindStale(deps),
    publishChunk: createPublishChunk(deps),
    upsertChunk: createUpsertChunk(deps),
    completeBatch: createCompleteBatch(deps),
  };
}

export type IngestActivities = ReturnType<typeof createIngestActivities>;
