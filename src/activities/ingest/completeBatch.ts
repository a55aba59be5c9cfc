import { closedStatus, type Archive, type ChunkVerdicts } from '../../domain/ingest/batch';
import { sum } from '../../domain/ingest/verdict';
import { close, type Closed } from './closing';
import type { IngestDeps } from './deps';
import type { SeenBatch } from './openBatch';
import { readValidated } from './validateChunk';
import { storeVerdicts } from './verdictFile';

/** What the steps before found. */
export interface Completion extends SeenBatch {
  readonly archive: Archive;
  readonly outcome:
    | { readonly type: 'applied'; readonly files: readonly ChunkVerdicts[] }
    /** `onInvalid=reject` and some record was invalid; per chunk, how many. Nothing was published or landed. */
    | { readonly type: 'rejected'; readonly quarantined: readonly number[] };
}

/** Writes the verdict files of a rejected batch, then the summary of any, and closes it. */
export function createCompleteBatch(deps: Pick<IngestDeps, 'batches' | 'blobs' | 'now'>) {
  return async function completeBatch({ archive, outcome, ...seen }: Completion): Promise<Closed> {
    const files =
      outcome.type === 'applied' ? outcome.files : await storeRejected(deps, seen, outcome.quarantined);
    const status = closedStatus(sum(files.map((file) => file.counts)), outcome.type === 'rejected');
    return close(deps, seen, { status, files, archive });
  };
}

/** Why the valid records of a rejected batch did not land. */
export const REJECTED = 'The batch holds an invalid record (onInvalid=reject).';

async function storeRejected(
  { blobs }: Pick<IngestDeps, 'blobs'>,
  { header: batch }: SeenBatch,
  quarantined: readonly number[],
): Promise<ChunkVerdicts[]> {
  const files: ChunkVerdicts[] = [];
  for (const [chunk, count] of quarantined.entries()) {
    const valid = await readValidated({ blobs }, batch.id, chunk);
    const verdicts = valid.map(({ index }) => ({ index, verdict: 'notApplied' as const, reason: REJECTED }));
    const result = {
      batchId: batch.id,
      chunk,
      valid,
      quarantined: count,
      results: [{ verdicts, requestCharge: 0 }],
    };
    files.push(await storeVerdicts(blobs, result));
  }
  return files;
}
