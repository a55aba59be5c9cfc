/** The program that is recorded: a service in a process of its own, and its load. Arguments: service, seed, folder. */
import { openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { random as seeded } from '../../../tools/lib/random';
import { NoteBook } from './promises';
import { recordingFolder } from './record';
import { serviceNamed } from './services';

/** How the service's lives end. What it does to recover, and to stop in good order, is recorded, too. */
const ENDS = ['kill', 'stop', 'kill'] as const;
/** How long a life lasts after the start, in ms. */
const LIFE_MS = { least: 400, most: 800 };

async function main(): Promise<void> {
  const [, , name = '', seed = '', folder = ''] = process.argv;
  const service = serviceNamed(name);
  const random = seeded(Number(seed));
  const { store, notes } = recordingFolder(folder);
  const noteBook = new NoteBook(openSync(notes, 'w'));
  for (const [life, end] of ENDS.entries()) {
    noteBook.note({ turn: 'start' });
    const running = await service.start(store);
    let isOver = false;
    // A client whose endpoint is gone may never come back, so nobody waits for the load to end.
    const load = service.load(running, noteBook, random, life).catch((error: unknown) => {
      if (!isOver) throw error;
    });
    await Promise.race([load, sleep(random.integer(LIFE_MS.least, LIFE_MS.most))]);
    isOver = true;
    noteBook.note({ turn: 'end' });
    await running[end]();
  }
  process.exit(0);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
