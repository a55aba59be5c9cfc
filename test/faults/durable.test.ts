import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
  readonly started = new Set<string>();
  readonly raised = new Set<string>();
  private readonly folder = mkdtempSync(join(tmpdir(), 'headwater-crash-'));
  private readonly journal = join(this.folder, 'journal');

  async begin(): Promise<ChildProcess> {
    const child = fork(CHILD, [join(this.folder, 'durable.db'), this.journal], {
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
  async live(life: number, random: () => number): Promise<void> {
    const child = await this.begin();
    for (let i = 0; i < INSTANCES_PER_LIFE; i++) {
      const id = `w-${life}-${i}`;
      child.send({ type: 'start', id });
      if (random() < 0.5) child.send({ type: 'raise', id });
    }
    await sleep(20 + random() * 120);
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
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
