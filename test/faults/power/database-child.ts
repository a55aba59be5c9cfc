/** A database in a process of its own. Argument: its file. */
import { obey } from './child';
import { openRows, readRows, type Row, writeRows } from './database-rows';

const database = openRows(process.argv[2] ?? '');

obey(
  async (rows: readonly Row[] | 'read') => {
    if (rows === 'read') return JSON.stringify(readRows(database));
    await writeRows(database, rows);
    return 'done';
  },
  () => database.close(),
);
