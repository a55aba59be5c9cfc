import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { ApiError, type BatchReport, type RecordReport } from '../../../tools/lib/api';
import type { Body } from './bodies';
import { valueOf, type Expected } from './expected';
import type { Members, Value } from './good';
import type { World } from './world';

/** A batch that was accepted. */
export interface Accepted {
  readonly batchId: string;
  readonly body: Body;
  readonly dataset: string;
  readonly onInvalid: 'quarantine' | 'reject';
  /** None of an upload that cannot be read. */
  readonly records: readonly Expected[];
  /** Of an upload: with one of these codes its batch has to end as failed; none: it must not. */
  readonly failures?: readonly string[];
  /** Places of the records that a dry run would have quarantined. */
  readonly foretold?: ReadonlySet<number>;
  readonly redriveOf?: string;
}

/** Documents looked at of one batch, those of hostile records first. */
const DOCUMENTS_LOOKED_AT = 4;

const CLOSES_WITHIN_MS = 60_000;

/** As it looks when it was written as JSON and read again: -0 becomes 0, and nothing else changes. */
export const written = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

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
  /** Batches of uploads that cannot be read: these have no archive. */
  readonly unread = new Set<string>();
  /** By batch, those that are redrives of it. */
  readonly redrives = new Map<string, Set<string>>();

  constructor(private readonly world: World) {
    for (const { batchId, records } of world.origins) {
      this.batches.add(batchId);
      this.note('notes', [], records);
    }
    // The last one brings records of the first again.
    const [first, last] = [world.origins.at(0), world.origins.at(-1)];
    if (first && last) this.redrives.set(first.batchId, new Set([last.batchId]));
  }

  /** To be called of each batch that is accepted. */
  expect({ batchId, redriveOf }: Accepted): void {
    this.batches.add(batchId);
    if (redriveOf === undefined) return;
    const known = this.redrives.get(redriveOf) ?? new Set();
    this.redrives.set(redriveOf, known.add(batchId));
  }

  /** Waits until the batch is closed. @returns what became of it, and what is wrong with it */
  async batch(accepted: Accepted): Promise<{ outcome: string; faults: string[] }> {
    const { api } = this.world.hw;
    const { batchId } = accepted;
    const report = await api.closed(batchId, { timeoutMs: CLOSES_WITHIN_MS, pollMs: 50 });
    const records: RecordReport[] = [];
    for await (const record of api.records(batchId, '?maxpagesize=1000')) records.push(record);
    this.note(accepted.dataset, accepted.records, records);
    if (report.status === 'failed') this.unread.add(batchId);
    const faults = [
      ...countFaults(accepted, report, records),
      ...closingFaults(accepted, report),
      ...(await this.archiveFaults(accepted, report)),
      ...keyFaults(records),
      ...foretoldFaults(accepted, records),
      ...records.flatMap((record) => recordFaults(accepted, report, record)),
      ...(await this.documentFaults(accepted, records)),
    ];
    const { failure, status } = report;
    return {
      outcome: `202 ${status}${failure ? ` (${failure.code})` : ''}`,
      faults: faults.map((fault) => `batch ${batchId}: ${fault}`),
    };
  }

  /** Of a body that was sent as it is, and of an upload, the archive has these bytes. */
  private async archiveFaults(
    { body, failures, redriveOf }: Accepted,
    report: BatchReport,
  ): Promise<string[]> {
    const { archive } = report;
    if (!archive || redriveOf !== undefined) return [];
    const isUpload = failures !== undefined;
    if (!isUpload && !/^(?:identity)?$/i.test(body.contentEncoding?.trim() ?? '')) return [];
    const expected = { sha256: sha256(body.bytes), bytes: body.bytes.length };
    const { path, ...told } = archive;
    if (!isDeepStrictEqual(told, expected))
      return [`the archive is said to be ${excerpt(told)}, expected ${excerpt(expected)}`];
    const found = isUpload ? await this.world.hw.recount.archived(path) : expected;
    return isDeepStrictEqual(found, expected) ? [] : [`${path} is ${excerpt(found)}, not what was uploaded`];
  }

  private note(dataset: string, expected: readonly Expected[], records: readonly RecordReport[]): void {
    for (const { verdict, key, index } of records) {
      if (verdict === 'upserted') this.documents.add(`${dataset}/${key}`);
      if (verdict !== 'quarantined' && verdict !== 'notApplied') this.published++;
      const image = verdict === 'quarantined' ? undefined : imageOf(valueOf(expected[index]));
      if (image && dataset === 'pictures') this.media.add(sha256(image));
    }
  }

  private async documentFaults(accepted: Accepted, records: readonly RecordReport[]): Promise<string[]> {
    const { records: expected, body } = accepted;
    const good = goodOf(body);
    const isGood = ({ index }: RecordReport): boolean => good.has(JSON.stringify(valueOf(expected[index])));
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
    const value = valueOf(expected[index]);
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
export function goodOf({ good }: Body): ReadonlySet<string> {
  return new Set(good.records.map((record) => JSON.stringify('index' in record ? record['record'] : record)));
}

function countFaults(accepted: Accepted, report: BatchReport, records: readonly RecordReport[]): string[] {
  const faults: string[] = [];
  const { accepted: count, inFlight, ...verdicts } = report.counts;
  const expected = accepted.records.length;
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
  return faults;
}

/** How it has ended. */
function closingFaults(accepted: Accepted, report: BatchReport): string[] {
  const { failures = [], redriveOf } = accepted;
  const { archive, failure } = report;
  const faults: string[] = [];
  const status = statusOf(accepted, report);
  if (report.status !== status) faults.push(`the status is ${report.status}, expected ${status}`);
  if (status !== 'failed' && (failure || !archive))
    faults.push(`it is ${status} with the archive ${excerpt(archive)} and the failure ${excerpt(failure)}`);
  if (status === 'failed' && (archive || !failures.includes(failure?.code ?? '') || !failure?.message))
    faults.push(`it failed with ${excerpt(failure)}, expected ${failures.join(' or ')}`);
  if (report.redriveOf !== redriveOf) faults.push(`it is a redrive of ${report.redriveOf}`);
  return faults;
}

/** Of several records of one key one may land: the others are stale. */
function keyFaults(records: readonly RecordReport[]): string[] {
  const landed = records.filter(({ verdict }) => verdict === 'upserted' || verdict === 'unchanged');
  const keys = new Map<string, number>();
  for (const { key } of landed) keys.set(String(key), (keys.get(String(key)) ?? 0) + 1);
  return [...keys].flatMap(([key, count]) => (count > 1 ? [`${count} records of "${key}" have landed`] : []));
}

function foretoldFaults({ foretold }: Accepted, records: readonly RecordReport[]): string[] {
  if (!foretold) return [];
  const expected = [...foretold].toSorted((a, b) => a - b);
  const found = records.flatMap(({ index, verdict }) => (verdict === 'quarantined' ? [index] : []));
  const isSameSet = isDeepStrictEqual(
    found.toSorted((a, b) => a - b),
    expected,
  );
  return isSameSet ? [] : [`${excerpt(found)} are quarantined, ${excerpt(expected)} were to be`];
}

function statusOf({ onInvalid, failures = [] }: Accepted, { counts }: BatchReport): BatchReport['status'] {
  if (failures.length > 0) return 'failed';
  if (counts.quarantined > 0 && onInvalid === 'reject') return 'rejected';
  return counts.quarantined + counts.deadLettered > 0 ? 'completedWithRejects' : 'completed';
}

function recordFaults(accepted: Accepted, report: BatchReport, record: RecordReport): string[] {
  const { verdict, index } = record;
  const expected = accepted.records[index];
  const fault = (text: string): string[] => [`record ${index} ${text}`];
  if (verdict === 'deadLettered') return fault(`is dead-lettered: ${record.reason}`);
  if (verdict === 'notApplied' && report.status !== 'rejected')
    return fault(`is not applied: ${record.reason}`);
  if (verdict === 'quarantined') return quarantineFaults(accepted.body, record, expected).flatMap(fault);
  if (expected && !('value' in expected)) return fault(`cannot be read, and is ${verdict}`);
  if (accepted.dataset === 'pictures' && !isPicture(valueOf(expected)))
    return fault(`holds no JPEG, and is ${verdict}`);
  if (verdict !== 'notApplied' && report.status === 'rejected')
    return fault(`of a rejected batch is ${verdict}`);
  return [];
}

export function quarantineFaults(body: Body, record: RecordReport, expected: Expected | undefined): string[] {
  const faults: string[] = [];
  const { errors = [] } = record;
  const areTold = errors.every(({ pointer, keyword, message }) =>
    [pointer, keyword, message].every((text) => typeof text === 'string'),
  );
  if (errors.length === 0 || !areTold) faults.push(`is quarantined without a reason: ${excerpt(errors)}`);
  if (!('record' in record)) faults.push('is quarantined and lost');
  if (!expected) return faults;
  if (record.line !== expected.line)
    faults.push(`is said to be in line ${record.line}, and is in line ${expected.line}`);
  if (!('value' in expected)) {
    if (record.record !== expected.text)
      faults.push(`is kept as ${excerpt(record.record)}, and ${excerpt(expected.text)} was sent`);
    return faults;
  }
  if (!isSame(expected.value, record.record))
    faults.push(`is kept as ${excerpt(record.record)}, and ${excerpt(expected.value)} was sent`);
  // Spoilt media are put into the good records themselves.
  if (goodOf(body).has(JSON.stringify(expected.value)))
    faults.push(`is good and quarantined: ${excerpt(errors)}`);
  return faults;
}

/** Names of types are case-insensitive. */
const DATA_URL = /^data:[iI][mM][aA][gG][eE]\/[jJ][pP][eE][gG];base64,/;

/** https://www.iana.org/assignments/media-types/image/jpeg */
const START_OF_JPEG = Buffer.from('ffd8ff', 'hex');

/** Whether the image of a record is one, in canonical base64; or it has none. */
function isPicture(value: Value | undefined): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const { image } = value;
  const bytes = imageOf(value);
  if (typeof image !== 'string' || !bytes) return image === undefined;
  return (
    bytes.toString('base64') === image.replace(DATA_URL, '') && bytes.subarray(0, 3).equals(START_OF_JPEG)
  );
}

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
