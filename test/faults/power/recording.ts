/** The program that is recorded: a service in a process of its own, and its load. Arguments: service, seed, folder, first life. */
import { openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { mixSeed, random as seeded } from '../../../tools/lib/random';
import { NoteBook } from './promises';
import { LIVES, recordingFolder } from './record';
import type { Recorded } from './service';
import { serviceNamed } from './services';

/**
 * How the service's lives end: the three from the first start on, and the one after a cut. What it does to recover, and
 * to stop in good order, is recorded, too.
 */
const ENDS = ['kill', 'stop', 'kill', 'kill'] as const;
/** More operations than a life has, so that each has a number of its own. */
const NUMBERS_PER_LIFE = 1_000_000;
/** How long a life lasts after the start, in ms. */
const LIFE_MS = { least: 400, most: 800 };

const GONE_WITHIN_MS = 1_000;

async function main(): Promise<void> {
  const [, , name = '', seed = '', folder = '', first = '0'] = process.argv;
  const firstLife = Number(first);
  const service = serviceNamed(name);
  const random = seeded(mixSeed(Number(seed), firstLife));
  const { store, notes } = recordingFolder(folder);
  const noteBook = new NoteBook(openSync(notes, 'w'), firstLife * NUMBERS_PER_LIFE);
  const lives = firstLife === 0 ? LIVES : 1;
  for (const [index, end] of ENDS.slice(firstLife, firstLife + lives).entries()) {
    noteBook.note({ turn: 'start' });
    const running = await service.start(store);
    const seen = await service.read?.(running);
    if (seen) noteBook.note({ seen: Object.fromEntries(seen) });
    let isOver = false;
    // A client whose endpoint is gone may never come back, so nobody waits for the load to end.
    const load = service.load(running, noteBook, random, firstLife + index).catch(async (error: unknown) => {
      if (!isOver && !(await isGone(running))) throw error;
    });
    await Promise.race([load, running.exited, sleep(random.integer(LIFE_MS.least, LIFE_MS.most))]);
    isOver = true;
    noteBook.note({ turn: 'end' });
    await running[end]();
  }
  process.exit(0);
}

/** Whether it has just been killed at a sync: a client may notice that before its parent. */
function isGone({ exited }: Recorded): Promise<boolean> {
  return Promise.race([exited.then(() => true), sleep(GONE_WITHIN_MS).then(() => false)]);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
