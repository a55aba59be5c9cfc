import { brotliCompressSync, gzipSync } from 'node:zlib';
import type { AcceptedBatch } from '../../../tools/lib/api';
import { castRow, columnTypes, readCsv } from '../../../tools/lib/csv';
import type { Random } from '../../../tools/lib/random';
import { schemaOf } from '../../../tools/lib/rules';
import { draft, toCsv, type Draft, type RoundDataSet } from './records';

type Format = 'ndjson' | 'json' | 'csv';
type Encoding = 'gzip' | 'br';

/** A record as the app has to read it. */
export interface Sent {
  /** Of a row that cannot be read its text. */
  readonly record: unknown;
  /** Of CSV. */
  readonly line?: number;
  readonly repaired?: object;
  /** Of a re-drive: the record's place in the order, and its id in the hub. */
  readonly origin?: Origin;
}

export interface Origin {
  readonly batchId: string;
  readonly index: number;
  readonly receivedAt: string;
}

export interface Kind {
  readonly dataset: RoundDataSet;
  readonly format: Format;
  readonly encoding?: Encoding;
  /** The body is uploaded: in one request or in blocks. */
  readonly upload?: 'put' | 'blocks';
  readonly onInvalid?: 'reject';
  /** Exactly so many records. */
  readonly records?: number;
  /** Of so many keys. */
  readonly keys?: number;
  /** Something follows that is no record. */
  readonly malformed?: true;
}

/** Records with few keys in several groups, and more than a chunk of them: what is stale shows over all of them only. */
const FAR_APART = { records: 1_100, keys: 9 };
/** Two chunks. */
const SPLIT = { records: 1_050 };

/** The batches of a round; with {@link REDRIVES} there are more than twenty in flight. */
const KINDS: readonly Kind[] = [
  { dataset: 'products', format: 'ndjson' },
  { dataset: 'products', format: 'ndjson', encoding: 'gzip' },
  { dataset: 'products', format: 'json', encoding: 'br' },
  { dataset: 'products', format: 'json', onInvalid: 'reject', records: 60 },
  { dataset: 'orders', format: 'csv' },
  { dataset: 'orders', format: 'csv', encoding: 'gzip' },
  { dataset: 'orders', format: 'csv', encoding: 'br' },
  { dataset: 'tweets', format: 'ndjson' },
  { dataset: 'tweets', format: 'json', encoding: 'gzip' },
  { dataset: 'tweets', format: 'ndjson', records: 30 },
  { dataset: 'flights', format: 'ndjson' },
  { dataset: 'flights', format: 'ndjson' },
  { dataset: 'flights', format: 'json', encoding: 'br' },
  { dataset: 'flights', format: 'ndjson', ...FAR_APART },
  { dataset: 'flights', format: 'ndjson', encoding: 'gzip', upload: 'blocks', ...SPLIT },
  { dataset: 'flights', format: 'csv', encoding: 'gzip', upload: 'put', ...FAR_APART },
  { dataset: 'orders', format: 'csv', upload: 'put' },
  { dataset: 'products', format: 'json', encoding: 'br', upload: 'put' },
  { dataset: 'tweets', format: 'ndjson', upload: 'blocks' },
  { dataset: 'flights', format: 'ndjson', upload: 'put', malformed: true, ...SPLIT },
];

export interface RoundBatch extends Kind {
  /** Idempotency key. */
  readonly key: string;
  /** As it is sent. */
  readonly body: Buffer;
  /** As the archive has to hold it; undefined for a re-drive, whose body the app writes. */
  readonly archived?: Buffer;
  readonly sent: readonly Sent[];
  /** The batch that it re-drives records of; without a body all of one verdict. */
  readonly redriveOf?: RoundBatch;
  readonly verdict?: RedrivePlan['verdict'];
  accepted?: AcceptedBatch;
}

/** The batches of a round, in the order of {@link KINDS}. */
export function makeBatches(random: Random, round: string): RoundBatch[] {
  return KINDS.map((kind, number) => {
    const size = kind.records ?? 1 + random.integer(0, random.pick([3, 40, 120]) - 1);
    const drafts = Array.from({ length: size }, () => draft(kind.dataset, random, kind.keys));
    const { text, sent } = write(kind, drafts, random);
    const plain = Buffer.from(text);
    const body = packed(plain, kind.encoding);
    return { ...kind, key: `${round}-${number}`, body, archived: kind.upload ? body : plain, sent };
  });
}

function packed(plain: Buffer, encoding: Encoding | undefined): Buffer {
  if (encoding === undefined) return plain;
  return encoding === 'gzip' ? gzipSync(plain) : brotliCompressSync(plain);
}

function write(
  { format, dataset, malformed }: Kind,
  drafts: readonly Draft[],
  random: Random,
): { text: string; sent: Sent[] } {
  if (format === 'csv') {
    const text = toCsv(drafts, random.pick(['\n', '\r\n']));
    return { text, sent: readRows(text, dataset, drafts) };
  }
  const sent = drafts.map(({ record, repaired }) => ({ record, ...(repaired ? { repaired } : {}) }));
  const lines = drafts.map(({ record }) => JSON.stringify(record));
  const text = format === 'json' ? `[${lines.join(',\n')}]` : lines.join('\n');
  return { text: malformed ? `${text}\n{"icao24":` : text, sent: malformed ? [] : sent };
}

/** By another reader than the app's. */
function readRows(text: string, dataset: RoundDataSet, drafts: readonly Draft[]): Sent[] {
  const types = columnTypes(schemaOf(dataset));
  const { header, rows } = readCsv(text);
  return rows.map((row, at) => {
    const { repaired } = drafts[at] as Draft;
    const record = 'cells' in row ? castRow(header, row.cells, types) : row.raw;
    return { record, line: row.line, ...(repaired ? { repaired } : {}) };
  });
}

/** A re-drive, of the batch number `of` in {@link KINDS} or, from there on, of the re-drive before. */
export interface RedrivePlan {
  readonly of: number;
  readonly verdict: 'quarantined' | 'notApplied';
  /** Else they go as they are. */
  readonly repaired: boolean;
  /** Records of this re-drive are re-driven once more, repaired. */
  readonly again?: true;
}

export const REDRIVES: readonly RedrivePlan[] = [
  { of: 3, verdict: 'notApplied', repaired: false },
  { of: 9, verdict: 'quarantined', repaired: true },
  { of: 14, verdict: 'quarantined', repaired: false, again: true },
  { of: 15, verdict: 'quarantined', repaired: true },
];

/** What a re-drive of these records of a batch is. */
export function makeRedrive(
  of: RoundBatch,
  { repaired, verdict }: Pick<RedrivePlan, 'repaired' | 'verdict'>,
  records: readonly Origin[],
): RoundBatch {
  const sent = records
    .toSorted((a, b) => a.index - b.index)
    .map((origin): Sent => {
      const { record, repaired: good, origin: first } = of.sent[origin.index] as Sent;
      const others = { origin: first ?? origin, ...(good ? { repaired: good } : {}) };
      return { record: repaired && good ? good : record, ...others };
    });
  const items = records.map(({ index }) => ({ index, record: of.sent[index]?.repaired }));
  const text = repaired ? items.map((item) => JSON.stringify(item)).join('\n') : '';
  const key = `${of.key} again: ${repaired ? 'repaired' : verdict}`;
  const others = repaired ? {} : { verdict };
  const body = Buffer.from(text);
  return { dataset: of.dataset, format: 'ndjson', key, body, sent, redriveOf: of, ...others };
}
