import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Access } from './items';

/** What a change did. */
export type ChangeType = 'create' | 'replace' | 'delete';

/** A change as the log keeps it. */
export interface Change {
  readonly lsn: number;
  readonly range: number;
  readonly pk: string;
  readonly epk: string;
  readonly id: string;
  readonly rid: number;
  readonly type: ChangeType;
  /** The log sequence number of the version before; null for a new item. */
  readonly previous: number | null;
  /** Milliseconds since the epoch. */
  readonly ts: number;
  /** Whether an item was deleted because its time to live was over. */
  readonly expired: boolean;
  /** The client's JSON of the version written; null for a deletion. */
  readonly body: string | null;
}

/** A change as the feed gives it on: the JSON is copied, and never becomes a string. */
export interface LoggedChange extends Pick<Change, 'lsn' | 'rid' | 'pk' | 'id' | 'type' | 'previous' | 'ts'> {
  readonly expired: 0 | 1;
  readonly body: Uint8Array | null;
}

/** Every version of the items of one container, and their deletions. Writes must run inside a group commit. */
export class ChangeLog {
  readonly name: string;
  /** For FROM: this table, read by its index over (rng, lsn). */
  readonly feedIndex: string;
  private insert: StatementSync | undefined;

  constructor(
    private readonly db: DatabaseSync,
    container: number,
  ) {
    this.name = `changes_${container}`;
    this.feedIndex = `${this.name} INDEXED BY ${this.name}_feed`;
  }

  static create(db: DatabaseSync, container: number): void {
    const name = `changes_${container}`;
    db.exec(`
      CREATE TABLE ${name} (
        lsn INTEGER PRIMARY KEY, rng INTEGER NOT NULL, pk TEXT NOT NULL, epk TEXT NOT NULL, id TEXT NOT NULL,
        rid INTEGER NOT NULL, type TEXT NOT NULL, previous INTEGER, ts INTEGER NOT NULL,
        expired INTEGER NOT NULL, body TEXT
      ) STRICT;
      CREATE INDEX ${name}_feed ON ${name} (rng, lsn);`);
  }

  static drop(db: DatabaseSync, container: number): void {
    db.exec(`DROP TABLE IF EXISTS changes_${container}`);
  }

  add(change: Change): void {
    this.insert ??= this.db.prepare(
      `INSERT INTO ${this.name} (lsn, rng, pk, epk, id, rid, type, previous, ts, expired, body)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    const { lsn, range, pk, epk, id, rid, type, previous, ts, expired, body } = change;
    this.insert.run(lsn, range, pk, epk, id, rid, type, previous, ts, expired ? 1 : 0, body);
  }

  /** Streams changes. */
  *read({ from, where, order }: Access): Generator<LoggedChange> {
    const statement = this.db.prepare(
      `SELECT lsn, rid, pk, id, type, previous, ts, expired, CAST(body AS BLOB) AS body
       FROM ${from} WHERE ${where.text} ORDER BY ${order}`,
    );
    yield* statement.iterate(...where.parameters) as unknown as Iterable<LoggedChange>;
  }

  /** Deletes up to `limit` of the oldest changes made before `time`; returns the newest number among them. */
  purge(time: number, limit: number): { purged: number; upTo: number } {
    const rows = this.db
      .prepare(
        `DELETE FROM ${this.name} WHERE lsn IN
           (SELECT lsn FROM (SELECT lsn, ts FROM ${this.name} ORDER BY lsn LIMIT ?) WHERE ts < ?)
         RETURNING lsn`,
      )
      .all(limit, time) as { lsn: number }[];
    return { purged: rows.length, upTo: Math.max(0, ...rows.map(({ lsn }) => lsn)) };
  }
}
