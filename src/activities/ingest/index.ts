import { createArchiveBatch } from './archiveBatch';
import type { ChunkTask } from './chunks';
import { createCompleteBatch } from './completeBatch';
import type { IngestDeps } from './deps';
import { createFindStale } from './findStale';
import { ByteGate } from './gate';
import { createLandChunk } from './landChunk';
import { createOpenBatch } from './openBatch';
import { createValidateChunk } from './validateChunk';

/**
 * Bytes of chunks that one process works on at the same time; parsed they take several times that. While the stores have
 * some, the next one is computed: with more of them each step would be done for all before the next, and the stores
 * would wait in between.
 */
const CHUNK_BYTES = 5 * 1024 * 1024;

/** The activities of a batch, by the names they are registered under. Each may run twice. */
export function createIngestActivities(deps: IngestDeps) {
  const gate = new ByteGate(CHUNK_BYTES);
  const gated =
    <T extends ChunkTask, R>(activity: (task: T) => Promise<R>) =>
    (task: T): Promise<R> =>
      gate.run(bytesOf(task), () => activity(task));
  return {
    openBatch: createOpenBatch(deps),
    archiveBatch: createArchiveBatch(deps),
    validateChunk: gated(createValidateChunk(deps)),
    findStale: createFindStale(deps),
    landChunk: gated(createLandChunk(deps)),
    completeBatch: createCompleteBatch(deps),
  };
}

/** How much a compressed upload is taken to grow. */
const EXPANSION = 8;

/** So much of a record is taken for structure; the rest is long text, such as media. */
const STRUCTURE_BYTES = 4 * 1024;

/** Parsed, structure takes several times the memory that long text does. */
const TEXT_WEIGHT = 1 / 4;

/** Of a chunk, about: the manifest would have to be read for more. */
function bytesOf({ batch, chunks }: ChunkTask): number {
  const expansion = batch.upload?.encoding === undefined ? 1 : EXPANSION;
  const bytes = (batch.bytes * expansion) / chunks;
  const structure = Math.min(bytes, (batch.accepted / chunks) * STRUCTURE_BYTES);
  return structure + (bytes - structure) * TEXT_WEIGHT;
}

export type IngestActivities = ReturnType<typeof createIngestActivities>;
