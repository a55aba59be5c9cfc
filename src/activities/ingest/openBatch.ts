import {
  headerOf,
  isClosed,
  type BatchHeader,
  type BatchStatus,
  type Failure,
} from '../../domain/ingest/batch';
import { archiveUpload } from './archiveBatch';
import { Unreadable } from './body';
import { writeChunks, type Split } from './chunks';
import { close } from './closing';
import type { IngestDeps } from './deps';

/** A batch as somebody saw it: whoever changes it since makes the ETag stale. */
export interface SeenBatch {
  readonly header: BatchHeader;
  readonly etag: string;
}

export type Opened =
  | (SeenBatch & {
      readonly type: 'opened';
      readonly chunks: number;
      readonly fanOut: number;
      /** Some keys occur in several groups. */
      readonly repeatedKeys?: true;
    })
  | { readonly type: 'closed'; readonly status: BatchStatus };

type Deps = Pick<IngestDeps, 'batches' | 'blobs' | 'schemas' | 'uploads' | 'fanOut' | 'now'>;

/**
 * The first step of a batch: splits its body into chunks and moves it from `accepted` to `running`, manifest and
 * status in one write under the ETag; of an upload also how many records there are. Ends without effect when the
 * batch is closed already, since the platform lets a finished instance be started again. An upload that cannot be read
 * closes the batch: nothing of it has landed then.
 * Its input is the batch as whoever starts it saw it last.
 */
export function createOpenBatch(deps: Deps) {
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
        if (batch.chunks)
          return {
            type: 'opened',
            ...seen,
            chunks: batch.chunks.length,
            fanOut,
            ...mark(batch.repeatedKeys),
          };
      }
      const split = await splitOrFail(deps, seen.header);
      if ('code' in split) {
        const { status } = await close(deps, seen, { status: 'failed', files: [], failure: split });
        return { type: 'closed', status };
      }
      const { chunks, repeatedKeys, accepted, bodySha256 } = split;
      const header = seen.header.upload ? { ...seen.header, accepted, bodySha256 } : seen.header;
      const updated = await deps.batches.update(batchId, seen.etag, {
        status: 'running',
        chunks,
        ...mark(repeatedKeys),
        ...(header.upload ? { accepted, bodySha256 } : {}),
      });
      if (updated.type === 'updated')
        return {
          type: 'opened',
          header,
          etag: updated.etag,
          chunks: chunks.length,
          fanOut,
          ...mark(repeatedKeys),
        };
      seen = undefined;
    }
  };
}

const mark = (repeatedKeys: boolean | undefined): { repeatedKeys?: true } =>
  repeatedKeys === true ? { repeatedKeys } : {};

/** An upload is copied to the archive when it was read: from then on nobody can write over it. */
async function splitOrFail(deps: Deps, batch: BatchHeader): Promise<Split | Failure> {
  try {
    const split = await writeChunks(deps, batch);
    if (batch.upload) await archiveUpload(deps, batch, batch.upload);
    return split;
  } catch (error) {
    if (error instanceof Unreadable) return error.failure;
    throw error;
  }
}
