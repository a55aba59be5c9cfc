import { headerOf, isClosed, type BatchHeader, type ClosedStatus } from '../../domain/ingest/batch';
import { writeChunks } from './chunks';
import type { IngestDeps } from './deps';

/** A batch as somebody saw it: whoever changes it since makes the ETag stale. */
export interface SeenBatch {
  readonly header: BatchHeader;
  readonly etag: string;
}

export type Opened =
  | (SeenBatch & { readonly type: 'opened'; readonly chunks: number; readonly fanOut: number })
  | { readonly type: 'closed'; readonly status: ClosedStatus };

/**
 * The first step of a batch: splits its body into chunks and moves it from `accepted` to `running`, manifest and
 * status in one write under the ETag. Ends without effect when the batch is closed already, since the platform
 * lets a finished instance be started again.
 * Its input is the batch as whoever starts it saw it last.
 */
export function createOpenBatch(deps: Pick<IngestDeps, 'batches' | 'blobs' | 'schemas' | 'fanOut'>) {
  return async function openBatch(input: SeenBatch): Promise<Opened> {
    const { fanOut } = deps;
    const batchId = input.header.id;
    let seen: SeenBatch | undefined = input;
    // Bounded by the few writers a batch document has; each conflict means that one of them got ahead.
    for (;;) {
      if (!seen) {
        const found = await deps.batches.read(batchId);
        if (!found) throw new Error(`Batch ${batchId} has no document.`);
        const { batch, etag } = found;
        if (isClosed(batch.status)) return { type: 'closed', status: batch.status };
        seen = { header: headerOf(batch), etag };
        if (batch.chunks) return { type: 'opened', ...seen, chunks: batch.chunks.length, fanOut };
      }
      const { header } = seen;
      const chunks = await writeChunks(deps, header);
      const updated = await deps.batches.update(batchId, seen.etag, { status: 'running', chunks });
      if (updated.type === 'updated')
        return { type: 'opened', header, etag: updated.etag, chunks: chunks.length, fanOut };
      seen = undefined;
    }
  };
}
