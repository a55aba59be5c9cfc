import type { Batch, BatchHeader, Format } from './batch';

/** Blob containers of the app. */
export const CONTAINERS = [
  'inbox',
  'uploads',
  'archive',
  'chunks',
  'validated',
  'quarantine',
  'verdicts',
  'media',
  'schemas',
  'upkeep',
] as const;
export type Container = (typeof CONTAINERS)[number];

const five = (chunk: number): string => String(chunk).padStart(5, '0');

/** The body as it was received, until the batch is closed. The hash keeps two contents of one idempotency key apart. */
export const inboxName = (batchId: string, contentHash: string): string => `${batchId}/${contentHash}`;

/** What a producer puts by its own request, to be named by a batch. */
export const uploadName = (dataset: string, uploadId: string): string => `${dataset}/${uploadId}`;

/** `{dataset}/{yyyy}/{MM}/{dd}/{HH}/{batchId}.{ext}`, by the time of receipt (UTC). */
export function archiveName(
  batch: Pick<Batch, 'id' | 'dataset' | 'receivedAt' | 'format' | 'upload'>,
): string {
  const [date = '', time = ''] = batch.receivedAt.split('T');
  return `${batch.dataset}/${date.replaceAll('-', '/')}/${time.slice(0, 2)}/${batch.id}.${extension(batch)}`;
}

const EXTENSIONS: Readonly<Record<Format, string>> = {
  ndjson: 'ndjson',
  json: 'json',
  csv: 'csv',
  redrive: 'redrive.ndjson',
  records: 'records.ndjson',
};

/** An upload is kept as it came: compressed, if it was. */
function extension({ format, upload }: Pick<Batch, 'format' | 'upload'>): string {
  const encoding = upload?.encoding;
  return EXTENSIONS[format] + (encoding === undefined ? '' : encoding === 'gzip' ? '.gz' : '.br');
}

/** What validation made of a chunk's records, and the verdicts: one blob each, created once. */
export const chunkName = (batchId: string, chunk: number): string => `${batchId}/${five(chunk)}.ndjson`;

/** The records of a validated chunk that are stale, because a newer one of their key is in another group of the batch. */
export const staleName = (batchId: string, chunk: number): string => `${batchId}/${five(chunk)}.stale.ndjson`;

type SplitBatch = Pick<BatchHeader, 'id' | 'split'>;

/** A folder for each execution of the split: two versions of the app may split otherwise. */
const splitFolder = ({ id, split }: SplitBatch): string => (split === undefined ? id : `${id}/${split}`);

/** A chunk's records. */
export const splitName = (batch: SplitBatch, chunk: number): string =>
  `${splitFolder(batch)}/${five(chunk)}.ndjson`;

/** Fingerprints of the keys that occur in several groups of a batch. */
export const repeatedName = (batch: SplitBatch): string => `${splitFolder(batch)}/repeated.json`;

/** The chunk that a blob name of {@link chunkName} belongs to. */
export const chunkNumber = (name: string): number =>
  Number(name.slice(name.lastIndexOf('/') + 1, -'.ndjson'.length));

/** The marker of a group. Its `:` keeps it apart from every document id. */
export const markerId = (batchId: string, chunk: number, group: number): string =>
  `${batchId}:${chunk}:${group}`;
