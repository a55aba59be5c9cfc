import { sha256 } from '../content';
import { bucketOf, MAX_ID_BYTES } from '../keys';

/**
 * What a request says of a document:
 * - `upserted`: here is its present content
 * - `removed`: it no longer matches the subscription's filter
 * - `deleted`: it is gone
 */
export type EventKind = 'upserted' | 'removed' | 'deleted';

/** A request that was started and whose answer is not stored. Nobody starts another before `until`. */
export interface Attempt {
  readonly token: string;
  readonly kind: EventKind;
  readonly version: number;
  /** ms since the epoch: time-out plus margin */
  readonly until: number;
  /** The replay that this request belongs to. */
  readonly replay?: string;
  /** It was to tell what a filter that changed takes back. */
  readonly recheck?: boolean;
}

/** The version given up last. */
export interface DeadLetter {
  readonly version: number;
  readonly kind: EventKind;
  /** ISO 8601 */
  readonly at: string;
  readonly reason: string;
  /** False when the version had been settled before: a replay, or news of a filter that changed. */
  readonly counted: boolean;
  readonly replay?: string;
}

/**
 * What one subscription is owed about one document: one item in the `deliveries` container, for as long as both live.
 * `settled - base = delivered + superseded + deadLettered + notOwed` always holds, and `owed - settled` versions are
 * pending. These are counters by version number, not counts of attempts.
 */
export interface DeliveryRow {
  readonly id: string;
  readonly pk: string;
  readonly type: 'row';
  readonly subscription: string;
  readonly dataset: string;
  readonly key: string;
  /** Where the document lies. */
  readonly document: { readonly id: string; readonly pk: string };
  /** The version before the first one seen. */
  readonly base: number;
  /** The highest version that is owed. */
  readonly owed: number;
  /** The highest version whose fate is decided. */
  readonly settled: number;
  readonly delivered: number;
  /** Versions that a later one replaced before they were delivered. */
  readonly superseded: number;
  readonly deadLettered: number;
  /** Versions settled without a request: they matched no filter, and the receiver knew nothing that they take back. */
  readonly notOwed: number;
  /** Whether the receiver may believe that the document matches: a matching request was started since it was told otherwise. */
  readonly told: boolean;
  /** The subscription's revision that the row was looked at by. */
  readonly revision: number;
  /** Requests that failed since the last one that did not. */
  readonly failures: number;
  /** When the row is to be looked at, ms since the epoch; absent: nothing is owed. While a request is under way, its end of lease. */
  readonly due?: number;
  readonly attempt?: Attempt;
  /** The filter has changed: the receiver may have to be told that the document is gone from it. */
  readonly recheck?: boolean;
  /** Send the present document again, under this replay's name. */
  readonly replay?: string;
  readonly deadLetter?: DeadLetter;
  /** How the last request ended. */
  readonly last?: LastAttempt;
}

export interface LastAttempt {
  /** ISO 8601 */
  readonly at: string;
  readonly kind: EventKind;
  readonly version: number;
  /** HTTP status; absent when there was no answer */
  readonly status?: number;
  readonly error?: string;
  readonly durationMs: number;
}

/** One request, as it is kept for a while to be looked at. An item beside its row, with a TTL. */
export interface AttemptRecord extends LastAttempt {
  readonly id: string;
  readonly pk: string;
  readonly type: 'attempt';
  readonly subscription: string;
  /** id of the row */
  readonly row: string;
  readonly key: string;
  readonly replay?: string;
  /** The first bytes of the answer. */
  readonly answer?: string;
  /** seconds */
  readonly ttl: number;
}

/** Logical partitions of one subscription: each may take 10,000 RU/s and hold 20 GB. */
export const SHARDS = 4;

/** The partition key of a row: one subscription's rows lie in a few partitions, so that many are written at once. */
export function rowPartition(subscription: string, key: string): string {
  return shardPartition(subscription, bucketOf(key) % SHARDS);
}

export function shardPartition(subscription: string, shard: number): string {
  return `${subscription}:${shard}`;
}

/** What a row's partition key is made of. */
export function shardOf(pk: string): { readonly subscription: string; readonly shard: number } {
  const end = pk.lastIndexOf(':');
  return { subscription: pk.slice(0, end), shard: Number(pk.slice(end + 1)) };
}

/** The id of a row: data set and document, or their hash when that is too long for an id. */
export function rowId(dataset: string, documentId: string): string {
  const id = `${dataset}:${documentId}`;
  return id.length <= MAX_ID_BYTES ? id : `${dataset}:=r${sha256(id)}`;
}

/**
 * Ids of attempts begin with what {@link attemptPrefix} gives, so those about one row lie together in the order of time.
 * No data set's name begins like this: none is a row's id.
 * @param at ISO 8601
 */
export function attemptId(row: string, at: string, token: string): string {
  return `${attemptPrefix(row)}${at}:${token}`;
}

export function attemptPrefix(row: string): string {
  return `=${sha256(row).slice(0, 32)}:`;
}

/** The ids of rows: those after `after` and before `before`; all of one data set, or of any. */
export function rowIdRange(dataset?: string): { readonly after: string; readonly before: string } {
  return dataset === undefined
    ? { after: '>', before: '~' }
    : { after: `${dataset}:`, before: `${dataset};` };
}

/** What a row is made for. */
export interface NewRow {
  /** of the document */
  readonly id: string;
  readonly pk: string;
  readonly dataset: string;
  readonly key: string;
  readonly version: number;
}

/** A row for the first version that is owed; nothing before it counts. */
export function newRow(
  subscription: string,
  document: NewRow,
  revision: number,
  now: number,
): DeliveryRow & { readonly due: number } {
  const { id, pk, dataset, key, version } = document;
  return {
    id: rowId(dataset, id),
    pk: rowPartition(subscription, key),
    type: 'row',
    subscription,
    dataset,
    key,
    document: { id, pk },
    base: version - 1,
    owed: version,
    settled: version - 1,
    delivered: 0,
    superseded: 0,
    deadLettered: 0,
    notOwed: 0,
    told: false,
    revision,
    failures: 0,
    due: now,
  };
}

/** A row that owes nothing: the document's present version was made before anything was asked for. */
export function restingRow(subscription: string, document: NewRow, revision: number): DeliveryRow {
  const { due: _, ...row } = newRow(subscription, document, revision, 0);
  return { ...row, base: document.version, settled: document.version };
}
