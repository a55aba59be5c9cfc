import {
  isClosed,
  type Archive,
  type Batch,
  type ChunkVerdicts,
  type ClosedStatus,
  type Failure,
} from '../../domain/ingest/batch';
import { inboxName } from '../../domain/ingest/names';
import { sum } from '../../domain/ingest/verdict';
import type { IngestDeps } from './deps';

export interface Closing {
  readonly status: ClosedStatus;
  readonly files: readonly ChunkVerdicts[];
  readonly archive: Archive;
  readonly failure?: Failure;
}

/**
 * Writes the summary and closes the batch, unless somebody else has; then empties its inbox, which only now nobody
 * needs any more.
 * @returns the batch as it is closed
 */
export async function close(
  deps: Pick<IngestDeps, 'batches' | 'blobs' | 'now'>,
  batchId: string,
  closing: Closing,
): Promise<Batch> {
  const { status, files, archive, failure } = closing;
  const counts = sum(files.map((file) => file.counts));
  const requestCharge = Math.round(files.reduce((total, file) => total + file.requestCharge, 0) * 100) / 100;
  for (;;) {
    const found = await deps.batches.read(batchId);
    if (!found) throw new Error(`Batch ${batchId} has no document.`);
    const { batch, etag } = found;
    if (isClosed(batch.status)) return batch;
    const completedAt = deps.now().toISOString();
    const closed: Batch = {
      ...batch,
      status,
      completedAt,
      counts,
      requestCharge,
      archive,
      ...(failure ? { failure } : {}),
    };
    if ((await deps.batches.replace(closed, etag)) === 'conflict') continue;
    await deps.blobs.remove('inbox', inboxName(batch.id, batch.contentHash));
    return closed;
  }
}
