import { isDeepStrictEqual } from 'node:util';

/** What becomes of a record when nothing fails on the way. */
export type Verdict = 'upserted' | 'unchanged' | 'stale' | 'quarantined';

export type VerdictCounts = Record<Verdict, number>;

interface Stamp {
  readonly eventTime: number;
  readonly batch: number;
  readonly index: number;
}

interface Stored {
  stamp: Stamp;
  /** The record without its event time; undefined for a tombstone. */
  content: object | undefined;
  version: number;
}

/** The few settings of a data set that decide verdicts, as `x-headwater` in its schema has them. */
export interface DataSetRules {
  readonly keyProperty: string;
  readonly eventTimeProperty: string;
  readonly deletionProperty: string;
  readonly allowedSkewMs: number;
  /** Whether the schema accepts the record. */
  readonly valid: (record: unknown) => boolean;
}

/**
 * The rules for verdicts in their shortest form, written independently of the app so that each can be held
 * against the other: what a store holds after batches that came one after the other, and what became of
 * every record.
 */
export class VerdictModel {
  private readonly stored = new Map<string, Stored>();
  private batches = 0;

  constructor(private readonly rules: DataSetRules) {}

  /** Takes one batch, received (ISO 8601) after all earlier ones; returns a verdict for each record, in order. */
  ingest(records: readonly unknown[], receivedAt: string): Verdict[] {
    const batch = this.batches++;
    const verdicts = records.map((): Verdict => 'quarantined');
    const newest = new Map<string, { record: Record<string, unknown>; stamp: Stamp }>();
    records.forEach((record, index) => {
      if (!this.accepts(record, receivedAt)) return;
      verdicts[index] = 'stale';
      const stamp = { eventTime: this.eventTime(record), batch, index };
      const key = String(record[this.rules.keyProperty]);
      const rival = newest.get(key);
      if (!rival || isNewer(stamp, rival.stamp)) newest.set(key, { record, stamp });
    });
    for (const [key, { record, stamp }] of newest) verdicts[stamp.index] = this.upsert(key, record, stamp);
    return verdicts;
  }

  /** How many documents are alive, how many are tombstones, and how often content changed in all. */
  totals(): { liveDocuments: number; tombstones: number; versions: number } {
    const documents = [...this.stored.values()];
    const tombstones = documents.filter(({ content }) => content === undefined).length;
    return {
      liveDocuments: documents.length - tombstones,
      tombstones,
      versions: documents.reduce((sum, { version }) => sum + version, 0),
    };
  }

  private accepts(record: unknown, receivedAt: string): record is Record<string, unknown> {
    if (typeof record !== 'object' || record === null || !this.rules.valid(record)) return false;
    const latest = Date.parse(receivedAt) + this.rules.allowedSkewMs;
    return this.eventTime(record as Record<string, unknown>) <= latest;
  }

  private eventTime(record: Record<string, unknown>): number {
    return Date.parse(String(record[this.rules.eventTimeProperty]));
  }

  private upsert(key: string, record: Record<string, unknown>, stamp: Stamp): Verdict {
    const { [this.rules.eventTimeProperty]: _, ...rest } = record;
    const content = record[this.rules.deletionProperty] === true ? undefined : rest;
    const current = this.stored.get(key);
    if (!current) {
      this.stored.set(key, { stamp, content, version: 1 });
      return 'upserted';
    }
    const same = isDeepStrictEqual(content, current.content);
    if (!isNewer(stamp, current.stamp)) return same ? 'unchanged' : 'stale';
    current.stamp = stamp;
    if (same) return 'unchanged';
    current.content = content;
    current.version++;
    return 'upserted';
  }
}

/** Sums up the verdicts of a batch. */
export function countVerdicts(verdicts: readonly Verdict[]): VerdictCounts {
  const counts: VerdictCounts = { upserted: 0, unchanged: 0, stale: 0, quarantined: 0 };
  for (const verdict of verdicts) counts[verdict]++;
  return counts;
}

/** Later batches are received later, so that their number stands for receivedAt and batch id. */
function isNewer(one: Stamp, other: Stamp): boolean {
  if (one.eventTime !== other.eventTime) return one.eventTime > other.eventTime;
  if (one.batch !== other.batch) return one.batch > other.batch;
  return one.index > other.index;
}
