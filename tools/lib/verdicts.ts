import { createHash } from 'node:crypto';
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
  /** The property's value in ms since the epoch; NaN for what is none. */
  readonly eventTimeOf: (value: unknown) => number;
  readonly deletionProperty?: string;
  readonly allowedSkewMs: number;
  /** Members that hold a JPEG in base64. */
  readonly jpegProperties: readonly string[];
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

  /**
   * Takes one batch, received (ISO 8601) after all earlier ones; returns a verdict for each record, in order.
   * @param records what cannot be read at all (a row with too few cells) is undefined
   */
  ingest(records: readonly unknown[], receivedAt: string): Verdict[] {
    const batch = this.batches++;
    const verdicts = records.map((): Verdict => 'quarantined');
    const newest = new Map<string, { landing: Landing; stamp: Stamp }>();
    records.forEach((record, index) => {
      const landing = landingOf(record, receivedAt, this.rules);
      if (!landing) return;
      verdicts[index] = 'stale';
      const stamp = { eventTime: landing.eventTime, batch, index };
      const rival = newest.get(landing.key);
      if (!rival || isNewer(stamp, rival.stamp)) newest.set(landing.key, { landing, stamp });
    });
    for (const { landing, stamp } of newest.values()) verdicts[stamp.index] = this.upsert(landing, stamp);
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

  private upsert({ key, deleted, content: all }: Landing, stamp: Stamp): Verdict {
    const content = deleted ? undefined : all;
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

/** A record that may land. */
export interface Landing {
  readonly key: string;
  /** ms since the epoch */
  readonly eventTime: number;
  readonly deleted: boolean;
  /** All but the event time, and of each image its hash. */
  readonly content: object;
}

/**
 * What a data set's rules see in a record.
 * @param receivedAt of its batch, ISO 8601
 * @returns undefined when it is to be quarantined
 */
export function landingOf(record: unknown, receivedAt: string, rules: DataSetRules): Landing | undefined {
  if (typeof record !== 'object' || record === null || !rules.valid(record)) return undefined;
  const members = record as Record<string, unknown>;
  const content = contentOf(members, rules);
  const eventTime = rules.eventTimeOf(members[rules.eventTimeProperty]);
  const latest = Date.parse(receivedAt) + rules.allowedSkewMs;
  if (!content || !(eventTime <= latest)) return undefined;
  const { deletionProperty } = rules;
  const deleted = deletionProperty !== undefined && members[deletionProperty] === true;
  return { key: String(members[rules.keyProperty]), eventTime, deleted, content };
}

/** What counts as a record's content: all but its event time, and of images what they show. Undefined: an image is none. */
function contentOf(record: Record<string, unknown>, rules: DataSetRules): object | undefined {
  const { [rules.eventTimeProperty]: _, ...content } = record;
  for (const name of rules.jpegProperties) {
    const text = content[name];
    if (text === undefined) continue;
    const image = typeof text === 'string' ? jpegOf(text) : undefined;
    if (!image) return undefined;
    content[name] = createHash('sha256').update(image).digest('hex');
  }
  return content;
}

const DATA_URL = 'data:image/jpeg;base64,';

/** The JPEG that a text holds as base64 (RFC 4648, section 4), bare or as a data URL; undefined when it does not. */
export function jpegOf(text: string): Buffer | undefined {
  const base64 = text.startsWith(DATA_URL) ? text.slice(DATA_URL.length) : text;
  const image = Buffer.from(base64, 'base64');
  // Node reads what is broken as far as it can.
  if (image.toString('base64') !== base64) return undefined;
  // Start of image, and the marker of what follows (ITU-T T.81, B.2.1).
  return image[0] === 0xff && image[1] === 0xd8 && image[2] === 0xff ? image : undefined;
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
