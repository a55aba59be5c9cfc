import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Api, BatchReport, RecordReport } from '../../../tools/lib/api';
import type { Recount, StoredDocument } from '../../../tools/lib/recount';
import { rulesOf } from '../../../tools/lib/rules';
import { jpegOf, landingOf, type DataSetRules, type Landing } from '../../../tools/lib/verdicts';
import { DATASETS } from './records';
import type { Origin, RoundBatch } from './workload';

type Stamp = readonly [eventTime: number, receivedAt: number, batchId: string, index: number];

interface Landed {
  readonly landing: Landing;
  readonly record: Record<string, unknown>;
  readonly stamp: Stamp;
}

/** A valid record, and which one it is. */
interface Judged extends Landed {
  readonly from: Origin;
}

/** A line of a verdict file. */
type Verdict = Pick<RecordReport, 'index' | 'key' | 'verdict' | 'version' | 'winner'>;

/** A line of a quarantine. */
type Quarantined = Pick<RecordReport, 'index' | 'line' | 'errors' | 'record'>;

const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex');

function isNewer(a: Stamp, b: Stamp): boolean {
  for (const [place, value] of a.entries()) {
    const other = b[place] as string | number;
    if (value !== other) return value > other;
  }
  return false;
}

const stampOf = ({ eventTime }: Landing, { receivedAt, batchId, index }: Origin): Stamp => [
  eventTime,
  Date.parse(receivedAt),
  batchId,
  index,
];

const nameOf = (dataset: string, key: string): string => `${dataset}/${key}`;

/** Holds what was sent against what the stores hold, and against what the app says; gives every disagreement. */
export class Verifier {
  readonly faults: string[] = [];
  private readonly rules = new Map<string, DataSetRules>(DATASETS.map((name) => [name, rulesOf(name)]));
  /** By data set and key: the newest that was accepted and is not held back. */
  private readonly newest = new Map<string, Landed>();
  private readonly versions = new Map<string, number[]>();
  private readonly stale: { readonly name: string; readonly stamp: Stamp }[] = [];
  private readonly expectedEvents: string[] = [];

  constructor(
    private readonly api: Api,
    private readonly recount: Recount,
  ) {}

  private check(what: string, actual: unknown, expected: unknown): void {
    if (isDeepStrictEqual(actual, expected)) return;
    const text = (value: unknown): string => (JSON.stringify(value) ?? 'undefined').slice(0, 400);
    this.faults.push(`${what}: ${text(actual)}, expected ${text(expected)}`);
  }

  /** One batch: its report, its verdict files, its quarantine, its archive. */
  async batch(batch: RoundBatch): Promise<void> {
    const id = batch.accepted?.batchId ?? '';
    const report = await this.api.closed(id, { timeoutMs: 180_000 });
    const { accepted, inFlight, ...counts } = report.counts;
    const name = nameIn(batch, id);
    if (batch.malformed) this.checkMalformed(name, report);
    this.check(`${name} accepted`, accepted, batch.sent.length);
    this.check(`${name} in flight`, inFlight, 0);
    const verdicts = await this.lines<Verdict>(`verdicts/${id}/`);
    const indices = verdicts.map(({ index }) => index).toSorted((a, b) => a - b);
    this.check(`${name} indices`, indices, [...batch.sent.keys()]);
    const counted = Object.fromEntries(
      Object.keys(counts).map((verdict) => [
        verdict,
        verdicts.filter((one) => one.verdict === verdict).length,
      ]),
    );
    this.check(`${name} counts of its files`, counted, counts);
    await this.archive(name, batch, report);
    await this.quarantine(name, batch, verdicts);
    const listed: number[] = [];
    for await (const { index } of this.api.records(id, '?maxpagesize=1000')) listed.push(index);
    this.check(`${name} listed records`, listed.length, verdicts.length);
    this.verdicts(name, batch, report, verdicts);
  }

  private async lines<T>(prefix: string): Promise<T[]> {
    const [container = '', ...rest] = prefix.split('/');
    const lines: T[] = [];
    for (const blob of await this.recount.blobNames(container, rest.join('/'))) {
      const text = (await this.recount.blob(`${container}/${blob}`))?.toString('utf8') ?? '';
      for (const line of text.split('\n')) if (line !== '') lines.push(JSON.parse(line) as T);
    }
    return lines;
  }

  private checkMalformed(name: string, { status, failure, archive }: BatchReport): void {
    this.check(`${name} end`, [status, failure?.code, archive], ['failed', 'malformed-body', null]);
  }

  private async archive(name: string, batch: RoundBatch, { archive }: BatchReport): Promise<void> {
    if (batch.malformed) return;
    const content = await this.recount.blob(archive?.path ?? 'archive/none');
    if (!content) return void this.faults.push(`${name} has no archive`);
    this.check(`${name} archive`, [archive?.sha256, archive?.bytes], [sha256(content), content.length]);
    if (batch.archived) this.check(`${name} archive is what was sent`, content.equals(batch.archived), true);
    if (!batch.redriveOf) return;
    const lines = content.toString('utf8').split('\n').filter(Boolean);
    this.check(
      `${name} archive of a re-drive`,
      lines.map((line) => JSON.parse(line) as unknown),
      batch.sent.map(({ record, origin }) => asJson({ origin, record })),
    );
  }

  private async quarantine(name: string, batch: RoundBatch, verdicts: readonly Verdict[]): Promise<void> {
    const bad = verdicts.filter(({ verdict }) => verdict === 'quarantined');
    const kept = await this.lines<Quarantined>(`quarantine/${batch.accepted?.batchId}/`);
    const sorted = (list: readonly { index: number }[]): number[] =>
      list.map(({ index }) => index).toSorted((a, b) => a - b);
    this.check(`${name} quarantine`, sorted(kept), sorted(bad));
    for (const { index, line, errors = [], record } of kept) {
      const sent = batch.sent[index];
      this.check(`${name} quarantined record ${index}`, [record, line], [asJson(sent?.record), sent?.line]);
      if (errors.length === 0) this.faults.push(`${name} record ${index} is quarantined without a reason`);
    }
  }

  private verdicts(
    name: string,
    batch: RoundBatch,
    { receivedAt, failure }: BatchReport,
    verdicts: readonly Verdict[],
  ): void {
    const rules = this.rules.get(batch.dataset) as DataSetRules;
    const mayBeHeld = failure?.code === 'terminated' || batch.onInvalid === 'reject';
    const all = batch.sent.map(({ record, origin }, index): Judged | undefined => {
      const landing = landingOf(record, receivedAt, rules);
      const from = origin ?? { batchId: batch.accepted?.batchId ?? '', index, receivedAt };
      return landing && { landing, record: record as Landed['record'], stamp: stampOf(landing, from), from };
    });
    const held = new Set<string>();
    for (const { index, verdict } of verdicts) {
      const from = all[index]?.from;
      if (from && verdict === 'notApplied') held.add(idOf(from));
    }
    this.duplicates(name, all, verdicts);
    for (const verdict of verdicts) {
      const what = `${name} record ${verdict.index}`;
      const one = all[verdict.index];
      if (!one) {
        this.check(what, verdict.verdict, 'quarantined');
        continue;
      }
      this.check(`${what} key`, verdict.key, one.landing.key);
      if (verdict.verdict === 'notApplied' && mayBeHeld) continue;
      if (['notApplied', 'quarantined', 'deadLettered'].includes(verdict.verdict)) {
        this.faults.push(`${what} is ${verdict.verdict} (${failure?.message ?? ''})`);
        continue;
      }
      this.expectedEvents.push(idOf(one.from));
      // A newer one of the same batch that was held back: until that comes again, neither is there.
      if (!verdict.winner || !held.has(idOf(verdict.winner))) this.landed(batch.dataset, one, verdict);
    }
  }

  /** Of the valid records of one key in a batch none but the newest can have landed. */
  private duplicates(name: string, all: readonly (Judged | undefined)[], verdicts: readonly Verdict[]): void {
    const best = new Map<string, Stamp>();
    for (const one of all) {
      if (!one) continue;
      const { key } = one.landing;
      const rival = best.get(key);
      if (!rival || isNewer(one.stamp, rival)) best.set(key, one.stamp);
    }
    for (const { index, verdict } of verdicts) {
      const one = all[index];
      if (!one || (verdict !== 'upserted' && verdict !== 'unchanged')) continue;
      const { key } = one.landing;
      if (isNewer(best.get(key) ?? one.stamp, one.stamp))
        this.faults.push(`${name} record ${index} is ${verdict}, and not the newest of ${key} in its batch`);
    }
  }

  private landed(dataset: string, one: Landed, { verdict, version = 0 }: Verdict): void {
    const name = nameOf(dataset, one.landing.key);
    if (verdict === 'upserted') this.versions.set(name, [...(this.versions.get(name) ?? []), version]);
    if (verdict === 'stale') this.stale.push({ name, stamp: one.stamp });
    const rival = this.newest.get(name);
    if (!rival || isNewer(one.stamp, rival.stamp)) this.newest.set(name, one);
  }

  /** The stores, after all batches: each key's newest version and how it came to be, every image, every event. */
  async stores(): Promise<void> {
    const documents = await this.recount.documents();
    const found = new Set(documents.map(({ pk, _hw }) => nameOf(datasetOf(pk), _hw.key)));
    for (const name of this.newest.keys()) if (!found.has(name)) this.faults.push(`${name} is not there`);
    for (const document of documents) await this.document(document);
    for (const { name, stamp } of this.stale)
      if (!isNewer(this.newest.get(name)?.stamp ?? stamp, stamp))
        this.faults.push(`${name} of ${stamp.join()} is stale, and nothing is newer`);
    const events = await this.recount.events();
    const missing = this.expectedEvents.filter((id) => !events.has(id));
    this.check('events missing in the hub', missing.slice(0, 5), []);
  }

  private async document({ pk, data, _hw }: StoredDocument): Promise<void> {
    const dataset = datasetOf(pk);
    const name = nameOf(dataset, _hw.key);
    const newest = this.newest.get(name);
    if (!newest) return void this.faults.push(`document ${name} was never sent`);
    const expected = await this.withReferences(name, dataset, newest.record);
    this.check(`document ${name}`, data, expected);
    this.check(`document ${name} deleted`, _hw.deleted, newest.landing.deleted);
    const { eventTime, receivedAt, batchId, index } = _hw.newest;
    this.check(`document ${name} stamp`, [eventTime, receivedAt, batchId, index], newest.stamp);
    const versions = (this.versions.get(name) ?? []).toSorted((a, b) => a - b);
    const counted = Array.from({ length: _hw.version }, (_, before) => before + 1);
    this.check(`document ${name} versions`, versions, counted);
  }

  /** The record as a document holds it, once its images are where they are said to be, byte for byte. */
  private async withReferences(
    name: string,
    dataset: string,
    record: Record<string, unknown>,
  ): Promise<object> {
    const expected = { ...record };
    for (const member of this.rules.get(dataset)?.jpegProperties ?? []) {
      const text = record[member];
      if (typeof text !== 'string') continue;
      const image = jpegOf(text) as Buffer;
      const hash = sha256(image);
      const path = `media/${dataset}/${hash}`;
      expected[member] = { path, sha256: hash, bytes: image.length, contentType: 'image/jpeg' };
      const stored = await this.recount.blob(path);
      this.check(`the image of ${name} is what was sent`, stored?.equals(image), true);
    }
    return expected;
  }
}

const datasetOf = (pk: string): string => pk.slice(0, pk.lastIndexOf(':'));
const idOf = ({ batchId, index }: { batchId: string; index: number }): string => `${batchId}/${index}`;
const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value)) as unknown;

const nameIn = ({ dataset, format, encoding, upload, redriveOf }: RoundBatch, id: string): string => {
  const kind = redriveOf ? 're-driven' : [upload, encoding, format].filter(Boolean).join(' ');
  return `batch ${id} (${dataset}, ${kind})`;
};
