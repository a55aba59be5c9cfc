import { closedStatus, type Archive, type BatchHeader, type BatchStatus } from '../../domain/ingest/batch';
import { sum, type VerdictCounts } from '../../domain/ingest/verdict';
import { close } from './closing';
import type { IngestDeps } from './deps';
import { readValidated } from './validateChunk';
import { listVerdicts, storeVerdicts } from './verdictFile';

export interface Completion {
  readonly batch: BatchHeader;
  readonly archive: Archive;
  /** Per chunk, how many records validation quarantined. */
  readonly quarantined: readonly number[];
  /** `onInvalid=reject` and some record was invalid: nothing was published or landed. */
  readonly rejected: boolean;
}

export interface Completed {
  readonly status: BatchStatus;
  readonly counts?: VerdictCounts;
}

/** Writes the verdict files of a rejected batch, then the summary of any, and closes it. */
export function createCompleteBatch(deps: Pick<IngestDeps, 'batches' | 'blobs' | 'now'>) {
  return async function completeBatch(completion: Completion): Promise<Completed> {
    const { batch, archive, quarantined, rejected } = completion;
    if (rejected) await storeRejected(deps, completion);
    const files = await listVerdicts(deps.blobs, batch.id);
    if (files.length !== quarantined.length) {
      throw new Error(
        `Batch ${batch.id} has ${files.length} verdict files for ${quarantined.length} chunks.`,
      );
    }
    const status = closedStatus(sum(files.map((file) => file.counts)), rejected);
    const closed = await close(deps, batch.id, { status, files, archive });
    return { status: closed.status, ...(closed.counts ? { counts: closed.counts } : {}) };
  };
}

const REJECTED = 'The batch holds an invalid record (onInvalid=reject).';

async function storeRejected(
  { blobs }: Pick<IngestDeps, 'blobs'>,
  { batch, quarantined }: Completion,
): Promise<void> {
  for (const [chunk, count] of quarantined.entries()) {
    const valid = await readValidated({ blobs }, { batch, chunk });
    const decided = valid.map(({ index }) => ({ index, verdict: 'notApplied' as const, reason: REJECTED }));
    await storeVerdicts(blobs, {
      batchId: batch.id,
      chunk,
      valid,
      quarantined: count,
      decided,
      requestCharge: 0,
    });
  }
}
