import type { ChunkVerdicts } from '../../domain/ingest/batch';
import { chunkName } from '../../domain/ingest/names';
import type { IngestDeps } from './deps';
import { createPublishChunk } from './publishChunk';
import { createUpsertChunk, type UpsertTask } from './upsertChunk';
import { createValidateChunk } from './validateChunk';

/** What the steps before have told of the chunk, where they had to be done for all chunks first. */
export interface LandTask extends Omit<UpsertTask, 'quarantined'> {
  /** Absent: it is still to be validated. */
  readonly quarantined?: number;
}

/** Chunks that may have been published and not landed; more are forgotten, and published again if they are retried. */
const REMEMBERED = 1_000;

/**
 * A chunk's way: validate, unless that was done before → publish → upsert, and its verdict file. Each step may run
 * twice, and does when one after it fails; only the hub would keep two of everything.
 */
export function createLandChunk(
  deps: Pick<
    IngestDeps,
    | 'blobs'
    | 'schemas'
    | 'uploads'
    | 'hub'
    | 'documents'
    | 'groupConcurrency'
    | 'markerTtlSeconds'
    | 'priority'
  >,
) {
  const { blobs } = deps;
  const validateChunk = createValidateChunk(deps);
  const publishChunk = createPublishChunk(deps);
  const upsertChunk = createUpsertChunk(deps);
  // The hub has acknowledged these. A retry elsewhere, or after a restart, sends the same ids again.
  const published = new Set<string>();

  return async (task: LandTask): Promise<ChunkVerdicts> => {
    deps.priority?.note();
    const quarantined = task.quarantined ?? (await validateChunk(task)).quarantined;
    const name = chunkName(task.batch.id, task.chunk);
    if (!published.has(name)) {
      await publishChunk(task);
      if (published.size >= REMEMBERED) published.clear();
      published.add(name);
    }
    const verdicts = await upsertChunk({ ...task, quarantined });
    published.delete(name);
    blobs.forget('validated', name);
    return verdicts;
  };
}
