import { random, type Random } from '../../tools/lib/random';
import { Lives, type Life } from '../support/durable-crash';
import type { Note, Root } from '../support/durable-crash-operator';

/** What an operator is doing when its process is killed, in one life after the other. */
const KILLED_IN = ['rewind', 'churn', 'rewind', 'rewind'] as const;
/** The process dies after at most so many of its operations have begun, and so many transactions more. */
const MOST_OPERATIONS = { rewind: 12, churn: 30 };
const MOST_TRANSACTIONS = 3;
const STEPS = 3;
const TREE = { depth: 2, width: 2 };

interface Row {
  seq: number;
  id: string;
  name: string;
  status: string;
  output: string | null;
  generation: number;
  source: string | null;
  parent: string | null;
}

interface Parent {
  OrchestrationInstance: { InstanceId: string };
  TaskScheduleId: number;
}

const TERMINAL = ['Completed', 'Failed', 'Terminated'];
const isLive = ({ status }: Row): boolean => !TERMINAL.includes(status);

function rootsOf(life: number): Root[] {
  const of = (kind: string, n: number): string => `${kind}-${life}-${n}`;
  return [
    ...[0, 1, 2].map((n): Root => ({ id: of('steps', n), name: 'Steps', input: STEPS })),
    ...[0, 1, 2].map((n): Root => ({ id: of('tree', n), name: 'Branch', input: TREE })),
    { id: of('side', 0), name: 'SideBySide', input: null },
  ];
}

/** The steps of a root, in the order of its output; one rewind is needed for each where one leaf is under way at a time. */
function keysOf({ id, name }: Root): string[] {
  if (name === 'Steps') return Array.from({ length: STEPS }, (_, n) => `${id}.${STEPS - n}`);
  const trees = name === 'Branch' ? [0, 1] : [0, 1, 2];
  return trees.flatMap((tree) => [0, 1].map((leaf) => `${id}.${tree}.${leaf}.step`));
}

/** Lets an operator work in a process that kills itself (-9) while one of the operations is under way. */
async function live(life: Life, source: Random, number: number): Promise<void> {
  const type = KILLED_IN[number] ?? 'rewind';
  life.send({
    type: 'doom',
    operations: source.integer(1, MOST_OPERATIONS[type]),
    transactions: source.integer(0, MOST_TRANSACTIONS),
    statement: source.pick(['BEGIN IMMEDIATE', 'COMMIT']),
  });
  const survived = life
    .next('idle')
    .then(() => life.kill())
    .then(() => true);
  life.send({ type, life: number, roots: rootsUpTo(number) });
  expect(await Promise.race([life.exit.then(() => false), survived])).toBe(false);
}

function rootsUpTo(number: number): Root[] {
  return Array.from({ length: number + 1 }, (_, life) => rootsOf(life)).flat();
}

/** What lies on disk after a kill is whole: nothing is half rewound, and nothing is left of what was removed. */
function expectWhole(lives: Lives): void {
  const rows = new Map(lives.query<Row>('SELECT * FROM instances').map((row) => [row.id, row]));
  const waiting = new Set(
    lives.query<{ key: string }>("SELECT instance || '/' || task AS key FROM inbox").map(({ key }) => key),
  );
  for (const row of rows.values()) {
    if (row.parent === null || row.id.startsWith('side')) continue;
    const { OrchestrationInstance, TaskScheduleId } = JSON.parse(row.parent) as Parent;
    const parent = rows.get(OrchestrationInstance.InstanceId);
    if (!parent) throw new Error(`The parent of ${row.id} is gone.`);
    const told = waiting.has(`${parent.seq}/${TaskScheduleId}`);
    if (isLive(row)) expect([parent.id, isLive(parent)]).toEqual([parent.id, true]);
    else if (row.status === 'Failed') expect([row.id, isLive(parent)]).toEqual([row.id, told]);
  }
  const orphans = ['episodes', 'inbox'].flatMap((table) =>
    lives.query(`SELECT * FROM ${table} WHERE instance NOT IN (SELECT seq FROM instances)`),
  );
  expect(orphans).toEqual([]);
}

interface Event {
  EventType: number;
  EventId: number;
  Data?: string | null;
  TaskScheduledId?: number;
}

/** The reasons of the rewinds that took effect in an instance. */
function reasonsIn(events: Event[]): string[] {
  return events.flatMap(({ EventType, Data }) => (EventType === 17 && typeof Data === 'string' ? Data : []));
}

function notesOf(lives: Lives): Note[] {
  return lives.lines('notes').map((line) => JSON.parse(line) as Note);
}

function historiesOf(lives: Lives): Map<string, Event[]> {
  const rows = lives.query<{ id: string; events: string }>(
    "SELECT id, group_concat(events, ',') AS events FROM episodes JOIN instances ON seq = instance GROUP BY id",
  );
  return new Map(rows.map(({ id, events }) => [id, JSON.parse(`[${events}]`) as Event[]]));
}

/** Each acknowledged rewind took effect exactly once, one that was refused did not, and none came from nowhere. */
function expectRewindsOnce(lives: Lives, roots: Root[]): void {
  const histories = historiesOf(lives);
  const notes = notesOf(lives).filter(({ what }) => what === 'rewind');
  const effective = new Map<string, number>();
  for (const events of histories.values()) {
    const ends = events.flatMap(({ TaskScheduledId: id }) => id ?? []);
    expect(ends).toEqual([...new Set(ends)]);
    const reasons = reasonsIn(events);
    expect(reasons).toEqual([...new Set(reasons)]);
    for (const reason of reasons) effective.set(reason, (effective.get(reason) ?? 0) + 1);
  }
  const noted = (outcome: string): string[] =>
    notes.flatMap((note) => (note.outcome === outcome ? (note.reason ?? []) : []));
  expect(noted('done').filter((reason) => !effective.has(reason))).toEqual([]);
  expect(noted('refused').filter((reason) => effective.has(reason))).toEqual([]);
  const asked = new Set(notes.map(({ reason }) => reason));
  expect([...effective.keys()].filter((reason) => !asked.has(reason))).toEqual([]);
  for (const root of roots.filter(({ name }) => name !== 'SideBySide')) {
    const own = [...effective].filter(([reason]) => reason.startsWith(`${root.id}@`));
    // One leaf at a time is under way, and each is broken once.
    expect([root.id, own.map(([, times]) => times)]).toEqual([root.id, keysOf(root).map(() => 1)]);
  }
}

function expectChurned(lives: Lives): void {
  const rows = new Map(lives.query<Row>('SELECT * FROM instances').map((row) => [row.id, row]));
  const notes = notesOf(lives);
  const done = (what: Note['what'], outcome: string): string[] =>
    notes.flatMap((note) => (note.what === what && note.outcome === outcome ? note.id : []));
  const restarted = notes.filter(({ what, outcome }) => what === 'restart' && outcome === undefined);
  const isRestarted = new Set(restarted.map(({ id }) => id));
  for (const id of done('purge', 'purged')) if (!isRestarted.has(id)) expect(rows.has(id)).toBe(false);
  for (const id of done('restart', 'started')) {
    // One that is purged in the same moment may be gone before it is restarted, and then begins anew.
    expect(rows.get(id)).toMatchObject({ status: 'Completed', output: id.split('-')[2] });
    expect(rows.get(id)?.generation).toBe(1);
  }
  for (const id of done('copy', 'started')) {
    const copy = rows.get(id);
    expect(copy).toMatchObject({ status: 'Completed', generation: 0 });
    expect(copy?.output).toBe(copy?.source?.split('-')[2]);
  }
  for (const prefix of done('clear', 'done'))
    expect([...rows.keys()].filter((id) => id.startsWith(prefix))).toEqual([]);
}

test.each([7, 20_261_124])(
  'what is rewound, purged and restarted is so once and as a whole after kill -9 (seed %d)',
  async (seed) => {
    const source = random(seed);
    const lives = new Lives(KILLED_IN.length + 1);
    try {
      for (const number of KILLED_IN.keys()) {
        await live(await lives.begin(), source, number);
        expectWhole(lives);
      }
      const last = KILLED_IN.length;
      const life = await lives.begin();
      const roots = rootsUpTo(last);
      const idle = life.next('idle');
      life.send({ type: 'rewind', life: last, roots });
      await idle;
      const churned = life.next('idle');
      life.send({ type: 'churn', life: last });
      await churned;
      const all = lives.query<Row>("SELECT id FROM instances WHERE name <> 'Waiter'").map(({ id }) => id);
      await life.ends(all);
      await life.leave();
      expectWhole(lives);
      const rows = lives.query<Row>('SELECT id, status, output FROM instances');
      for (const root of roots) {
        const row = rows.find(({ id }) => id === root.id);
        expect({ ...row }).toEqual({
          id: root.id,
          status: 'Completed',
          output: JSON.stringify(keysOf(root)),
        });
      }
      expect(rows.filter(({ status }) => status !== 'Completed')).toEqual([]);
      expect(lives.query('SELECT * FROM inbox')).toEqual([]);
      expectRewindsOnce(lives, roots);
      expectChurned(lives);
    } finally {
      await lives.dispose();
    }
  },
);
