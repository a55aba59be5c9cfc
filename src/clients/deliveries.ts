import type { Container, ItemDefinition, OperationInput, RequestOptions } from '@azure/cosmos';
import { setTimeout as delay } from 'node:timers/promises';
import {
  attemptPrefix,
  rowIdRange,
  SHARDS,
  shardPartition,
  type AttemptRecord,
  type DeliveryRow,
} from '../domain/egress/row';
import type { RowSelection, StatusChoice } from '../domain/egress/status';
import { statusOf } from './cosmos';
import { mapLimited } from './once';

/** A row as it was read, with the ETag that its replacement must name. */
export interface StoredRow {
  readonly row: DeliveryRow;
  readonly etag: string;
}

/** What is to become of a row; undefined: it stays as it is. */
export type Change = { readonly row: DeliveryRow; readonly attempt?: AttemptRecord } | undefined;

/** The `deliveries` container: rows and, beside them, the attempts made. */
export interface Deliveries {
  /** The rows of these ids in one partition, by id. */
  read(pk: string, ids: readonly string[]): Promise<Map<string, StoredRow>>;
  /** Rows of one partition that are due or will be, longest due first. */
  due(pk: string, most: number): Promise<StoredRow[]>;
  /**
   * Changes rows of one partition under their ETags. `change` is a function of the row as it is: it is asked again
   * when somebody else was first.
   * @param known what is known of the rows, by id; undefined: there is none
   * @returns the rows that were stored, as they are now
   */
  change(
    pk: string,
    known: ReadonlyMap<string, StoredRow | undefined>,
    change: (row: DeliveryRow | undefined, id: string) => Change,
  ): Promise<Map<string, StoredRow>>;
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

/** https://learn.microsoft.com/azure/cosmos-db/nosql/transactional-batch: operations of one request. */
const MAX_OPERATIONS = 100;

/** Conflicts with whoever else writes the same rows are over soon. */
const MAX_ROUNDS = 40;

function toStored(item: Item): StoredRow {
  return { row: ownOf<DeliveryRow>(item), etag: item._etag };
}

/** Leaves out what the store adds. */
function ownOf<T>(item: object): T {
  return Object.fromEntries(Object.entries(item).filter(([name]) => !name.startsWith('_'))) as T;
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

interface Planned {
  readonly id: string;
  readonly row: DeliveryRow;
  readonly operations: readonly OperationInput[];
}

function operationsOf(change: NonNullable<Change>, etag: string | undefined): OperationInput[] {
  const { row, attempt } = change;
  const resourceBody = row as never;
  const own: OperationInput =
    etag === undefined
      ? { operationType: 'Create', resourceBody }
      : { operationType: 'Replace', id: row.id, ifMatch: etag, resourceBody };
  return attempt ? [own, { operationType: 'Upsert', resourceBody: attempt as never }] : [own];
}

/** Parts of at most {@link MAX_OPERATIONS} operations, those of one row together. */
function* inBatches(planned: readonly Planned[], most: number): Generator<Planned[]> {
  let part: Planned[] = [];
  let operations = 0;
  for (const one of planned) {
    if (part.length === most || operations + one.operations.length > MAX_OPERATIONS) {
      yield part;
      [part, operations] = [[], 0];
    }
    part.push(one);
    operations += one.operations.length;
  }
  if (part.length > 0) yield part;
}

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

  const read: Deliveries['read'] = async (pk, ids) => {
    if (ids.length === 0) return new Map();
    const items = await query<Item>('SELECT * FROM c WHERE ARRAY_CONTAINS(@ids, c.id)', { ids }, pk);
    return new Map(items.map((item) => [item.id, toStored(item)]));
  };

  /** All or nothing; undefined when a row has changed since it was read. */
  const commit = async (
    pk: string,
    planned: readonly Planned[],
  ): Promise<Map<string, StoredRow> | undefined> => {
    const operations = planned.flatMap((one) => one.operations);
    const { items } = await container();
    const { result = [] } = await items.batch([...operations], pk, NO_CONTENT).catch((error: unknown) => {
      const status = statusOf(error);
      if (status === 409 || status === 412 || status === 404) return { result: undefined };
      throw error;
    });
    const failed = result.find(({ statusCode }) => statusCode >= 400 && statusCode !== 424)?.statusCode;
    if (failed !== undefined && ![404, 409, 412].includes(failed))
      throw Object.assign(new Error(`The store answered ${failed} to changes of delivery rows.`), {
        code: failed,
      });
    if (result.length !== operations.length || failed !== undefined) return undefined;
    const stored = new Map<string, StoredRow>();
    let at = 0;
    for (const { id, row, operations: own } of planned) {
      stored.set(id, { row, etag: result[at]?.eTag ?? '' });
      at += own.length;
    }
    return stored;
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
      return items.map((item) => ownOf<AttemptRecord>(item));
    },

    partitionsDue: (since, now) =>
      query<string>('SELECT DISTINCT VALUE c.pk FROM c WHERE c.due > @since AND c.due <= @now', {
        since,
        now,
      }),

    async change(pk, known, change) {
      const stored = new Map<string, StoredRow>();
      let left = new Map(known);
      for (let round = 0, most = MAX_OPERATIONS; left.size > 0; round++) {
        if (round === MAX_ROUNDS) throw new Error(`Rows of ${pk} keep changing.`);
        const planned: Planned[] = [];
        for (const [id, found] of left) {
          const next = change(found?.row, id);
          if (next) planned.push({ id, row: next.row, operations: operationsOf(next, found?.etag) });
        }
        const conflicts: string[] = [];
        for (const part of inBatches(planned, most)) {
          const done = await commit(pk, part);
          if (done) for (const [id, row] of done) stored.set(id, row);
          else conflicts.push(...part.map(({ id }) => id));
        }
        if (conflicts.length === 0) break;
        // One row's conflict fails its whole batch: smaller ones let the others through.
        most = Math.max(1, Math.floor(most / 8));
        if (round > 2) await delay(Math.random() * 20);
        const again = await read(pk, conflicts);
        left = new Map(conflicts.map((id) => [id, again.get(id)]));
      }
      return stored;
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
