import { isDeepStrictEqual } from 'node:util';
import { mapLimited } from '../../clients/once';
import type { BatchHeader, Chunk } from '../../domain/ingest/batch';
import { inboxName, repeatedName, splitName } from '../../domain/ingest/names';
import { SPLIT_LIMITS, Splitter, type ChunkRecord } from '../../domain/ingest/split';
import { Turns } from '../turns';
import { readBody, type ReadBody } from './body';
import type { IngestDeps } from './deps';
import { fromLines, joined, knownAs, mustExist } from './lines';

type Deps = Pick<IngestDeps, 'blobs' | 'schemas' | 'uploads' | 'splitLimits'>;

/** A chunk of a batch, as activities are told of it. */
export interface ChunkTask {
  readonly batch: BatchHeader;
  readonly chunk: number;
  /** How many chunks the batch has. */
  readonly chunks: number;
}

/** The manifest, and what else the split has found out. */
export interface Split extends ReadBody {
  readonly chunks: readonly Chunk[];
  /** Some keys occur in several groups. */
  readonly repeatedKeys: boolean;
}

const WRITES_AT_A_TIME = 4;

/**
 * Splits a batch and writes its chunks under its `split`, which no other execution has: another version of the app may
 * have begun, and split otherwise. The chunk of a batch that has only one is not written: whoever needs it splits the
 * body again, which gives the same records.
 * @throws {Unreadable} when the body is an upload that cannot be read
 */
export async function writeChunks(deps: Deps, batch: BatchHeader): Promise<Split> {
  const chunks: Chunk[] = [];
  let held: Part[] = [];
  const write = async (parts: readonly Part[]): Promise<void> => {
    const first = chunks.length - held.length;
    held.push(...parts);
    chunks.push(...parts.map(({ chunk }) => chunk));
    if (chunks.length < 2) return;
    const ready = held;
    held = [];
    await mapLimited(ready, WRITES_AT_A_TIME, ({ records }, at) =>
      deps.blobs.create('chunks', splitName(batch, first + at), linesOf(records)),
    );
  };
  const { repeated, ...read } = await split(deps, batch, write);
  // Whoever needs the records from here on reads the chunks.
  if (chunks.length > 1 && !batch.upload) deps.blobs.forget('inbox', inboxName(batch.id, batch.contentHash));
  const repeatedKeys = repeated.length > 0;
  if (repeatedKeys)
    await deps.blobs.create('chunks', repeatedName(batch), Buffer.from(JSON.stringify(repeated)));
  return { ...read, chunks, repeatedKeys };
}

/** The records of a chunk. */
export async function readChunk(deps: Deps, task: ChunkTask): Promise<readonly ChunkRecord[]> {
  const name = splitName(task.batch, task.chunk);
  const records = await findChunk(deps, task);
  // Not made from the body again, as for a closed batch: another version of the app might group its records otherwise,
  // and a late activity would write what the markers of the groups do not know of.
  if (!records) throw new Error(`Chunk ${name} is missing.`);
  return records;
}

/** The records of a chunk; undefined when it was purged, which happens some time after its batch is closed. */
export async function findChunk(
  deps: Deps,
  { batch, chunk, chunks }: ChunkTask,
): Promise<readonly ChunkRecord[] | undefined> {
  if (chunks === 1) {
    const all: ChunkRecord[] = [];
    let groups = 0;
    await split(deps, batch, async (parts) => {
      for (const part of parts) {
        const before = groups;
        // One part only, unless another version of the app has made the manifest.
        for (const one of part.records) all.push(before === 0 ? one : { ...one, group: before + one.group });
        groups += part.chunk.groups.length;
      }
      await Promise.resolve();
    });
    return all;
  }
  const content = await deps.blobs.read('chunks', splitName(batch, chunk));
  return content && fromLines<ChunkRecord>(content);
}

/**
 * The records of a chunk of a closed batch: as they are stored, or when that was purged, split from the body once more.
 * @param manifest the batch's chunks
 * @throws when the app splits otherwise by now
 */
export async function findOrSplitChunk(
  deps: Deps,
  task: ChunkTask,
  manifest: readonly Chunk[],
): Promise<readonly ChunkRecord[]> {
  const stored = await findChunk(deps, task);
  if (stored) return stored;
  let next = 0;
  let found: Part | undefined;
  await split(deps, task.batch, (parts) => {
    found ??= parts[task.chunk - next];
    next += parts.length;
    return Promise.resolve();
  });
  if (next === manifest.length && found && isDeepStrictEqual(found.chunk, manifest[task.chunk]))
    return found.records;
  throw new Error(
    `Chunk ${splitName(task.batch, task.chunk)} was purged, and the body is split otherwise now.`,
  );
}

/** Fingerprints of the keys that occur in several groups of a batch. */
export async function readRepeatedKeys(
  blobs: Pick<IngestDeps['blobs'], 'read'>,
  batch: BatchHeader,
): Promise<ReadonlySet<number>> {
  const name = repeatedName(batch);
  const content = mustExist(await blobs.read('chunks', name), `The list ${name}`);
  return new Set(JSON.parse(content.toString('utf8')) as number[]);
}

interface Part {
  readonly chunk: Chunk;
  readonly records: readonly ChunkRecord[];
}

/** A chunk as it is stored: one record a line, what came as JSON as it came. */
function linesOf(records: readonly ChunkRecord[]): Buffer {
  const pieces: (string | Buffer)[] = [];
  const parsed = records.map(({ json, ...others }): ChunkRecord => {
    const { record, ...head } = others;
    pieces.push(`${JSON.stringify(head).slice(0, -1)},"record":`, json ?? JSON.stringify(record), '}\n');
    return others;
  });
  return knownAs(joined(pieces), parsed);
}

/** @param take is given the chunks in order, and awaited before more of the body is read */
async function split(
  deps: Deps,
  batch: BatchHeader,
  take: (parts: readonly Part[]) => Promise<void>,
): Promise<ReadBody & { repeated: readonly number[] }> {
  const { dataset } = await deps.schemas.at(batch.dataset, batch.schemaVersion);
  let parts: Part[] = [];
  const splitter = new Splitter(dataset.key, deps.splitLimits ?? SPLIT_LIMITS, (chunk, records) =>
    parts.push({ chunk, records }),
  );
  const handOn = async (): Promise<void> => {
    const ready = parts;
    parts = [];
    if (ready.length > 0) await take(ready);
  };
  let index = 0;
  const turns = new Turns();
  const read = await readBody(deps, batch, async (records) => {
    for (const raw of records) {
      if (turns.isOver) await turns.next();
      splitter.add(index++, raw);
    }
    await handOn();
  });
  splitter.end();
  await handOn();
  return { ...read, repeated: splitter.repeatedKeys };
}
