import type { Container, ItemDefinition, OperationInput, RequestOptions } from '@azure/cosmos';
import {
  attemptPrefix,
  rowIdRange,
  SHARDS,
  shardPartition,
  type AttemptRecord,
  type DeliveryRow,
} from '../domain/egress/row';
import type { RowSelection, StatusChoice } from '../domain/egress/status';
import { MAX_OPERATIONS, readItems } from './bulk';
import { ownMembers, statusOf } from './cosmos';
import { mapLimited } from './once';
import { changeRows } from './rowChanges';
import { rowName, type Change, type KnownRow, type RowKey, type StoredRow } from './storedRow';

/** The `deliveries` container: rows and, beside them, the attempts made. */
export interface Deliveries {
  /** Rows of any partitions, by {@link rowName}. */
  read(keys: readonly RowKey[]): Promise<Map<string, StoredRow>>;
  /** Rows of one partition that are due or will be, longest due first. */
  due(pk: string, most: number): Promise<StoredRow[]>;
  /**
   * Changes rows under their ETags, each on its own. `change` is a function of the row as it is: it is asked again when
   * somebody else was first.
   * @param stored told of each row as soon as it is stored
   * @returns the rows that were stored, as they are now
   */
  change<K extends KnownRow>(
    known: readonly K[],
    change: (row: DeliveryRow | undefined, known: K) => Change,
    stored?: (row: StoredRow, known: K) => void,
  ): Promise<StoredRow[]>;
  /** Rows of one partition that were last looked at by a revision before `revision`. */
  outdated(pk: string, revision: number, most: number): Promise<StoredRow[]>;
  /**
   * Selected rows of one partition in the order of their ids.
   * @param now ms since the epoch
   * @param after id: rows up to it are left out
   */
  list(
    pk: string,
    selection: RowSelection,
    now: number,
    after: string | undefined,
    most: number,
  ): Promise<StoredRow[]>;
  /** The attempts about a row that are still kept, newest first. */
  attemptsOf(pk: string, row: string, most: number): Promise<AttemptRecord[]>;
  /** Partitions that have rows which came due after `since` and by `now` (ms). */
  partitionsDue(since: number, now: number): Promise<string[]>;
  /** Subscriptions that have rows which are due at `now` (ms). */
  subscriptionsDue(now: number): Promise<string[]>;
  /** Removes up to `most` rows and attempts of a subscription. @returns whether none are left */
  removeAll(subscription: string, most: number): Promise<boolean>;
}

type Item = DeliveryRow & ItemDefinition & { _etag: string };

const NO_CONTENT: RequestOptions = { contentResponseOnWriteEnabled: false };

function toStored(item: Item): StoredRow {
  return { row: ownMembers<DeliveryRow>(item), etag: item._etag };
}

/** As `isSelected` decides it. A comparison is for an index where `IS_DEFINED` would do. */
const STATUS_CONDITIONS: Readonly<Record<StatusChoice, string>> = {
  pending: 'c.due > 0',
  due: 'c.due <= @now',
  trying: 'c.due > @now AND IS_DEFINED(c.attempt)',
  waiting: 'c.due > @now AND NOT IS_DEFINED(c.attempt)',
  deadLettered: "c.deadLetter.at > '' AND NOT IS_DEFINED(c.due)",
  delivered: 'NOT IS_DEFINED(c.due) AND NOT IS_DEFINED(c.deadLetter)',
};

export function createDeliveries(container: () => Promise<Container>): Deliveries {
  const query = async <T>(
    text: string,
    values: Readonly<Record<string, unknown>>,
    pk?: string,
  ): Promise<T[]> => {
    const parameters = Object.entries(values).map(([name, value]) => ({
      name: `@${name}`,
      value: value as never,
    }));
    const { items } = await container();
    const options = pk === undefined ? {} : { partitionKey: pk };
    return (await items.query<T>({ query: text, parameters }, options).fetchAll()).resources;
  };

  const read: Deliveries['read'] = async (keys) => {
    const { found } = await readItems<Item>(await container(), keys);
    return new Map(found.map((item) => [rowName(item), toStored(item)]));
  };

  return {
    read,

    async due(pk, most) {
      const text = 'SELECT TOP @most * FROM c WHERE c.due > 0 ORDER BY c.due';
      return (await query<Item>(text, { most }, pk)).map(toStored);
    },

    async outdated(pk, revision, most) {
      const text = 'SELECT TOP @most * FROM c WHERE c.revision < @revision';
      return (await query<Item>(text, { most, revision }, pk)).map(toStored);
    },

    async list(pk, { dataset, status, since }, now, after, most) {
      const range = rowIdRange(dataset);
      const conditions = ['c.id > @after', 'c.id < @before'];
      if (status !== undefined) conditions.push(STATUS_CONDITIONS[status]);
      if (since !== undefined) conditions.push('c.last.at >= @since');
      const text = `SELECT TOP @most * FROM c WHERE ${conditions.join(' AND ')} ORDER BY c.id`;
      const values = {
        most,
        after: after !== undefined && after > range.after ? after : range.after,
        before: range.before,
        ...(text.includes('@now') ? { now } : {}),
        ...(since === undefined ? {} : { since }),
      };
      return (await query<Item>(text, values, pk)).map(toStored);
    },

    async attemptsOf(pk, row, most) {
      const after = attemptPrefix(row);
      const before = `${after}~`;
      const text = 'SELECT TOP @most * FROM c WHERE c.id > @after AND c.id < @before ORDER BY c.id DESC';
      const items = await query<AttemptRecord & ItemDefinition>(text, { most, after, before }, pk);
      return items.map((item) => ownMembers<AttemptRecord>(item));
    },

    partitionsDue: (since, now) =>
      query<string>('SELECT DISTINCT VALUE c.pk FROM c WHERE c.due > @since AND c.due <= @now', {
        since,
        now,
      }),

    async change(known, change, stored) {
      const all: StoredRow[] = [];
      await changeRows(await container(), read, known, change, (row, of) => {
        all.push(row);
        stored?.(row, of);
      });
      return all;
    },

    subscriptionsDue: (now) =>
      query<string>('SELECT DISTINCT VALUE c.subscription FROM c WHERE c.due <= @now', { now }),

    async removeAll(subscription, most) {
      const shards = Array.from({ length: SHARDS }, (_, shard) => shardPartition(subscription, shard));
      const left = await mapLimited(shards, SHARDS, async (pk) => {
        const ids = await query<string>('SELECT TOP @most VALUE c.id FROM c', { most }, pk);
        const { items } = await container();
        for (let start = 0; start < ids.length; start += MAX_OPERATIONS) {
          const operations = ids
            .slice(start, start + MAX_OPERATIONS)
            .map((id): OperationInput => ({ operationType: 'Delete', id }));
          await items.batch(operations, pk, NO_CONTENT).catch((error: unknown) => {
            // Something expired in between: the next run finds the rest.
            if (statusOf(error) !== 404) throw error;
          });
        }
        return ids.length;
      });
      return left.every((count) => count === 0);
    },
  };
}
