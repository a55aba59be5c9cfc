import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { ApiError, type BatchReport, type RecordReport } from '../../../tools/lib/api';
import type { Body } from './bodies';
import type { Expected } from './expected';
import type { Members, Value } from './good';
import type { World } from './world';

/** A batch that was accepted. */
export interface Accepted {
  readonly batchId: string;
  readonly body: Body;
  readonly dataset: string;
  readonly onInvalid: 'quarantine' | 'reject';
  readonly records: readonly Expected[] | 'unknown';
}

/** Documents looked at of one batch, those of hostile records first. */
const DOCUMENTS_LOOKED_AT = 4;

const CLOSES_WITHIN_MS = 60_000;

/** As it looks when it was written as JSON and read again: -0 becomes 0, and nothing else changes. */
const written = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

const isSame = (value: unknown, stored: unknown): boolean => isDeepStrictEqual(written(value), stored);

const total = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);

/** Holds each accepted batch against what was sent, and remembers what the stores have to hold. */
export class Verifier {
  /** Every batch that was accepted. */
  readonly batches = new Set<string>();
  /** Every document that has to be there, as `{dataset}/{key}`. */
  readonly documents = new Set<string>();
  /** Records that have to be in the hub. */
  published = 0;
  /** Hashes of the media that accepted records hold. */
  readonly media = new Set<string>();

  constructor(private readonly world: World) {}

  /** Waits until the batch is closed. @returns what is wrong with it */
  async batch(accepted: Accepted): Promise<string[]> {
    const { api } = this.world.hw;
    const { batchId } = accepted;
    const report = await api.closed(batchId, { timeoutMs: CLOSES_WITHIN_MS, pollMs: 50 });
    const records: RecordReport[] = [];
    for await (const record of api.records(batchId, '?maxpagesize=1000')) records.push(record);
    this.note(accepted, records);
    return [
      ...countFaults(accepted, report, records),
      ...records.flatMap((record) => recordFaults(accepted, report, record)),
      ...(await this.documentFaults(accepted, records)),
    ].map((fault) => `batch ${batchId}: ${fault}`);
  }

  private note({ dataset, records: expected }: Accepted, records: readonly RecordReport[]): void {
    for (const { verdict, key, index } of records) {
      if (verdict === 'upserted') this.documents.add(`${dataset}/${key}`);
      if (verdict !== 'quarantined' && verdict !== 'notApplied') this.published++;
      const value = expected === 'unknown' ? undefined : expected[index]?.value;
      const image = imageOf(value);
      if (image) this.media.add(sha256(image));
    }
  }

  private async documentFaults(accepted: Accepted, records: readonly RecordReport[]): Promise<string[]> {
    const { records: expected, body } = accepted;
    if (expected === 'unknown') return [];
    const good = goodOf(body);
    const isGood = ({ index }: RecordReport): boolean => good.has(JSON.stringify(expected[index]?.value));
    const landed = records
      .filter(({ verdict, key }) => verdict === 'upserted' && canBeAddressed(key))
      .toSorted((a, b) => Number(isGood(a)) - Number(isGood(b)));
    const faults = landed
      .slice(0, DOCUMENTS_LOOKED_AT)
      .map((record) => this.documentFault(accepted, record, expected));
    return (await Promise.all(faults)).flatMap((fault) => fault ?? []);
  }

  private async documentFault(
    { dataset, batchId }: Accepted,
    { key, index }: RecordReport,
    expected: readonly Expected[],
  ): Promise<string | undefined> {
    const { api } = this.world.hw;
    const path = `/api/datasets/${dataset}/documents/${encodeURIComponent(key ?? '')}`;
    const found = await api
      .get<{ data: unknown; madeBy: { batchId: string; index: number } }>(path)
      .catch((error: unknown) => (error instanceof ApiError ? error : Promise.reject(error)));
    const value = expected[index]?.value;
    if (found instanceof ApiError) {
      const isDeletion =
        (value as Members | undefined)?.[dataset === 'products' ? 'deleted' : 'gone'] === true;
      return found.status === 410 && isDeletion ? undefined : `GET ${path} answers ${found.status}`;
    }
    // Another body has written the same key since.
    if (found.madeBy.batchId !== batchId || found.madeBy.index !== index) return undefined;
    const data = withReference(value, found.data);
    return isSame(data, found.data)
      ? undefined
      : `${path} holds ${excerpt(found.data)}, and ${excerpt(data)} was sent`;
  }
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** Dots alone are resolved by whoever parses the URL. */
const canBeAddressed = (key: string | null): boolean => key !== null && key !== '.' && key !== '..';

export function excerpt(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 300 ? `${text.slice(0, 300)}… (${text.length} characters)` : text;
}

/** The good records of a body as JSON; of a redrive's items what is to be repaired. */
function goodOf({ good }: Body): ReadonlySet<string> {
  return new Set(good.records.map((record) => JSON.stringify('index' in record ? record['record'] : record)));
}

function countFaults(accepted: Accepted, report: BatchReport, records: readonly RecordReport[]): string[] {
  const faults: string[] = [];
  const { accepted: count, inFlight, ...verdicts } = report.counts;
  const expected = accepted.records === 'unknown' ? count : accepted.records.length;
  if (count !== expected) faults.push(`${count} records were accepted, ${expected} sent`);
  if (inFlight !== 0 || total(verdicts) !== count)
    faults.push(`the counts do not add up: ${excerpt(report.counts)}`);
  for (const [verdict, told] of Object.entries(verdicts)) {
    const listed = records.filter((record) => record.verdict === verdict).length;
    if (listed !== told) faults.push(`${told} records are counted as ${verdict}, ${listed} are listed`);
  }
  const indexes = new Set(records.map(({ index }) => index));
  const isComplete =
    indexes.size === records.length && records.every(({ index }) => index >= 0 && index < count);
  if (!isComplete || records.length !== count)
    faults.push(`the listing does not have each of ${count} records once`);
  const status = statusOf(accepted, report);
  if (report.status !== status) faults.push(`the status is ${report.status}, expected ${status}`);
  return faults;
}

function statusOf({ onInvalid }: Accepted, { counts }: BatchReport): BatchReport['status'] {
  if (counts.quarantined > 0 && onInvalid === 'reject') return 'rejected';
  return counts.quarantined + counts.deadLettered > 0 ? 'completedWithRejects' : 'completed';
}

function recordFaults(accepted: Accepted, report: BatchReport, record: RecordReport): string[] {
  const { verdict, index } = record;
  const expected = accepted.records === 'unknown' ? undefined : accepted.records[index];
  const fault = (text: string): string[] => [`record ${index} ${text}`];
  if (verdict === 'deadLettered') return fault(`is dead-lettered: ${record.reason}`);
  if (verdict === 'notApplied' && report.status !== 'rejected')
    return fault(`is not applied: ${record.reason}`);
  if (verdict === 'quarantined') return quarantineFaults(accepted.body, record, expected).flatMap(fault);
  if (expected && !('value' in expected)) return fault(`cannot be read, and is ${verdict}`);
  if (verdict !== 'notApplied' && report.status === 'rejected')
    return fault(`of a rejected batch is ${verdict}`);
  return [];
}

function quarantineFaults(body: Body, record: RecordReport, expected: Expected | undefined): string[] {
  const faults: string[] = [];
  const { errors = [] } = record;
  const areTold = errors.every(({ pointer, keyword, message }) =>
    [pointer, keyword, message].every((text) => typeof text === 'string'),
  );
  if (errors.length === 0 || !areTold) faults.push(`is quarantined without a reason: ${excerpt(errors)}`);
  if (!('record' in record)) faults.push('is quarantined and lost');
  if (!expected) return faults;
  if (!('value' in expected)) {
    if (typeof record.record !== 'string') faults.push('cannot be read, and is not kept as text');
    return faults;
  }
  if (!isSame(expected.value, record.record))
    faults.push(`is kept as ${excerpt(record.record)}, and ${excerpt(expected.value)} was sent`);
  // Spoilt media are put into the good records themselves.
  if (goodOf(body).has(JSON.stringify(expected.value)))
    faults.push(`is good and quarantined: ${excerpt(errors)}`);
  return faults;
}

const DATA_URL = /^data:image\/jpeg;base64,/;

/** The bytes of a record's image. */
function imageOf(value: Value | undefined): Buffer | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const { image } = value;
  return typeof image === 'string' ? Buffer.from(image.replace(DATA_URL, ''), 'base64') : undefined;
}

/** A record of `pictures` as its document has it: with a reference in the image's place. */
function withReference(value: Value | undefined, stored: unknown): unknown {
  const image = imageOf(value);
  const reference = (stored as { image?: unknown }).image;
  if (!image || typeof reference !== 'object') return value;
  const hash = sha256(image);
  return {
    ...(value as Members),
    image: { path: `media/pictures/${hash}`, sha256: hash, bytes: image.length, contentType: 'image/jpeg' },
  };
}
