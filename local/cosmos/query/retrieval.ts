import type { SQLInputValue } from 'node:sqlite';
import type { JsonObject } from '../partition-key';
import type { ContainerRecord } from '../store/resources';
import { isExpired, parseItem, type StoredItem } from '../store/items';
import { allOf, sql } from '../store/sql';
import { chooseAccess, DEFAULT_LIMITS, type AccessLimits } from './access';
import type { Environment, Row } from './expression';
import type { Narrowing } from './narrow';
import type { Token } from './token';

/** Which items a query may see. */
export interface Slice {
  readonly sql: string;
  /** Whether that is one logical partition: it is read in the order of the ids then, which its index has. */
  readonly onePartition: boolean;
  readonly parameters: readonly SQLInputValue[];
}

/** An item, which is parsed only when a query looks into it. */
export class ItemRow implements Row {
  private parsed: JsonObject | undefined;

  constructor(
    private readonly container: ContainerRecord,
    readonly item: StoredItem,
  ) {}

  get id(): string {
    return this.item.id;
  }

  get doc(): JsonObject {
    this.parsed ??= parseItem(this.container, this.item);
    return this.parsed;
  }
}

/** What was read for a page of results. */
export interface Retrieved {
  count: number;
  bytes: number;
  /** Those that passed FROM and WHERE. */
  matched: number;
}

export interface RetrievalRequest {
  readonly container: ContainerRecord;
  readonly slice: Slice;
  readonly access: AccessLimits | 'everyItem' | undefined;
  readonly narrowing: Narrowing;
  readonly token: Token;
  /** Whether all that match are needed for each page. */
  readonly all: boolean;
}

/** The items that a query may accept. */
export interface Retrieval {
  /** What tells one from the others in the order in which they come. */
  readonly key: 'id' | 'rid';
  /** The path by which they are sorted, if they come in the order of the query. */
  readonly sortedBy: readonly string[] | undefined;
  readonly items: Iterable<StoredItem>;
}

/** Chooses how the items are read; they are read as they are iterated. */
export function retrievalOf(request: RetrievalRequest): Retrieval {
  const { container, slice, access, narrowing, token, all } = request;
  const { items: table } = container;
  const limits = access ?? DEFAULT_LIMITS;
  const onePartition = slice.onePartition || narrowing.onePartition;
  const key = onePartition ? 'id' : 'rid';
  const scope = sql(slice.sql, ...slice.parameters);
  const start = token.row === null ? undefined : { row: token.row, value: token.value };
  if (narrowing.conditions.length > 0 && limits !== 'everyItem') {
    const sorted = !all && narrowing.order !== undefined;
    const chosen = chooseAccess({ table, narrowing, slice: scope, onePartition, sorted, all, start, limits });
    return { key, sortedBy: sorted ? narrowing.order?.by.path : undefined, items: table.read(chosen) };
  }
  const from = start ? [sql(`${key} >= ?`, start.row)] : [];
  const where = allOf([scope, ...narrowing.terms, ...from]);
  const read = narrowing.byId ? table.all.bind(table) : table.scan.bind(table);
  return { key, sortedBy: undefined, items: read(where.text, where.parameters, key) };
}

/** The items that have not expired at `env`'s time, each in an environment of its own; counts them. */
export function* itemRows(
  container: ContainerRecord,
  { items }: Retrieval,
  env: Environment,
  retrieved: Retrieved,
): Generator<{ env: Environment; row: ItemRow }> {
  const now = env.clock();
  const { defaultTtl } = container.definition;
  for (const item of items) {
    if (isExpired(item, defaultTtl, now)) continue;
    retrieved.count++;
    retrieved.bytes += item.body.length;
    const row = new ItemRow(container, item);
    yield { row, env: { ...env, row } };
  }
}
