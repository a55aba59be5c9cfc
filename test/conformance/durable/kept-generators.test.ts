import { loadSdk } from '../../support/durable-sdk';
import { InProcessRunner, startTestHost } from '../../support/durable-host';
import { openEngine, type EpisodeMessage, type EpisodeReply } from '../../../local/durable';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OrchestrationContext, Task } from 'durable-functions';

const df = loadSdk();
const SEEDS = Array.from({ length: 50 }, (_, index) => index + 1);
const PATIENCE_MS = 20_000;
/** Programs that wait for ever are given up when nothing has happened for so long. */
/** Above it are the seeds of executions that continue others. */
const NEXT_SEED = 1_000;
const STILL_MS = 1_500;

/** Numbers that depend on the seed alone: an orchestrator may use them. */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return (state >>> 8) % below;
  };
}

df.app.activity('Echo', { handler: (value: unknown) => value });
df.app.activity('Fail', {
  handler: (value: unknown) => {
    throw new Error(`no ${JSON.stringify(value)}`);
  },
});

type Generated = Generator<Task, unknown, never>;

/** A result without the tasks in it, which hold each other. */
function plain(result: unknown): unknown {
  if (Array.isArray(result)) return result.map(plain);
  return typeof result === 'object' && result !== null ? 'task' : result;
}

/** Runs a random program: activities, retries, timers, early events, nested and shared compound tasks. */
function* program(context: OrchestrationContext): Generated {
  const durable = context.df;
  const seed = durable.getInput<number>() ?? 1;
  const random = seeded(seed);
  const log: unknown[] = [];
  const made: Task[] = [];
  const atom = (): Task => {
    switch (random(8)) {
      case 0:
        return durable.callActivityWithRetry('Fail', new df.RetryOptions(1, 1 + random(2)), made.length);
      case 1:
        return durable.createTimer(new Date(durable.currentUtcDateTime.getTime() + random(50)));
      case 2:
        return durable.callActivity('Fail', made.length);
      case 3:
        return durable.callActivityWithRetry('Echo', new df.RetryOptions(1, 2), made.length);
      case 4:
        return durable.callSubOrchestrator('Leaf', made.length);
      case 5:
        return durable.callSubOrchestratorWithRetry(
          'Leaf',
          new df.RetryOptions(1, 1 + random(2)),
          -made.length,
        );
      default:
        return durable.callActivity('Echo', made.length);
    }
  };
  const compound = (depth: number): Task => {
    const children = Array.from({ length: 1 + random(3) }, () => {
      if (depth > 0 && random(4) === 0) return compound(depth - 1);
      const reused = made.length > 0 && random(5) === 0 ? made[random(made.length)] : undefined;
      const child = reused && !reused.isCompleted && !reused.isFaulted ? reused : atom();
      made.push(child);
      return child;
    });
    const distinct = [...new Set(children)];
    return random(2) === 0 ? durable.Task.all(distinct) : durable.Task.any(distinct);
  };
  for (let step = 0; step < 6; step++) {
    const task = random(3) === 0 ? atom() : random(6) === 0 ? durable.waitForExternalEvent('E') : compound(2);
    try {
      const result: unknown = yield task;
      log.push([step, durable.currentUtcDateTime.getTime(), plain(result)]);
    } catch (error) {
      log.push([step, (error as Error).message.split('\n')[0]]);
    }
    if (random(4) === 0) durable.setCustomStatus({ step });
    // Sometimes it goes on behind that, which has no effect any more.
    if (seed < NEXT_SEED && random(12) === 0) durable.continueAsNew(seed + NEXT_SEED);
  }
  return { log, isReplaying: durable.isReplaying, guid: durable.newGuid('x') };
}

df.app.orchestration('Random', program as never);
/** Returns what is positive, after an activity, and fails otherwise. */
df.app.orchestration('Leaf', function* (context) {
  const value = context.df.getInput<number>() ?? 0;
  if (value < 0) throw new Error(`no ${value}`);
  return yield context.df.callActivity('Echo', value);
});

/** Runs each episode twice, with and without kept generators, and keeps what was answered. */
class DoubleRunner extends InProcessRunner {
  readonly answers: { kept: EpisodeReply; replayed: EpisodeReply }[] = [];
  private readonly done = new Set<string>();
  private readonly replayer = new InProcessRunner(0);

  /** Resolves when no episode has been run for a while. */
  async still(): Promise<void> {
    for (let seen = -1; seen < this.answers.length; await sleep(STILL_MS)) seen = this.answers.length;
  }

  override async runEpisode(
    name: string,
    instanceId: string,
    message: EpisodeMessage,
  ): Promise<EpisodeReply> {
    const kept = await super.runEpisode(name, instanceId, message);
    // One that has returned and is held open by a timer says again what `isReplaying` was when it returned.
    if (message.payload !== undefined && !this.done.has(message.execution)) {
      const replayed = await this.replayer.runEpisode(name, instanceId, { ...message, mode: 'replay' });
      if (kept.kind === 'state' && kept.done) this.done.add(message.execution);
      this.answers.push({ kept: { ...kept, warnings: [] }, replayed: { ...replayed, warnings: [] } });
    }
    return kept;
  }
}

const alarms = (logged: string[]): string[] => logged.filter((line) => line.includes('Non-Deterministic'));

test.each([1_000, 3])(
  '%d kept generators and full replay agree on random orchestrations',
  async (maxKept) => {
    const runner = new DoubleRunner(maxKept);
    const host = startTestHost({ runner, verifyEvery: 1 });
    try {
      const ids = SEEDS.map((seed) => `random-${seed}`);
      const ends = ids.map(async (id, index) => {
        await host.engine.startInstance({ name: 'Random', id, input: String(SEEDS[index]) });
        for (let n = 0; n < 6; n++) await host.engine.raiseEvent(id, 'E', String(n));
        await host.engine.whenEnded(id, PATIENCE_MS);
      });
      await Promise.race([Promise.all(ends), runner.still()]);
      const statuses = ids.map((id) => host.engine.find(id)?.status);
      expect(alarms(host.logged)).toEqual([]);
      expect(statuses).not.toContain('Failed');
      // Some programs wait for ever for a shared task, as on the platform; most must end, or this shows nothing.
      expect(statuses.filter((status) => status === 'Completed').length).toBeGreaterThan(SEEDS.length / 2);
      expect(runner.answers.length).toBeGreaterThan(SEEDS.length * 3);
      const continued = runner.answers.filter(({ kept }) => kept.kind === 'state' && kept.continueAsNew);
      expect(continued.length).toBeGreaterThan(SEEDS.length / 10);
      expect(runner.answers.map(({ kept }) => kept)).toEqual(runner.answers.map(({ replayed }) => replayed));
    } finally {
      host.dispose();
    }
  },
);

test('an orchestrator that reads what changes is failed, in the words of the platform', async () => {
  let runs = 0;
  df.app.orchestration('Fickle', function* (context) {
    runs++;
    if (runs > 1) yield context.df.createTimer(new Date(context.df.currentUtcDateTime.getTime() + 1));
    yield context.df.callActivity('Echo', 1);
    return 'end';
  });
  const host = startTestHost({ verifyEvery: 1 });
  try {
    await host.engine.startInstance({ name: 'Fickle', id: 'f', input: null });
    await host.engine.whenEnded('f', PATIENCE_MS);
    const row = host.engine.find('f');
    expect(row?.status).toBe('Failed');
    expect(row?.output).toContain(
      "Non-Deterministic workflow detected: A previous execution of this orchestration scheduled an activity task with sequence number 0 named 'Echo', but the current orchestration replay instead produced a CreateTimerOrchestratorAction action with this sequence number.",
    );
    expect(alarms(host.logged)).toHaveLength(1);
  } finally {
    host.dispose();
  }
});

test('what a stopped engine was doing goes on in the next one, under new generators', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'headwater-resume-'));
  const file = join(folder, 'durable.db');
  df.app.orchestration('Resumed', function* (context) {
    const first: unknown = yield context.df.callActivity('Echo', 'a');
    const event: unknown = yield context.df.waitForExternalEvent('Go');
    const last: unknown = yield context.df.callActivity('Echo', 'b');
    return [first, event, last];
  });
  try {
    const before = openEngine({ file, runner: new InProcessRunner() });
    before.start();
    await before.startInstance({ name: 'Resumed', id: 'r', input: null });
    await before.suspend('r', 'wait');
    await before.raiseEvent('r', 'Go', '{"n":1}');
    before.dispose();
    const after = openEngine({ file, runner: new InProcessRunner() });
    after.start();
    expect(after.find('r')?.status).toBe('Suspended');
    await after.resumeInstance('r', null);
    await after.whenEnded('r', PATIENCE_MS);
    expect(after.find('r')).toMatchObject({ status: 'Completed', output: '["a",{"n":1},"b"]' });
    after.dispose();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
