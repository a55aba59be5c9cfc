import type { Failure } from '../../domain/ingest/batch';
import { createArchiveBatch } from './archiveBatch';
import type { ChunkTask } from './chunks';
import { close } from './closing';
import type { IngestDeps } from './deps';
import { openOnce } from './openBatch';
import { groupsOf } from './upsertChunk';
import { closeGroup, type GroupResult } from './upsertGroup';
import { createValidateChunk, readValidated } from './validateChunk';
import { listVerdicts, storeVerdicts } from './verdictFile';

/**
 * Closes a batch whose orchestration ended abnormally (terminated, failed, purged). Every group without a marker gets
 * one that says *notApplied*, so that an activity which still runs can no longer write; then verdict files, archive
 * and summary are completed as usual. May run twice, and beside the activities of the batch.
 */
export function createCloseBatch(deps: IngestDeps) {
  const archiveBatch = createArchiveBatch(deps);
  return async function closeBatch(batchId: string, failure: Failure): Promise<void> {
    const opened = await openOnce(deps, batchId);
    if (opened.type === 'closed') return;
    const { header, etag, chunks } = opened;
    const done = new Set((await listVerdicts(deps.blobs, batchId)).map(({ chunk }) => chunk));
    for (let chunk = 0; chunk < chunks; chunk++) {
      if (!done.has(chunk)) await closeChunk(deps, { batch: header, chunk, chunks }, failure.message);
    }
    const archive = await archiveBatch({ batch: header });
    const files = await listVerdicts(deps.blobs, batchId);
    await close(deps, { header, etag }, { status: 'failed', files, archive, failure });
  };
}

async function closeChunk(deps: IngestDeps, task: ChunkTask, reason: string): Promise<void> {
  const { batch, chunk } = task;
  // Validation is a function of facts that are fixed: run it, so that quarantined records keep their reasons.
  const { quarantined } = await createValidateChunk(deps)(task);
  const valid = await readValidated(deps, batch.id, chunk);
  const results: GroupResult[] = [];
  for (const group of groupsOf(task, valid, deps.markerTtlSeconds)) {
    const indices = group.records.map(({ index }) => index);
    results.push(await closeGroup(deps.documents, group, indices, reason));
  }
  await storeVerdicts(deps.blobs, { batchId: batch.id, chunk, valid, quarantined, results });
}
