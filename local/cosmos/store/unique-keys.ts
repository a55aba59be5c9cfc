import type { DatabaseSync, StatementSync } from 'node:sqlite';

/** Which item holds which value of a unique key, in each logical partition. Writes must run inside a group commit. */
export class UniqueKeys {
  private readonly name: string;
  private find: StatementSync | undefined;
  private insert: StatementSync | undefined;
  private clear: StatementSync | undefined;

  constructor(
    private readonly db: DatabaseSync,
    container: number,
  ) {
    this.name = `unique_${container}`;
  }

  /** A value is free as soon as its item is gone, whatever deleted it. */
  static create(db: DatabaseSync, container: number): void {
    const name = `unique_${container}`;
    db.exec(`
      CREATE TABLE ${name} (
        n INTEGER NOT NULL, pk TEXT NOT NULL, value TEXT NOT NULL, rid INTEGER NOT NULL, PRIMARY KEY (n, pk, value)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX ${name}_item ON ${name} (rid);
      CREATE TRIGGER ${name}_free AFTER DELETE ON items_${container} BEGIN
        DELETE FROM ${name} WHERE rid = OLD.rid;
      END;`);
  }

  static drop(db: DatabaseSync, container: number): void {
    db.exec(`DROP TABLE IF EXISTS unique_${container}`);
  }

  /** The item that holds the value of the `n`th key. */
  holder(n: number, pk: string, value: string): number | undefined {
    this.find ??= this.db.prepare(`SELECT rid FROM ${this.name} WHERE n = ? AND pk = ? AND value = ?`);
    const row = this.find.get(n, pk, value);
    return row === undefined ? undefined : Number(row['rid']);
  }

  /** Gives an item its values; those that it had before are free. No other item may hold them. */
  hold(rid: number, pk: string, values: readonly string[]): void {
    this.clear ??= this.db.prepare(`DELETE FROM ${this.name} WHERE rid = ?`);
    this.insert ??= this.db.prepare(`INSERT INTO ${this.name} (n, pk, value, rid) VALUES (?, ?, ?, ?)`);
    this.clear.run(rid);
    for (const [n, value] of values.entries()) this.insert.run(n, pk, value, rid);
  }
}
