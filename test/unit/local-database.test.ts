import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Database } from '../../local/shared/database';
import { DiskFullError } from '../../local/shared/files';

let folder: string;
let file: string;
let open: Database[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'database-test-'));
  file = join(folder, 'test.sqlite');
});
afterEach(async () => {
  for (const database of open) if (database.db.isOpen) database.close();
  open = [];
  await rm(folder, { recursive: true });
});

function openDatabase(): Database {
  const database = new Database(file);
  open.push(database);
  database.db.exec('CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, text TEXT)');
  return database;
}

const insert =
  (id: number, text = '') =>
  (db: DatabaseSync) => {
    db.prepare('INSERT INTO t VALUES (?, ?)').run(id, text);
    return id;
  };

/** What another process would find: only what is committed. */
function committed(): number[] {
  const other = new DatabaseSync(file, { readOnly: true });
  const rows = other.prepare('SELECT id FROM t ORDER BY id').all() as { id: number }[];
  other.close();
  return rows.map(({ id }) => id);
}

test('syncs each commit: write-ahead log, synchronous FULL', () => {
  const { db } = openDatabase();
  expect(db.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
  expect(db.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: 2 });
});

test('acknowledges a write only after its commit', async () => {
  const database = openDatabase();
  let settled = false;
  const write = database.write(insert(1)).then((id) => {
    settled = true;
    return { id, visible: committed() };
  });
  await Promise.resolve();
  expect(settled).toBe(false);
  expect(committed()).toEqual([]);
  expect(await write).toEqual({ id: 1, visible: [1] });
});

test('commits what was submitted together in one transaction', async () => {
  const database = openDatabase();
  const seen: number[][] = [];
  const writes = [1, 2, 3].map((id) =>
    database.write((db) => {
      seen.push(committed());
      return insert(id)(db);
    }),
  );
  expect(await Promise.all(writes)).toEqual([1, 2, 3]);
  expect(seen).toEqual([[], [], []]);
  expect(committed()).toEqual([1, 2, 3]);
});

test('an operation that throws fails alone and leaves no trace', async () => {
  const database = openDatabase();
  const results = await Promise.allSettled([
    database.write(insert(1)),
    database.write((db) => {
      insert(2)(db);
      throw new Error('refused');
    }),
    database.write(insert(3)),
    database.write(insert(1)),
  ]);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
  expect(results[1]).toMatchObject({ reason: { message: 'refused' } });
  expect(committed()).toEqual([1, 3]);
});

test('a full disk refuses the whole group and undoes it', async () => {
  const database = openDatabase();
  await database.write(insert(1));
  database.db.exec('PRAGMA max_page_count = 10');
  const results = await Promise.allSettled([
    database.write(insert(2)),
    database.write(insert(3, 'x'.repeat(1_000_000))),
  ]);
  for (const result of results) expect(result).toMatchObject({ reason: expect.any(DiskFullError) });
  expect(committed()).toEqual([1]);
  database.db.exec('PRAGMA max_page_count = 100000');
  await database.write(insert(4));
  expect(committed()).toEqual([1, 4]);
});

test('close commits and acknowledges what is still queued', async () => {
  const database = openDatabase();
  const write = database.write(insert(1));
  database.close();
  expect(await write).toBe(1);
  expect(committed()).toEqual([1]);
});

test('a file that is no database is named and left as it is', async () => {
  const text = 'not a database, but long enough to be read as the header of one: '.repeat(20);
  await writeFile(file, text);
  expect(() => new Database(file)).toThrow(file);
  expect(await readFile(file, 'utf8')).toBe(text);
});
