import { contentHash } from '../content';
import type { DataSet, EventTimeFormat } from '../dataset';
import { isDeeperThan, pointerOf, valueAt, type Json } from '../json';
import { keyOf } from '../keys';
import type { RawRecord } from './framing/raw';
import { takeMedia, type Media } from './media';
import type { Origin, Stamp } from './stamp';

/** Largest record after its media are taken out: an event of Event Hubs holds 1 MiB, an item of Cosmos DB 2 MB. */
export const MAX_RECORD_BYTES = 900 * 1024;

/** Cosmos DB takes 128 levels (https://learn.microsoft.com/azure/cosmos-db/concepts-limits); the envelope needs some. */
export const MAX_DEPTH = 100;

/** At most this many errors are kept of one record. */
export const MAX_ERRORS = 20;

/** One reason why a record is quarantined. */
export interface RecordError {
  /** JSON Pointer into the record */
  readonly pointer: string;
  /** The schema's keyword, or the member of `x-headwater` that was violated */
  readonly keyword: string;
  readonly message: string;
}

/** A record that may land: one line of the validated chunk. */
export interface ValidRecord {
  readonly index: number;
  readonly group: number;
  readonly key: string;
  /** ms since the epoch */
  readonly eventTime: number;
  readonly deleted: boolean;
  /** of its content, see {@link contentHash} */
  readonly hash: string;
  /** of a re-drive */
  readonly origin?: Origin;
  readonly data: Json;
}

/** A record that may not, in its own shape, with the reasons. */
export interface QuarantinedRecord {
  readonly index: number;
  /** 1-based line of a CSV body in which it begins */
  readonly line?: number;
  readonly key: string | null;
  readonly schemaVersion: string;
  readonly errors: readonly RecordError[];
  readonly record: Json;
}

/** The schema's own check: empty when the record satisfies it. `bytes` is the record's length as JSON. */
export type SchemaCheck = (record: Json, bytes: number) => readonly RecordError[];

/** `json`: the record's data as JSON text, which had to be made to know its size. `media` are still to be stored. */
export type Validated =
  | { readonly valid: ValidRecord; readonly json: string; readonly media: readonly Media[] }
  | { readonly errors: readonly RecordError[]; readonly key: string | null };

/** RFC 3339, section 5.6. */
const DATE_TIME = /^(\d{4})-(\d\d)-(\d\d)[Tt]([01]\d|2[0-3]):\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

/** RFC 3339, `full-date`. */
const DATE = /^(\d{4})-(\d\d)-(\d\d)$/;

/** `Date.parse` takes 30 February for 2 March. */
function isDay(year: number, month: number, day: number): boolean {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}

/** An event time in ms since the epoch, or undefined when the value is none in this format. */
export function parseEventTime(value: Json | undefined, format: EventTimeFormat): number | undefined {
  if (format === 'date-time') {
    const match = typeof value === 'string' ? DATE_TIME.exec(value) : null;
    if (!match || !isDay(Number(match[1]), Number(match[2]), Number(match[3]))) return undefined;
    // Upper case is the format that the language defines; what else is read is up to the engine.
    const time = Date.parse(match[0].toUpperCase());
    return Number.isNaN(time) ? undefined : time;
  }
  if (format === 'date') {
    const match = typeof value === 'string' ? DATE.exec(value) : null;
    if (!match || !isDay(Number(match[1]), Number(match[2]), Number(match[3]))) return undefined;
    return Date.parse(`${match[0]}T00:00:00Z`);
  }
  if (typeof value !== 'number' || !Number.isFinite(value)) return undefined;
  // Seconds with a fraction are no exact binary numbers: 1.001 × 1000 is a little less than 1001.
  const time = format === 'epoch-seconds' ? Math.round(value * 1000) : Math.trunc(value);
  // The range of a Date (https://tc39.es/ecma262/#sec-time-values-and-time-range).
  return Math.abs(time) <= 8.64e15 ? time : undefined;
}

/**
 * Decides whether a record may land. A function of its arguments alone, so that two executions agree:
 * the event time is held against the time of receipt, never against now.
 *
 * The schema is that of the record as it is sent, its media in base64; size, content hash and everything after it
 * are those of the record with its media taken out.
 * @param receivedAt of the batch, ms since the epoch
 */
export function validateRecord(
  raw: Omit<RawRecord, 'json'>,
  at: Pick<ValidRecord, 'index' | 'group'>,
  dataset: DataSet,
  receivedAt: number,
  check: SchemaCheck,
): Validated {
  const checked = checkRecord(raw, dataset, receivedAt, check);
  if (!('record' in checked)) return checked;
  const { record, key, eventTime, json, media } = checked;
  let hash: string;
  try {
    hash = contentHash(record, dataset.eventTime?.path);
  } catch (error) {
    const message = `has no canonical JSON form: ${(error as Error).message}`;
    return { errors: [{ pointer: '', keyword: 'json', message }], key };
  }
  const { deletion } = dataset;
  const { origin } = raw;
  const deleted = deletion !== undefined && valueAt(record, deletion.path) === deletion.equals;
  const valid = { ...at, key, eventTime, deleted, hash, ...(origin ? { origin } : {}) };
  return { valid: { ...valid, data: record }, json, media };
}

/** What is found of a record without hashing its content. */
export interface Checked {
  /** with its media taken out */
  readonly record: Json;
  readonly key: string;
  /** ms since the epoch */
  readonly eventTime: number;
  /** of `record` */
  readonly json: string;
  readonly media: readonly Media[];
}

/** As {@link validateRecord}, but for the canonical form: what is left to find there is lone surrogates. */
export function checkRecord(
  { record: sent, fault: broken, origin }: Omit<RawRecord, 'json'>,
  dataset: DataSet,
  receivedAt: number,
  check: SchemaCheck,
): Checked | { readonly errors: readonly RecordError[]; readonly key: string | null } {
  const key = keyOf(sent, dataset.key);
  const name = 'key' in key ? key.key : null;
  const fault = (path: readonly string[], keyword: string, message: string) => ({
    errors: [{ pointer: pointerOf(path), keyword, message }],
    key: name,
  });
  if (broken !== undefined) return fault([], 'csv', broken);
  if (isDeeperThan(sent, MAX_DEPTH))
    return fault([], 'maxDepth', `must not be nested deeper than ${MAX_DEPTH} levels`);
  const { record, media, errors: broke } = takeMedia(sent, dataset);
  const json = JSON.stringify(record);
  const size = Buffer.byteLength(json);
  if (size > MAX_RECORD_BYTES && broke.length === 0) {
    return fault(
      [],
      'maxBytes',
      `is ${size} bytes long without its media; at most ${MAX_RECORD_BYTES} are allowed`,
    );
  }
  const errors = [...broke, ...check(sent, size)];
  if (errors.length > 0) return { errors: errors.slice(0, MAX_ERRORS), key: name };
  if (!('key' in key)) return fault(dataset.key, 'key', key.fault);
  const eventTime = eventTimeOf(record, dataset, receivedAt, origin);
  if (typeof eventTime !== 'number')
    return fault(dataset.eventTime?.path ?? [], 'eventTime', eventTime.fault);
  return { record, key: key.key, eventTime, json, media };
}

/** A re-driven record without an event time keeps the time of its first receipt. */
function eventTimeOf(
  record: Json,
  dataset: DataSet,
  receivedAt: number,
  origin: Origin | undefined,
): number | { fault: string } {
  const rule = dataset.eventTime;
  if (!rule) return origin ? Date.parse(origin.receivedAt) : receivedAt;
  const time = parseEventTime(valueAt(record, rule.path), rule.format);
  if (time === undefined) return { fault: `must be a time in the format ${rule.format}` };
  const latest = receivedAt + rule.allowedSkewMs;
  if (time <= latest) return time;
  return {
    fault: `is later than ${new Date(latest).toISOString()}, the time of receipt plus the allowed skew`,
  };
}

/** The stamp of a valid record of a batch; of a re-driven one that of its origin. */
export function stampOf(record: ValidRecord, batchId: string, receivedAt: number): Stamp {
  const { eventTime, index, origin } = record;
  if (!origin) return { eventTime, receivedAt, batchId, index };
  return {
    eventTime,
    receivedAt: Date.parse(origin.receivedAt),
    batchId: origin.batchId,
    index: origin.index,
  };
}
