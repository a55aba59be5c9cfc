import { join } from 'node:path';
import type { Random } from '../../../tools/lib/random';
import { RecordedProgram } from './child';
import { openRows, readRows, type Row, writeRows } from './database-rows';
import type { NoteBook, Promises } from './promises';
import type { PowerService } from './service';

const FILE = 'test.sqlite';
const WORKERS = 6;
/** Few keys, so that most writes replace a row, and the pages are used again. */
const KEYS = 20;

/** One operation after the other, on up to four rows at once. */
async function work(
  program: RecordedProgram<readonly Row[] | 'read'>,
  notes: NoteBook,
  random: Random,
  worker: string,
): Promise<never> {
  for (let turn = 0; ; turn++) {
    const rows = Array.from({ length: random.integer(1, 4) }, () => ({
      key: `${worker}/${random.integer(1, KEYS)}`,
      version: random.integer(0, 3) === 0 ? null : `${turn}`,
    }));
    // Of a key that is in it twice the last one counts, in both.
    const writes = Object.fromEntries(rows.map(({ key, version }) => [key, version]));
    await notes.ask(writes, () => program.command(rows, 'done'));
  }
}

/** The database class of the stores, with a log that is started anew all the time. */
export const database: PowerService<RecordedProgram<readonly Row[] | 'read'>> = {
  name: 'database',

  hasOneWriter: true,

  start: (dataDir) => RecordedProgram.start('database-child', join(dataDir, FILE)),

  async load(program, notes, random, life) {
    const workers = Array.from({ length: WORKERS }, (_, worker) => `${life}-${worker}`);
    await Promise.all(workers.map((worker) => work(program, notes, random, worker)));
  },

  async read(program) {
    return new Map(JSON.parse(await program.ask('read')) as [string, string][]);
  },

  async check(dataDir: string, promises: Promises) {
    const opened = openRows(join(dataDir, FILE));
    try {
      const faults = promises.faults(new Map(readRows(opened)));
      const [check] = opened.db.prepare('PRAGMA integrity_check').all();
      if (check?.['integrity_check'] !== 'ok') faults.push(`SQLite finds: ${JSON.stringify(check)}`);
      await writeRows(opened, [{ key: 'after', version: '1' }]);
      return faults;
    } finally {
      opened.close();
    }
  },
};
