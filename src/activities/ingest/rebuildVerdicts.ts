import { headerOf, type Batch } from '../../domain/ingest/batch';
import type { GroupVerdict } from '../../domain/ingest/verdict';
import { findOrSplitChunk } from './chunks';
import { REJECTED } from './completeBatch';
import type { IngestDeps } from './deps';
import { groupsOf } from './upsertChunk';
import type { GroupResult } from './upsertGroup';
import { createValidateChunk, readValidated } from './validateChunk';
import { storeVerdicts } from './verdictFile';

/**
 * - `rebuilt`: the file is there again
 * - `expired`: the markers, which decided it, have outlived their time
 */
export type Rebuilt = 'rebuilt' | 'expired';

/**
 * Makes the verdict file of a closed batch again from what it was made of: the groups' markers, the validated chunk and its
 * quarantine. Decides nothing, and changes nothing that is there. May run twice.
 */
export function createRebuildVerdicts(
  deps: Pick<IngestDeps, 'blobs' | 'documents' | 'schemas' | 'uploads' | 'markerTtlSeconds'>,
) {
  return async function rebuildVerdicts(batch: Batch, chunk: number): Promise<Rebuilt> {
    const task = { batch: headerOf(batch), chunk, chunks: batch.chunks?.length ?? 0 };
    // Chunk and validated chunk may be purged; what is made again here is purged again later.
    const validateChunk = createValidateChunk(deps, (_, one) =>
      findOrSplitChunk(deps, one, batch.chunks ?? []),
    );
    const { quarantined } = await validateChunk(task);
    const valid = await readValidated(deps, batch.id, chunk);
    const results: GroupResult[] = [];
    for (const { markerId, records, origin } of groupsOf(task, valid, deps.markerTtlSeconds)) {
      const decided =
        batch.status === 'rejected'
          ? records.map(({ index }): GroupVerdict => ({ index, verdict: 'notApplied', reason: REJECTED }))
          : (await deps.documents.readMarker(origin.pk, markerId))?.verdicts;
      if (!decided) return 'expired';
      results.push({ verdicts: decided, requestCharge: 0 });
    }
    await storeVerdicts(deps.blobs, { batchId: batch.id, chunk, valid, quarantined, results });
    return 'rebuilt';
  };
}
