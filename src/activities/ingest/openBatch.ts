import { randomUUID } from 'node:crypto';
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
import { closeAsSeen } from './closing';
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
  return async function openBatch(seen: SeenBatch): Promise<Opened> {
    // To read an upload again takes longer than to look whether that was done.
    const opened = seen.header.upload ? undefined : await splitAndOpen(deps, seen);
    return opened ?? openOnce(deps, seen.header.id);
  };
}

/** Opens a batch unless it is open, or closed: what it was split into stays. */
export async function openOnce(deps: Deps, batchId: string): Promise<Opened> {
  // Bounded by the few writers a batch document has; each conflict means that one of them got ahead.
  for (;;) {
    const found = await look(deps, batchId);
    if ('type' in found) return found;
    const opened = await splitAndOpen(deps, found);
    if (opened) return opened;
  }
}

/** What has become of a batch so far. */
async function look(deps: Deps, id: string): Promise<Opened | SeenBatch> {
  const found = await deps.batches.read(id);
  if (!found) throw new Error(`Batch ${id} has no document.`);
  const { batch, etag } = found;
  if (isClosed(batch.status)) return { type: 'closed', status: batch.status };
  const seen = { header: headerOf(batch), etag };
  return batch.chunks ? toOpened(deps, seen, batch.chunks.length, batch.repeatedKeys) : seen;
}

/**
 * Undefined: somebody has changed the batch since it was seen. That may have been another execution which has read the
 * upload, before it or its bounds were changed: so not even what cannot be read is closed then.
 */
async function splitAndOpen(deps: Deps, seen: SeenBatch): Promise<Opened | undefined> {
  const named = { ...seen.header, split: randomUUID() };
  const split = await splitOrFail(deps, named);
  if ('code' in split) {
    const failed = await closeAsSeen(deps, seen, { status: 'failed', files: [], failure: split });
    return failed && { type: 'closed', status: failed.status };
  }
  const { chunks, repeatedKeys, accepted, bodySha256 } = split;
  const found = named.upload ? { accepted, bodySha256 } : {};
  const updated = await deps.batches.update(named.id, seen.etag, {
    status: 'running',
    chunks,
    split: named.split,
    ...mark(repeatedKeys),
    ...found,
  });
  if (updated.type === 'conflict') return undefined;
  const header = { ...named, ...found };
  return toOpened(deps, { header, etag: updated.etag }, chunks.length, repeatedKeys);
}

const toOpened = (
  { fanOut }: Deps,
  seen: SeenBatch,
  chunks: number,
  repeatedKeys: boolean | undefined,
): Opened => ({ type: 'opened', ...seen, chunks, fanOut, ...mark(repeatedKeys) });

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
