import type { ChunkVerdicts } from '../../domain/ingest/batch';
import { chunkName, chunkNumber } from '../../domain/ingest/names';
import type { QuarantinedRecord, ValidRecord } from '../../domain/ingest/validation';
import {
  tally,
  VERDICTS,
  type RecordVerdict,
  type Verdict,
  type VerdictCounts,
} from '../../domain/ingest/verdict';
import { bucketOf } from '../../domain/keys';
import type { VerdictFile } from '../../domain/ledger/batches';
import type { Blobs, ListedBlob, Metadata } from '../../clients/blobs';
import { fromLines, mustExist, toLines } from './lines';
import type { GroupResult } from './upsertGroup';

/** What a verdict file is made of. */
export interface ChunkResult {
  readonly batchId: string;
  readonly chunk: number;
  readonly valid: readonly Pick<ValidRecord, 'index' | 'key'>[];
  /** How many records are in the chunk's quarantine. */
  readonly quarantined: number;
  readonly results: readonly GroupResult[];
}

/**
 * Writes a chunk's verdict file from its groups' verdicts and its quarantine, once. The counts stand in the blob's
 * metadata, so that one listing tells a whole batch.
 * @returns what the stored file says, whoever wrote it
 */
export async function storeVerdicts(
  blobs: Blobs,
  { batchId, chunk, valid, quarantined, results }: ChunkResult,
): Promise<ChunkVerdicts> {
  const name = chunkName(batchId, chunk);
  const keys = new Map(valid.map(({ index, key }) => [index, key]));
  const verdicts: RecordVerdict[] = [
    ...results
      .flatMap((result) => result.verdicts)
      .map((verdict) => ({ ...verdict, key: keys.get(verdict.index) ?? '' })),
    ...(quarantined > 0 ? await readQuarantine(blobs, name) : []).map(({ index, key }) => ({
      index,
      key,
      verdict: 'quarantined' as const,
    })),
  ].toSorted((a, b) => a.index - b.index);
  const counts = tally(verdicts);
  const requestCharge = results.reduce((total, result) => total + result.requestCharge, 0);
  const metadata = { ...toMetadata(counts, requestCharge), [BUCKETS]: bucketsText(upsertsIn(verdicts)) };
  const outcome = await blobs.create('verdicts', name, toLines(verdicts), {
    contentType: 'application/x-ndjson',
    metadata,
  });
  if (outcome === 'created') return { chunk, counts, requestCharge };
  const stored = await blobs.metadata('verdicts', name);
  if (!stored) throw new Error(`The verdict file ${name} was there, and is gone.`);
  return fromMetadata(name, stored);
}

/** The quarantined records of a chunk that has some. */
export async function readQuarantine(
  blobs: Pick<Blobs, 'read'>,
  name: string,
): Promise<readonly QuarantinedRecord[]> {
  return fromLines<QuarantinedRecord>(
    mustExist(await blobs.read('quarantine', name), `The quarantine ${name}`),
  );
}

/** One listing: the verdict files that a batch has. */
export async function listVerdicts(blobs: Pick<Blobs, 'list'>, batchId: string): Promise<ChunkVerdicts[]> {
  const files: ChunkVerdicts[] = [];
  for await (const { name, metadata } of blobs.list('verdicts', `${batchId}/`))
    files.push(fromMetadata(name, metadata));
  return files;
}

/** How many records of each bucket were upserted. */
export function upsertsIn(verdicts: readonly RecordVerdict[]): Map<number, number> {
  const upserts = new Map<number, number>();
  for (const { verdict, key } of verdicts) {
    if (verdict !== 'upserted') continue;
    const bucket = bucketOf(key);
    upserts.set(bucket, (upserts.get(bucket) ?? 0) + 1);
  }
  return upserts;
}

/** What a listed verdict file says of itself; undefined when it does not tell. */
export async function describeVerdicts(
  blobs: Blobs,
  { name, metadata }: Pick<ListedBlob, 'name' | 'metadata'>,
): Promise<VerdictFile | undefined> {
  const counted = readMetadata(name, metadata);
  if (typeof counted === 'string') return undefined;
  const batchId = name.slice(0, name.lastIndexOf('/'));
  // Files of before the entry was there have to be read.
  const upserts = parseBuckets(metadata[BUCKETS]) ?? upsertsIn(await readVerdicts(blobs, name));
  return { ...counted, batchId, upserts };
}

/** Metadata entry: `{bucket}:{records upserted}`, with commas between; `none`: metadata may not be empty. */
const BUCKETS = 'buckets';

function bucketsText(upserts: ReadonlyMap<number, number>): string {
  return Array.from(upserts, ([bucket, count]) => `${bucket}:${count}`).join(',') || 'none';
}

function parseBuckets(text: string | undefined): Map<number, number> | undefined {
  if (text === 'none') return new Map();
  if (text === undefined || !/^\d+:\d+(,\d+:\d+)*$/.test(text)) return undefined;
  return new Map(text.split(',').map((part) => part.split(':').map(Number) as [number, number]));
}

/** The verdicts of a chunk, by index. */
export async function readVerdicts(blobs: Blobs, name: string): Promise<readonly RecordVerdict[]> {
  return fromLines<RecordVerdict>(mustExist(await blobs.read('verdicts', name), `The verdict file ${name}`));
}

function toMetadata(counts: VerdictCounts, requestCharge: number): Metadata {
  const entries = VERDICTS.map((verdict) => [verdict.toLowerCase(), String(counts[verdict])]);
  return { ...(Object.fromEntries(entries) as Metadata), ru: requestCharge.toFixed(2) };
}

function fromMetadata(name: string, metadata: Metadata): ChunkVerdicts {
  const counted = readMetadata(name, metadata);
  if (typeof counted === 'string')
    throw new Error(`The verdict file ${name} does not tell how many are ${counted}.`);
  return counted;
}

/** The counts in a file's metadata, or the verdict that they do not tell of. */
function readMetadata(name: string, metadata: Metadata): ChunkVerdicts | Verdict {
  const count = (verdict: Verdict): number => Number(metadata[verdict.toLowerCase()]);
  const untold = VERDICTS.find((verdict) => !Number.isSafeInteger(count(verdict)));
  if (untold) return untold;
  const counts = Object.fromEntries(VERDICTS.map((verdict) => [verdict, count(verdict)])) as VerdictCounts;
  return { chunk: chunkNumber(name), counts, requestCharge: Number(metadata['ru'] ?? 0) };
}
