import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import type { JsonObject } from '../partition-key';
import type { ContainerRecord } from './resources';
import { PathIndexes } from './path-indexes';
import { etagOf, itemRid } from './rid';
import type { Sql } from './sql';
import { UniqueKeys } from './unique-keys';

/** An item as stored: `body` is the client's JSON without the system properties, which follow from the rest. */
export interface StoredItem {
  readonly rid: number;
  readonly pk: string;
  readonly id: string;
  readonly lsn: number;
  /** Last change, in milliseconds since the epoch. */
  readonly ts: number;
  /** The item's own time to live in seconds, -1 for ever, null when it has none. */
  readonly ttl: number | null;
  readonly body: string;
}

/** An item as the change feed gives it on: its JSON is copied, and never becomes a string. */
export interface FeedItem extends Pick<StoredItem, 'rid' | 'lsn' | 'ts' | 'ttl'> {
  readonly body: Uint8Array;
}

export interface NewItem {
  readonly pk: string;
  readonly id: string;
  readonly epk: string;
  readonly range: number;
}

export interface ItemVersion {
  readonly lsn: number;
  readonly ts: number;
  readonly ttl: number | null;
  readonly body: string;
}

/** An item that was deleted because its time to live was over. */
export interface PurgedItem {
  readonly rid: number;
  readonly pk: string;
  readonly id: string;
  readonly epk: string;
  readonly range: number;
  readonly lsn: number;
}

const PURGED = 'rid, pk, id, epk, rng AS range, lsn';
const COLUMNS = 'rid, pk, id, lsn, ts, ttl, body';

/** The properties that the service itself sets on each item. */
export const SYSTEM_PROPERTIES = ['_rid', '_self', '_etag', '_attachments', '_ts', '_lsn'] as const;

/** How a query reads the items: what stands after FROM, WHERE and ORDER BY. */
export interface Access {
  readonly from: string;
  readonly where: Sql;
  readonly order: string;
}

/** The items of one container. Writes must run inside a group commit. */
export class ItemTable {
  private readonly statements = new Map<string, StatementSync>();
  readonly name: string;
  /** For FROM: this table, read by its index over (pk, id). */
  readonly keyIndex: string;
  /** The same by its index over (rng, lsn). */
  readonly feedIndex: string;

  constructor(
    private readonly db: DatabaseSync,
    readonly container: number,
  ) {
    this.name = `items_${container}`;
    this.keyIndex = `${this.name} INDEXED BY ${this.name}_key`;
    this.feedIndex = `${this.name} INDEXED BY ${this.name}_feed`;
  }

  /** `rng, lsn` serves the change feed; the partial index finds what has expired. */
  static create(db: DatabaseSync, container: number): void {
    const name = `items_${container}`;
    db.exec(`
      CREATE TABLE ${name} (
        rid INTEGER PRIMARY KEY, pk TEXT NOT NULL, id TEXT NOT NULL, epk TEXT NOT NULL,
        rng INTEGER NOT NULL, lsn INTEGER NOT NULL, ts INTEGER NOT NULL, ttl INTEGER, body TEXT NOT NULL
      ) STRICT;
      CREATE UNIQUE INDEX ${name}_key ON ${name} (pk, id);
      CREATE INDEX ${name}_feed ON ${name} (rng, lsn);
      CREATE INDEX ${name}_expiry ON ${name} (ts + ttl * 1000) WHERE ttl > 0;`);
  }

  static drop(db: DatabaseSync, container: number): void {
    db.exec(`DROP TABLE IF EXISTS items_${container}`);
  }

  /** The indexes over paths of the items. */
  get paths(): PathIndexes {
    this.pathIndexes ??= new PathIndexes(this.db, this.name);
    return this.pathIndexes;
  }
  private pathIndexes: PathIndexes | undefined;

  /** Who holds the values of unique keys; only of a container that has such keys. */
  get uniqueKeys(): UniqueKeys {
    this.unique ??= new UniqueKeys(this.db, this.container);
    return this.unique;
  }
  private unique: UniqueKeys | undefined;

  private prepare(sql: string): StatementSync {
    let statement = this.statements.get(sql);
    if (!statement) {
      statement = this.db.prepare(sql);
      this.statements.set(sql, statement);
    }
    return statement;
  }

  get(pk: string, id: string): StoredItem | undefined {
    const row = this.prepare(`SELECT ${COLUMNS} FROM ${this.name} WHERE pk = ? AND id = ?`).get(pk, id);
    return row as unknown as StoredItem | undefined;
  }

  byRid(rid: number): (StoredItem & { readonly epk: string }) | undefined {
    const row = this.prepare(`SELECT ${COLUMNS}, epk FROM ${this.name} WHERE rid = ?`).get(rid);
    return row as unknown as (StoredItem & { readonly epk: string }) | undefined;
  }

  insert(key: NewItem, version: ItemVersion): number {
    const { lastInsertRowid } = this.prepare(
      `INSERT INTO ${this.name} (pk, id, epk, rng, lsn, ts, ttl, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    ).run(key.pk, key.id, key.epk, key.range, version.lsn, version.ts, version.ttl, version.body);
    return Number(lastInsertRowid);
  }

  update(rid: number, version: ItemVersion): void {
    this.prepare(`UPDATE ${this.name} SET lsn = ?, ts = ?, ttl = ?, body = ? WHERE rid = ?`).run(
      version.lsn,
      version.ts,
      version.ttl,
      version.body,
      rid,
    );
  }

  delete(rid: number): void {
    this.prepare(`DELETE FROM ${this.name} WHERE rid = ?`).run(rid);
  }

  /**
   * Streams the items for which the SQL condition holds; the statement is not shared, so scans may be nested.
   * No write can come between its steps, since both are synchronous.
   */
  *scan(condition: string, parameters: readonly SQLInputValue[], order: string): Generator<StoredItem> {
    const statement = this.db.prepare(
      `SELECT ${COLUMNS} FROM ${this.name} WHERE ${condition} ORDER BY ${order}`,
    );
    yield* statement.iterate(...parameters) as unknown as Iterable<StoredItem>;
  }

  /** Like {@link scan}, all at once, with a cached statement: for few rows. */
  all(condition: string, parameters: readonly SQLInputValue[], order: string): StoredItem[] {
    const statement = this.prepare(
      `SELECT ${COLUMNS} FROM ${this.name} WHERE ${condition} ORDER BY ${order}`,
    );
    return statement.all(...parameters) as unknown as StoredItem[];
  }

  /** Streams items as {@link scan} does, read in the way that the query has chosen. */
  *read({ from, where, order }: Access): Generator<StoredItem> {
    const statement = this.db.prepare(`SELECT ${COLUMNS} FROM ${from} WHERE ${where.text} ORDER BY ${order}`);
    yield* statement.iterate(...where.parameters) as unknown as Iterable<StoredItem>;
  }

  /** Streams items for the change feed, in the way that {@link read} does. */
  *readFeed({ from, where, order }: Access): Generator<FeedItem> {
    const statement = this.db.prepare(
      `SELECT rid, lsn, ts, ttl, CAST(body AS BLOB) AS body FROM ${from} WHERE ${where.text} ORDER BY ${order}`,
    );
    yield* statement.iterate(...where.parameters) as unknown as Iterable<FeedItem>;
  }

  /** How many rows there are, `limit` at most. */
  count(from: string, where: Sql, limit: number): number {
    const counted = this.db
      .prepare(`SELECT count(*) AS n FROM (SELECT 1 FROM ${from} WHERE ${where.text} LIMIT ?)`)
      .get(...where.parameters, limit);
    return Number(counted?.['n']);
  }

  /** For how many of the first `limit` rows each of the conditions holds. */
  sample(from: string, where: Sql, conditions: readonly Sql[], limit: number): number[] {
    const sums = conditions.map(({ text }, n) => `total(${text}) AS n${n}`).join(', ');
    const row = this.db
      .prepare(`SELECT ${sums} FROM (SELECT body FROM ${from} WHERE ${where.text} LIMIT ?)`)
      .get(...conditions.flatMap(({ parameters }) => parameters), ...where.parameters, limit);
    return conditions.map((_, n) => Number(row?.[`n${n}`]));
  }

  /** How many items there are, and what their JSON takes. Reads no item, but counts all. */
  usage(): { count: number; bytes: number } {
    const row = this.prepare(
      `SELECT count(*) AS count, total(octet_length(body)) AS bytes FROM ${this.name}`,
    ).get();
    return { count: Number(row?.['count']), bytes: Number(row?.['bytes']) };
  }

  /** Deletes up to `limit` items that have expired at `now`; returns them. */
  purge(defaultTtl: number | undefined, now: number, limit: number): PurgedItem[] {
    if (defaultTtl === undefined) return [];
    const own = this.prepare(
      `DELETE FROM ${this.name} WHERE rid IN
         (SELECT rid FROM ${this.name} WHERE ttl > 0 AND ts + ttl * 1000 <= ? LIMIT ?) RETURNING ${PURGED}`,
    ).all(now, limit) as unknown as PurgedItem[];
    if (defaultTtl <= 0 || own.length >= limit) return own;
    const byDefault = this.prepare(
      `DELETE FROM ${this.name} WHERE rid IN
         (SELECT rid FROM (SELECT rid, ts, ttl FROM ${this.name} ORDER BY rng, lsn LIMIT ?)
          WHERE ttl IS NULL AND ts <= ?) RETURNING ${PURGED}`,
    ).all(limit - own.length, now - defaultTtl * 1_000) as unknown as PurgedItem[];
    return [...own, ...byDefault];
  }
}

/** Whether the item is past its time to live, and so invisible. */
export function isExpired(
  item: { readonly ts: number; readonly ttl: number | null },
  defaultTtl: number | undefined,
  now: number,
): boolean {
  if (defaultTtl === undefined) return false;
  const ttl = item.ttl ?? defaultTtl;
  return ttl > 0 && item.ts + ttl * 1_000 <= now;
}

function systemProperties(container: ContainerRecord, item: { rid: number; lsn: number; ts: number }) {
  const rid = itemRid(container.database, container.num, item.rid);
  return {
    _rid: rid,
    _self: `${container.self}docs/${rid}/`,
    _etag: etagOf(container.num, item.lsn),
    _attachments: 'attachments/',
    _ts: Math.floor(item.ts / 1_000),
  };
}

/** What follows the last member of a stored item where clients see it; ASCII. */
export function systemMembers(
  container: ContainerRecord,
  item: { readonly rid: number; readonly lsn: number; readonly ts: number },
): string {
  const rid = itemRid(container.database, container.num, item.rid);
  const etag = etagOf(container.num, item.lsn).slice(1, -1);
  return (
    `,"_rid":"${rid}","_self":"${container.self}docs/${rid}/","_etag":"\\"${etag}\\"",` +
    `"_attachments":"attachments/","_ts":${Math.floor(item.ts / 1_000)}`
  );
}

/** The JSON text of an item as clients see it. */
export function renderItem(
  container: ContainerRecord,
  item: { readonly rid: number; readonly lsn: number; readonly ts: number; readonly body: string },
): string {
  return `${item.body.slice(0, -1)}${systemMembers(container, item)}}`;
}

/** The item as clients see it, parsed. */
export function parseItem(container: ContainerRecord, item: StoredItem): JsonObject {
  return Object.assign(JSON.parse(item.body) as JsonObject, systemProperties(container, item));
}
