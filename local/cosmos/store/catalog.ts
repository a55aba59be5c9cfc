import type { DatabaseSync } from 'node:sqlite';
import type { Database } from '../../shared/database';
import { fail, ok, type Failure, type Outcome } from '../errors';
import { ChangeLogs, retentionOf } from './change-logs';
import { ItemTable } from './items';
import { physicalRanges, type PhysicalRange } from './ranges';
import { UniqueKeys } from './unique-keys';
import {
  DEFAULT_THROUGHPUT,
  uniqueKeysOf,
  type ContainerDefinition,
  type ContainerRecord,
  type DatabaseRecord,
  type Throughput,
} from './resources';
import { containerRid, databaseRid, etagOf } from './rid';

const FORMAT = 1;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS format (version INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS databases (
    num INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, version INTEGER NOT NULL,
    ts INTEGER NOT NULL, offer TEXT
  ) STRICT;
  CREATE TABLE IF NOT EXISTS containers (
    num INTEGER PRIMARY KEY AUTOINCREMENT, db INTEGER NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL,
    ts INTEGER NOT NULL, lsn INTEGER NOT NULL, ranges TEXT NOT NULL, definition TEXT NOT NULL, offer TEXT,
    UNIQUE (db, id)
  ) STRICT;`;

interface DatabaseRow {
  num: number;
  id: string;
  version: number;
  ts: number;
  offer: string | null;
}

interface ContainerRow extends DatabaseRow {
  db: number;
  ranges: string;
  definition: string;
}

function dropTables(db: DatabaseSync, container: number): void {
  ItemTable.drop(db, container);
  UniqueKeys.drop(db, container);
  ChangeLogs.drop(db, container);
}

const parseOffer = (text: string | null): Throughput | undefined =>
  text === null ? undefined : (JSON.parse(text) as Throughput);

/** Databases and containers: kept in memory, written through. */
export class Catalog {
  private databases = new Map<string, DatabaseRecord>();
  private containers = new Map<string, Map<string, ContainerRecord>>();
  private readonly tables = new Map<number, ItemTable>();
  readonly logs: ChangeLogs;

  constructor(private readonly store: Database) {
    store.db.exec(SCHEMA);
    this.logs = new ChangeLogs(store);
    const found = store.db.prepare('SELECT version FROM format').get() as { version: number } | undefined;
    if (!found) store.db.prepare('INSERT INTO format VALUES (?)').run(FORMAT);
    else if (found.version !== FORMAT) {
      throw new Error(`has format ${found.version}; this version reads format ${FORMAT}`);
    }
    this.load();
  }

  /** Reads the tables again, after a commit that changed them. */
  private load(): void {
    const databases = new Map<string, DatabaseRecord>();
    const containers = new Map<string, Map<string, ContainerRecord>>();
    const byNumber = new Map<number, DatabaseRecord>();
    const rows = this.store.db.prepare('SELECT * FROM databases ORDER BY num').all();
    for (const row of rows as unknown as DatabaseRow[]) {
      const rid = databaseRid(row.num);
      const etag = etagOf(row.num, row.version);
      const { num, id, ts } = row;
      const record = { num, id, ts, rid, self: `dbs/${rid}/`, etag, offer: parseOffer(row.offer) };
      databases.set(id, record);
      byNumber.set(num, record);
      containers.set(id, new Map());
    }
    const all = this.store.db.prepare('SELECT * FROM containers ORDER BY num').all();
    for (const row of all as unknown as ContainerRow[]) {
      const owner = byNumber.get(row.db);
      if (owner) containers.get(owner.id)?.set(row.id, this.containerRecord(row, owner));
    }
    this.databases = databases;
    this.containers = containers;
  }

  private containerRecord(row: ContainerRow, owner: DatabaseRecord): ContainerRecord {
    const rid = containerRid(owner.num, row.num);
    let items = this.tables.get(row.num);
    if (!items) {
      items = new ItemTable(this.store.db, row.num);
      this.tables.set(row.num, items);
    }
    return {
      num: row.num,
      database: owner.num,
      databaseId: owner.id,
      id: row.id,
      rid,
      self: `${owner.self}colls/${rid}/`,
      etag: etagOf(row.num, row.version),
      ts: row.ts,
      definition: JSON.parse(row.definition) as ContainerDefinition,
      ranges: JSON.parse(row.ranges) as PhysicalRange[],
      offer: parseOffer(row.offer),
      sharedOffer: owner.offer,
      items,
    };
  }

  listDatabases(): DatabaseRecord[] {
    return [...this.databases.values()];
  }

  database(id: string): Outcome<DatabaseRecord> {
    const found = this.databases.get(id);
    return found ? ok(found) : fail('NotFound', `Database "${id}" does not exist.`);
  }

  listContainers(database: string): ContainerRecord[] {
    return [...(this.containers.get(database)?.values() ?? [])];
  }

  allContainers(): ContainerRecord[] {
    return [...this.containers.values()].flatMap((containers) => [...containers.values()]);
  }

  container(database: string, id: string): Outcome<ContainerRecord> {
    const found = this.containers.get(database)?.get(id);
    return found
      ? ok(found)
      : fail('NotFound', `Container "${id}" does not exist in database "${database}".`);
  }

  /** Runs a change of the catalog in a group commit and reads the catalog again. */
  private async change(apply: (db: DatabaseSync) => Failure | undefined): Promise<Failure | undefined> {
    const failure = await this.store.write(apply);
    if (!failure) this.load();
    return failure;
  }

  async createDatabase(
    id: string,
    offer: Throughput | undefined,
    now: number,
  ): Promise<Outcome<DatabaseRecord>> {
    const failure = await this.change((db) => {
      const inserted = db
        .prepare('INSERT INTO databases (id, version, ts, offer) VALUES (?, 1, ?, ?) ON CONFLICT DO NOTHING')
        .run(id, now, offer ? JSON.stringify(offer) : null);
      return inserted.changes === 0 ? fail('Conflict', `Database "${id}" already exists.`) : undefined;
    });
    return failure ?? this.database(id);
  }

  async deleteDatabase(id: string): Promise<Failure | undefined> {
    return this.change((db) => {
      const row = db.prepare('SELECT num FROM databases WHERE id = ?').get(id) as { num: number } | undefined;
      if (!row) return fail('NotFound', `Database "${id}" does not exist.`);
      const owned = db.prepare('SELECT num FROM containers WHERE db = ?').all(row.num) as { num: number }[];
      for (const { num } of owned) dropTables(db, num);
      db.prepare('DELETE FROM containers WHERE db = ?').run(row.num);
      db.prepare('DELETE FROM databases WHERE num = ?').run(row.num);
      return undefined;
    });
  }

  async createContainer(
    database: string,
    definition: ContainerDefinition,
    offer: Throughput | undefined,
    now: number,
  ): Promise<Outcome<ContainerRecord>> {
    const throughput = offer?.autoscaleMax ?? offer?.throughput ?? DEFAULT_THROUGHPUT;
    const ranges = physicalRanges(throughput, definition.partitionKey);
    const failure = await this.change((db) => {
      const owner = db.prepare('SELECT num FROM databases WHERE id = ?').get(database);
      if (!owner) return fail('NotFound', `Database "${database}" does not exist.`);
      const inserted = db
        .prepare(
          `INSERT INTO containers (db, id, version, ts, lsn, ranges, definition, offer)
           VALUES (?, ?, 1, ?, 0, ?, ?, ?) ON CONFLICT DO NOTHING`,
        )
        .run(
          owner['num'] ?? null,
          definition.id,
          now,
          JSON.stringify(ranges),
          JSON.stringify(definition),
          offer ? JSON.stringify(offer) : null,
        );
      if (inserted.changes === 0) return fail('Conflict', `Container "${definition.id}" already exists.`);
      const num = Number(inserted.lastInsertRowid);
      ItemTable.create(db, num);
      if (uniqueKeysOf(definition).length > 0) UniqueKeys.create(db, num);
      if (retentionOf(definition) !== undefined) ChangeLogs.create(db, num);
      return undefined;
    });
    return failure ?? this.container(database, definition.id);
  }

  async replaceContainer(
    record: ContainerRecord,
    definition: ContainerDefinition,
    now: number,
  ): Promise<Outcome<ContainerRecord>> {
    const failure = await this.change((db) => {
      const updated = db
        .prepare('UPDATE containers SET definition = ?, version = version + 1, ts = ? WHERE num = ?')
        .run(JSON.stringify(definition), now, record.num);
      return updated.changes === 0 ? fail('NotFound', `Container "${record.id}" does not exist.`) : undefined;
    });
    return failure ?? this.container(record.databaseId, record.id);
  }

  async deleteContainer(record: ContainerRecord): Promise<Failure | undefined> {
    const failure = await this.change((db) => {
      const deleted = db.prepare('DELETE FROM containers WHERE num = ?').run(record.num);
      if (deleted.changes === 0) return fail('NotFound', `Container "${record.id}" does not exist.`);
      dropTables(db, record.num);
      return undefined;
    });
    if (!failure) this.tables.delete(record.num);
    return failure;
  }

  /** Changes the throughput of a database or a container; its physical ranges stay as they are. */
  async replaceOffer(
    kind: 'databases' | 'containers',
    num: number,
    offer: Throughput,
    now: number,
  ): Promise<void> {
    await this.change((db) => {
      db.prepare(`UPDATE ${kind} SET offer = ?, ts = ? WHERE num = ?`).run(JSON.stringify(offer), now, num);
      return undefined;
    });
  }

  /**
   * Reserves `count` log sequence numbers; undefined when the container is gone. `logged` tells whether every version
   * has to go into the change log.
   * Must run inside a group commit: numbers become visible in the order in which they are given.
   */
  reserveLsns(
    db: DatabaseSync,
    container: number,
    count: number,
  ): { readonly first: number; readonly logged: boolean } | undefined {
    // Asked of the store and not of memory: the log may have begun earlier in this very commit.
    this.reserve ??= db.prepare(
      `UPDATE containers SET lsn = lsn + ? WHERE num = ?
       RETURNING lsn, EXISTS (SELECT 1 FROM change_logs WHERE container = num) AS logged`,
    );
    const row = this.reserve.get(count, container) as { lsn: number; logged: number } | undefined;
    return row && { first: row.lsn - count + 1, logged: row.logged === 1 };
  }
  private reserve: ReturnType<DatabaseSync['prepare']> | undefined;

  /** The newest log sequence number of a container. */
  lastLsn(container: number): number {
    this.last ??= this.store.db.prepare('SELECT lsn FROM containers WHERE num = ?');
    return (this.last.get(container) as { lsn: number } | undefined)?.lsn ?? 0;
  }
  private last: ReturnType<DatabaseSync['prepare']> | undefined;
}
