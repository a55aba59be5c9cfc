import { join } from 'node:path';
import type { DurableEngine } from '../../../local/durable';
import type { Random } from '../../../tools/lib/random';
import { RecordedProgram } from './child';
import { EVENT, EVENT_VALUE, openPowerEngine, OUTPUT } from './durable-app';
import type { Request } from './durable-child';
import type { NoteBook, Promises } from './promises';
import type { PowerService } from './service';

const FILE = 'durable.db';
const WORKERS = 8;
/** An instance that has not ended so long after the cut is stuck, in ms. */
const STUCK_AFTER_MS = 10_000;

const COMPLETED = `Completed ${OUTPUT}`;
const TERMINATED = 'Terminated null';

const instanceKey = (id: string): string => `instance ${id}`;
const eventKey = (id: string): string => `event of ${id}`;
const endKey = (id: string): string => `end of ${id}`;

/** Instances one after the other: each is started, gets its event or is terminated, and is purged or not. */
async function work(
  engine: RecordedProgram<Request>,
  notes: NoteBook,
  random: Random,
  worker: string,
): Promise<never> {
  for (let turn = 0; ; turn++) {
    const id = `${worker}-${turn}`;
    await notes.ask({ [instanceKey(id)]: 'there' }, () =>
      engine.command({ command: 'start', id }, 'started'),
    );
    if (random.integer(0, 5) === 0) {
      await notes.ask({ [endKey(id)]: TERMINATED }, () =>
        engine.command({ command: 'terminate', id }, 'done'),
      );
    } else {
      // It may end as soon as the event is sent, whether that is answered or not.
      const ended = notes.ask({ [endKey(id)]: COMPLETED }, () =>
        engine.command({ command: 'end', id }, COMPLETED),
      );
      await notes.ask({ [eventKey(id)]: 'raised' }, () => engine.command({ command: 'raise', id }, 'done'));
      await ended;
    }
    if (random.integer(0, 1) === 0) continue;
    await notes.ask({ [instanceKey(id)]: null, [eventKey(id)]: null, [endKey(id)]: null }, () =>
      engine.command({ command: 'purge', id }, 'purged'),
    );
  }
}

function endOf(engine: DurableEngine, id: string): string | undefined {
  const { status, output } = engine.find(id) ?? {};
  return status === 'Completed' || status === 'Failed' || status === 'Terminated'
    ? `${status} ${output}`
    : undefined;
}

/** Whatever is there and has not ended does so, with the event that was promised or with one that it gets now. */
async function finish(engine: DurableEngine, id: string, promises: Promises): Promise<string[]> {
  if (!promises.has(eventKey(id))) await engine.raiseEvent(id, EVENT, String(EVENT_VALUE));
  await engine.whenEnded(id, STUCK_AFTER_MS);
  const end = endOf(engine, id);
  return end === COMPLETED ? [] : [`${id} goes on to ${end ?? 'no end'}, and should to ${COMPLETED}`];
}

/** Durable: instances with activities, sub-orchestrations, timers and events; ends that were seen, terminations, purges. */
export const durable: PowerService<RecordedProgram<Request>> = {
  name: 'durable',

  hasOneWriter: true,

  start: (dataDir) => RecordedProgram.start('durable-child', join(dataDir, FILE)),

  async load(engine, notes, random, life) {
    const workers = Array.from({ length: WORKERS }, (_, worker) => `${life}-${worker}`);
    await Promise.all(workers.map((worker) => work(engine, notes, random, worker)));
  },

  async check(dataDir: string, promises: Promises) {
    const engine = openPowerEngine(join(dataDir, FILE));
    try {
      const found = new Map<string, string>();
      const open: string[] = [];
      const prefix = instanceKey('');
      // At once, before anything goes on: what has ended must have ended on the disk.
      for (const key of promises.keys()) {
        const id = key.slice(prefix.length);
        if (!key.startsWith(prefix) || !engine.find(id)) continue;
        found.set(key, 'there');
        const end = endOf(engine, id);
        if (end === undefined) open.push(id);
        else found.set(endKey(id), end);
        // Of one that goes on, it shows in the end.
        if (end === COMPLETED || (end === undefined && promises.has(eventKey(id)))) {
          found.set(eventKey(id), 'raised');
        }
      }
      const faults = promises.faults(found);
      const stuck = await Promise.all(open.map((id) => finish(engine, id, promises)));
      await engine.startInstance({ name: 'Work', id: 'after', input: null });
      const after = await finish(engine, 'after', promises);
      return [...faults, ...stuck.flat(), ...after];
    } finally {
      engine.dispose();
    }
  },
};
