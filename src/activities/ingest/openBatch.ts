import {
  headerOf,
  isClosed,
  type Batch,
  type BatchHeader,
  type Chunk,
  type ClosedStatus,
} from '../../domain/ingest/batch';
import { frame } from '../../domain/ingest/framing';
import { chunkName, inboxName } from '../../domain/ingest/names';
import { SPLIT_LIMITS, Splitter } from '../../domain/ingest/split';
import { mapLimited } from '../../clients/once';
import type { IngestDeps } from './deps';
import { mustExist } from './lines';

export type Opened =
  | {
      readonly type: 'opened';
      readonly header: BatchHeader;
      readonly chunks: number;
      readonly fanOut: number;
    }
  | { readonly type: 'closed'; readonly status: ClosedStatus };

/**
 * The first step of a batch: splits its body into chunks and moves it from `accepted` to `running`, manifest and
 * status in one write under the ETag. Ends without effect when the batch is closed already, since the platform
 * lets a finished instance be started again.
 */
export function createOpenBatch(deps: Pick<IngestDeps, 'batches' | 'blobs' | 'schemas' | 'fanOut'>) {
  return async function openBatch({ batchId }: { batchId: string }): Promise<Opened> {
    // Bounded by the few writers a batch document has; each conflict means that one of them got ahead.
    for (;;) {
      const found = await deps.batches.read(batchId);
      if (!found) throw new Error(`Batch ${batchId} has no document.`);
      const { batch, etag } = found;
      if (isClosed(batch.status)) return { type: 'closed', status: batch.status };
      if (batch.chunks) return opened(batch.chunks, batch);
      const chunks = await splitBatch(deps, batch);
      const outcome = await deps.batches.replace({ ...batch, status: 'running', chunks }, etag);
      if (outcome === 'replaced') return opened(chunks, batch);
    }
  };

  function opened(chunks: readonly Chunk[], batch: Batch): Opened {
    return { type: 'opened', header: headerOf(batch), chunks: chunks.length, fanOut: deps.fanOut };
  }
}

/** Writes the chunks; a second execution finds the same ones there. */
async function splitBatch(
  { blobs, schemas }: Pick<IngestDeps, 'blobs' | 'schemas'>,
  batch: Batch,
): Promise<Chunk[]> {
  const { dataset } = await schemas.at(batch.dataset, batch.schemaVersion);
  const body = mustExist(
    await blobs.read('inbox', inboxName(batch.id, batch.contentHash)),
    `The body of batch ${batch.id}`,
  );
  const framed = frame(body, batch.format, batch.accepted);
  if (!framed.ok)
    throw new Error(`The body of batch ${batch.id} cannot be framed again: ${framed.fault.reason}`);
  if (framed.records.length !== batch.accepted) {
    throw new Error(
      `The body of batch ${batch.id} holds ${framed.records.length} records, not ${batch.accepted}.`,
    );
  }
  const parts: { chunk: Chunk; body: string }[] = [];
  const splitter = new Splitter(dataset.key, SPLIT_LIMITS, (chunk, text) =>
    parts.push({ chunk, body: text }),
  );
  framed.records.forEach((record, index) => splitter.add(index, record));
  splitter.end();
  await mapLimited(parts, WRITES_AT_A_TIME, (part, number) =>
    blobs.create('chunks', chunkName(batch.id, number), Buffer.from(part.body)),
  );
  return parts.map(({ chunk }) => chunk);
}

const WRITES_AT_A_TIME = 4;
