import { mapLimited } from '../../clients/once';
import type { BatchHeader, Chunk } from '../../domain/ingest/batch';
import { frame } from '../../domain/ingest/framing';
import { archiveName, chunkName, inboxName } from '../../domain/ingest/names';
import { SPLIT_LIMITS, Splitter, type ChunkRecord } from '../../domain/ingest/split';
import type { IngestDeps } from './deps';
import { fromLines, knownAs, mustExist } from './lines';

type Deps = Pick<IngestDeps, 'blobs' | 'schemas'>;

/** A chunk of a batch, as activities are told of it. */
export interface ChunkTask {
  readonly batch: BatchHeader;
  readonly chunk: number;
  /** How many chunks the batch has. */
  readonly chunks: number;
}

const WRITES_AT_A_TIME = 4;

/**
 * Splits a batch and writes its chunks; a second execution finds the same ones there. The chunk of a batch that has
 * only one is not written: whoever needs it splits the body again, which gives the same.
 * @returns the manifest
 */
export async function writeChunks(deps: Deps, batch: BatchHeader): Promise<Chunk[]> {
  const parts = await split(deps, batch);
  if (parts.length > 1) {
    await mapLimited(parts, WRITES_AT_A_TIME, ({ body, records }, number) =>
      deps.blobs.create('chunks', chunkName(batch.id, number), knownAs(Buffer.from(body), records)),
    );
  }
  return parts.map(({ chunk }) => chunk);
}

/** The records of a chunk. */
export async function readChunk(
  deps: Deps,
  { batch, chunk, chunks }: ChunkTask,
): Promise<readonly ChunkRecord[]> {
  if (chunks === 1) return (await split(deps, batch)).flatMap(({ records }) => records);
  const name = chunkName(batch.id, chunk);
  return fromLines<ChunkRecord>(mustExist(await deps.blobs.read('chunks', name), `Chunk ${name}`));
}

interface Part {
  readonly chunk: Chunk;
  /** its lines */
  readonly body: string;
  readonly records: readonly ChunkRecord[];
}

async function split({ blobs, schemas }: Deps, batch: BatchHeader): Promise<Part[]> {
  const { dataset } = await schemas.at(batch.dataset, batch.schemaVersion);
  const framed = frame(await bodyOf(blobs, batch), batch.format, batch.accepted);
  if (!framed.ok)
    throw new Error(`The body of batch ${batch.id} cannot be framed again: ${framed.fault.reason}`);
  if (framed.records.length !== batch.accepted) {
    throw new Error(
      `The body of batch ${batch.id} holds ${framed.records.length} records, not ${batch.accepted}.`,
    );
  }
  const parts: Part[] = [];
  const splitter = new Splitter(dataset.key, SPLIT_LIMITS, (chunk, body, records) =>
    parts.push({ chunk, body, records }),
  );
  framed.records.forEach((record, index) => splitter.add(index, record));
  splitter.end();
  return parts;
}

/** The inbox is swept some time after the batch is closed; an activity that still runs then finds the body in the archive. */
async function bodyOf(blobs: IngestDeps['blobs'], batch: BatchHeader): Promise<Buffer> {
  const received = await blobs.read('inbox', inboxName(batch.id, batch.contentHash));
  return (
    received ?? mustExist(await blobs.read('archive', archiveName(batch)), `The body of batch ${batch.id}`)
  );
}
