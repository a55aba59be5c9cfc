import { Database } from '../../../local/shared/database';

/** A row to write, or to delete when it has no version. */
export interface Row {
  readonly key: string;
  readonly version: string | null;
}

/** So few pages that the log is copied to the file, and started anew, many times in a recording. */
const CHECKPOINT_PAGES = 30;
/** Bytes beside the version, so that rows lie over several pages. */
const FILLER_BYTES = 3_000;

/** A database with one table, created when missing. */
export function openRows(file: string): Database {
  const database = new Database(file);
  database.db.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
  database.db.exec(
    'CREATE TABLE IF NOT EXISTS rows (key TEXT PRIMARY KEY, version TEXT, filler BLOB) STRICT',
  );
  return database;
}

/** Writes rows in one operation. */
export async function writeRows(database: Database, rows: readonly Row[]): Promise<void> {
  const filler = Buffer.alloc(FILLER_BYTES);
  await database.write((db) => {
    for (const { key, version } of rows) {
      if (version === null) db.prepare('DELETE FROM rows WHERE key = ?').run(key);
      else db.prepare('INSERT OR REPLACE INTO rows VALUES (?, ?, ?)').run(key, version, filler);
    }
  });
}

/** All rows, with their versions. */
export function readRows(database: Database): [string, string][] {
  const rows = database.db.prepare('SELECT key, version FROM rows').all() as unknown as Row[];
  return rows.map(({ key, version }) => [key, String(version)]);
}
