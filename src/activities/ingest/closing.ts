import {
  isClosed,
  type Archive,
  type Batch,
  type BatchStatus,
  type ChunkVerdicts,
  type ClosedStatus,
  type Failure,
} from '../../domain/ingest/batch';
import { sum, type VerdictCounts } from '../../domain/ingest/verdict';
import type { IngestDeps } from './deps';
import type { SeenBatch } from './openBatch';

export interface Closing {
  readonly status: ClosedStatus;
  readonly files: readonly ChunkVerdicts[];
  /** Absent: the body was an upload that could not be read. */
  readonly archive?: Archive;
  readonly failure?: Failure;
}

export interface Closed {
  readonly status: BatchStatus;
  readonly counts?: VerdictCounts;
}

/**
 * Writes the summary and closes the batch, unless somebody else has. Its inbox blob, which only now nobody needs any
 * more, is left to the sweep: that is not urgent, and an activity that runs late may still look for it.
 * @returns how the batch is closed
 */
export async function close(
  deps: Pick<IngestDeps, 'batches' | 'now'>,
  { header, etag }: SeenBatch,
  { status, files, archive, failure }: Closing,
): Promise<Closed> {
  const counts = sum(files.map((file) => file.counts));
  const requestCharge = Math.round(files.reduce((total, file) => total + file.requestCharge, 0) * 100) / 100;
  const completedAt = deps.now().toISOString();
  const summary: Partial<Batch> = {
    status,
    completedAt,
    counts,
    requestCharge,
    ...(archive ? { archive } : { chunks: [] }),
    ...(failure ? { failure } : {}),
  };
  for (let condition = etag; ;) {
    const updated = await deps.batches.update(header.id, condition, summary);
    if (updated.type === 'updated') return { status, counts };
    const found = await deps.batches.read(header.id);
    if (!found) throw new Error(`Batch ${header.id} has no document.`);
    const { batch } = found;
    if (isClosed(batch.status))
      return { status: batch.status, ...(batch.counts ? { counts: batch.counts } : {}) };
    condition = found.etag;
  }
}
