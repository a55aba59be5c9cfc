import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';

/** Compiled by `tsc -b`: the process that is killed is a plain Node process. */
const CHILD = join(__dirname, '../../build/test/support/durable-crash-child.js');
const INSTANCES_PER_LIFE = 12;
const LIVES = 4;
const STEPS = [1, 2, 3, 4, 5, 6, 7, 8, 10];
const EXPECTED_SUM = 55;

interface StatusRow {
  id: string;
  status: string;
  output: string | null;
}

type FromChild =
  | { type: 'ready' }
  | { type: 'started' | 'raised'; id: string; result?: string }
  | { type: 'status'; rows: StatusRow[] };

/** Numbers in [0, 1) that depend on the seed alone (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

class Crash {
  readonly asked = new Set<string>();
  readonly started = new Set<string>();
  readonly raised = new Set<string>();
  private readonly folder = mkdtempSync(join(tmpdir(), 'headwater-crash-'));
  readonly file = join(this.folder, 'durable.db');
  private readonly journal = join(this.folder, 'journal');

  async begin(): Promise<ChildProcess> {
    const child = fork(CHILD, [this.file, this.journal], {
      execArgv: ['--disable-warning=ExperimentalWarning'],
    });
    child.on('message', (message: FromChild) => {
      if (message.type === 'started') this.started.add(message.id);
      if (message.type === 'raised' && message.result === 'done') this.raised.add(message.id);
    });
    await once(child, 'message');
    return child;
  }

  /** Starts instances, raises their events, and kills the process in the middle of it. */
  async live(life: number, random: () => number, name = 'Work', count = INSTANCES_PER_LIFE): Promise<void> {
    const child = await this.begin();
    for (let i = 0; i < count; i++) {
      const id = `w-${life}-${i}`;
      this.asked.add(id);
      child.send({ type: 'start', id, name });
      if (name === 'Work' && random() < 0.5) child.send({ type: 'raise', id });
    }
    await sleep(20 + random() * 120);
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  }

  /** Lets everything come to its end, and the process then end by itself. */
  async finish(child: ChildProcess, ids: string[]): Promise<StatusRow[]> {
    const answer = new Promise<StatusRow[]>((resolve) => {
      child.on('message', (message: FromChild) => {
        if (message.type === 'status') resolve(message.rows);
      });
    });
    child.send({ type: 'status', ids });
    const rows = await answer;
    const exit = once(child, 'exit');
    child.disconnect();
    await exit;
    return rows;
  }

  ran(): Set<string> {
    return new Set(existsSync(this.journal) ? readFileSync(this.journal, 'utf8').trim().split('\n') : []);
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

test.each([1, 20_261_122])('every acknowledged start completes after kill -9 (seed %d)', async (seed) => {
  const crash = new Crash();
  const random = seeded(seed);
  try {
    for (let life = 0; life < LIVES; life++) await crash.live(life, random);
    const child = await crash.begin();
    const ids = [...crash.started].toSorted();
    expect(ids.length).toBeGreaterThan(0);
    const pending = ids.filter((id) => !crash.raised.has(id));
    for (const id of pending) child.send({ type: 'raise', id });
    const rows = await crash.finish(child, ids);
    expect(rows).toEqual(ids.map((id) => ({ id, status: 'Completed', output: String(EXPECTED_SUM) })));
    const ran = crash.ran();
    const missing = ids
      .flatMap((id) => STEPS.map((step) => `${id}/${step}`))
      .filter((entry) => !ran.has(entry));
    expect(missing).toEqual([]);
  } finally {
    crash.dispose();
  }
});

/** What each of a family's three rounds has seen: its four children, each once. */
const FAMILY = [11, 12, 13, 14, 21, 22, 23, 24, 31, 32, 33, 34];
const FAMILIES_PER_LIFE = 5;
/** A round's children: three side by side, one that fails and its second attempt, and one more. */
const KIDS_PER_ROUND = 5;

test.each([3, 20_261_123])(
  "families that continue as new see each child's end once after kill -9 (seed %d)",
  async (seed) => {
    const crash = new Crash();
    const random = seeded(seed);
    try {
      for (let life = 0; life < LIVES; life++) await crash.live(life, random, 'Family', FAMILIES_PER_LIFE);
      const child = await crash.begin();
      const ids = [...crash.started].toSorted();
      expect(ids.length).toBeGreaterThan(0);
      // A start whose acknowledgement was lost may have happened, too.
      const rest = [...crash.asked].filter((id) => !crash.started.has(id));
      const rows = await crash.finish(child, [...ids, ...rest]);
      expect(rows.slice(0, ids.length)).toEqual(
        ids.map((id) => ({ id, status: 'Completed', output: JSON.stringify(FAMILY) })),
      );
      const db = new DatabaseSync(crash.file, { readOnly: true });
      const all = (text: string) => db.prepare(text).all();
      const families = all("SELECT count(*) AS n FROM instances WHERE name = 'Family'")[0]?.['n'] as number;
      const kids = all(
        "SELECT status, count(*) AS n FROM instances WHERE name = 'Kid' GROUP BY status ORDER BY 1",
      );
      const perStatus = { Completed: (KIDS_PER_ROUND - 1) * 3 * families, Failed: 3 * families };
      expect(Object.fromEntries(kids.map(({ status, n }) => [status, n]))).toEqual(perStatus);
      expect(all('SELECT * FROM inbox')).toEqual([]);
      const histories = all(
        "SELECT group_concat(events, ',') AS events FROM episodes JOIN instances ON seq = instance GROUP BY instance",
      );
      for (const { events } of histories) {
        const ends = (JSON.parse(`[${String(events)}]`) as { TaskScheduledId?: number }[]).flatMap(
          ({ TaskScheduledId: id }) => id ?? [],
        );
        expect(ends).toEqual([...new Set(ends)]);
      }
      db.close();
    } finally {
      crash.dispose();
    }
  },
);
