import { existsSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { Database } from '../../shared/database';

/** Marks the file as a blob store ("HWbl"), see https://sqlite.org/pragma.html#pragma_application_id */
const APPLICATION_ID = 0x4857626c;
const SCHEMA_VERSION = 1;
/** Above this size (bytes) the check at start leaves out the pages of the content, which would take seconds. */
const FULL_CHECK_SIZE = 256 * 1024 * 1024;
/** Pages in the log before SQLite moves them to the main file; its default of 1,000 does so every 60 blobs of 64 KB. */
const CHECKPOINT_PAGES = 4_000;
/** Negative: KiB. */
const CACHE_SIZE = -65_536;

/*
 * A segment is content that never changes. Its owner (a blob or a staged block) is its one implied reference;
 * `shared` counts those beyond it, so that storing a blob, the common case, writes no count, and counting never
 * rewrites the content. -1 means: no reference left, but somebody was still reading.
 */
const SCHEMA = `
  CREATE TABLE containers (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,
    etag TEXT NOT NULL, modified INTEGER NOT NULL, metadata TEXT NOT NULL
  ) STRICT;
  CREATE TABLE blobs (
    container INTEGER NOT NULL, name TEXT NOT NULL, etag TEXT NOT NULL, created INTEGER NOT NULL,
    modified INTEGER NOT NULL, size INTEGER NOT NULL, properties TEXT NOT NULL, metadata TEXT NOT NULL,
    lease TEXT, segments TEXT NOT NULL, PRIMARY KEY (container, name)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE blocks (
    container INTEGER NOT NULL, blob TEXT NOT NULL, id TEXT NOT NULL, segment INTEGER NOT NULL,
    size INTEGER NOT NULL, staged INTEGER NOT NULL, PRIMARY KEY (container, blob, id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE segments (id INTEGER PRIMARY KEY, size INTEGER NOT NULL, file TEXT, data BLOB) STRICT;
  CREATE TABLE shared (segment INTEGER PRIMARY KEY, extra INTEGER NOT NULL) STRICT;
  CREATE TABLE garbage (container INTEGER PRIMARY KEY) STRICT;
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

/** What came after the first stores were made; it needs no other version, as those who do not know it can leave it alone. */
const ADDITIONS = `
  CREATE TABLE IF NOT EXISTS container_leases (container INTEGER PRIMARY KEY, lease TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS container_policies (container INTEGER PRIMARY KEY, policies TEXT NOT NULL) STRICT;
`;

function pragma(db: DatabaseSync, name: string): unknown {
  const row = db.prepare(`PRAGMA ${name}`).get();
  return row ? Object.values(row)[0] : undefined;
}

/**
 * SQLITE_IOERR_SHMOPEN, _SHMSIZE, _SHMMAP (https://sqlite.org/rescode.html): no room for the index of the log; and
 * SQLITE_READONLY_ROLLBACK: what the very first start has begun must be rolled back before anything can be read.
 */
const NOT_BY_READING_ALONE: readonly unknown[] = [4_618, 4_874, 5_386, 776];
const BUSY = 5;

/** @throws when the database is not a whole store of this version. */
function check(db: DatabaseSync, size: number): void {
  if (pragma(db, 'schema_version') === 0) return;
  if (pragma(db, 'application_id') !== APPLICATION_ID)
    throw new Error('it is not the database of a blob store');
  const version = pragma(db, 'user_version');
  if (version !== SCHEMA_VERSION) throw new Error(`its version ${String(version)} is not ${SCHEMA_VERSION}`);
  const checks =
    size <= FULL_CHECK_SIZE
      ? ['quick_check(1)']
      : ['containers', 'blobs', 'blocks', 'shared'].map((table) => `quick_check('${table}')`);
  for (const name of checks) {
    const result = pragma(db, name);
    if (result !== 'ok') throw new Error(`it is damaged: ${String(result)}`);
  }
}

/**
 * Checks the file through a read-only connection: closing that one never writes, whatever state the file is in.
 * @returns false when it cannot be read in this way: on a full disk, or when its first start was cut short.
 */
function checkReadOnly(file: string, size: number): boolean {
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    check(db, size);
    return true;
  } catch (error) {
    if (NOT_BY_READING_ALONE.includes((error as { errcode?: unknown }).errcode)) return false;
    throw error;
  } finally {
    db.close();
  }
}

/**
 * Opens the database of a blob store, creating it when missing, for this process alone: two processes on one store
 * would sweep away each other's files.
 * @throws with a message naming the file when it is damaged, foreign, of another version or in use; it is left as it is.
 */
export function openDatabase(file: string): Database {
  let database: Database | undefined;
  try {
    const size = existsSync(file) ? statSync(file).size : 0;
    const checked = size === 0 || checkReadOnly(file, size);
    database = new Database(file, { exclusive: true });
    const { db } = database;
    if (!checked) check(db, size);
    db.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}; PRAGMA cache_size = ${CACHE_SIZE}`);
    db.exec('BEGIN EXCLUSIVE');
    if (pragma(db, 'schema_version') === 0) db.exec(SCHEMA);
    db.exec(ADDITIONS);
    db.exec('COMMIT');
    return database;
  } catch (error) {
    database?.db.close();
    const { errcode, message, cause } = error as Error & { errcode?: number; cause?: { errcode?: number } };
    const busy = errcode === BUSY || cause?.errcode === BUSY;
    const reason = busy ? 'another process uses it' : message;
    throw new Error(`The blob store ${file} cannot be opened: ${reason}. Nothing was changed.`, {
      cause: error,
    });
  }
}
