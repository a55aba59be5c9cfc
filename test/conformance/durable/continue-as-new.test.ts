import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openEngine } from '../../../local/durable';
import { loadSdk } from '../../support/durable-sdk';
import {
  GatedRunner,
  InProcessRunner,
  startTestHost,
  until,
  type TestHost,
} from '../../support/durable-host';

const df = loadSdk();
const PATIENCE_MS = 20_000;
const GENERATIONS = 1_000;

df.app.activity('Echo', { handler: (value: unknown) => value });

df.app.orchestration('Loop', function* (context) {
  const { n, until } = context.df.getInput<{ n: number; until: number }>() ?? { n: 0, until: 0 };
  context.df.setCustomStatus({ n });
  yield context.df.callActivity('Echo', n);
  if (n < until) context.df.continueAsNew({ n: n + 1, until });
  return n;
});

df.app.orchestration('Wait', function* (context) {
  return yield context.df.waitForExternalEvent('Go');
});

/** Takes one event an execution, and ends after three. */
df.app.orchestration('Collect', function* (context) {
  const seen = context.df.getInput<unknown[]>() ?? [];
  seen.push(yield context.df.waitForExternalEvent('Item'));
  if (seen.length < 3) context.df.continueAsNew(seen);
  return seen;
});

async function ended(host: TestHost, id: string) {
  await host.engine.whenEnded(id, PATIENCE_MS);
  return host.engine.find(id);
}

const running = (host: TestHost, id: string): boolean => host.engine.find(id)?.status === 'Running';

function rows(file: string): Record<string, number> {
  const db = new DatabaseSync(file, { readOnly: true });
  const count = (table: string): number =>
    (db.prepare(`SELECT count(*) AS n FROM ${table}`).get() as { n: number }).n;
  const counted = { instances: count('instances'), episodes: count('episodes'), inbox: count('inbox') };
  db.close();
  return counted;
}

test('a thousand executions under one id leave the rows of the last one', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'headwater-generations-'));
  const file = join(folder, 'durable.db');
  const engine = openEngine({ file, runner: new InProcessRunner() });
  try {
    engine.start();
    await engine.startInstance({ name: 'Loop', id: 'loop', input: `{"n":1,"until":${GENERATIONS}}` });
    await engine.whenEnded('loop', PATIENCE_MS);
    expect(engine.find('loop')).toMatchObject({
      status: 'Completed',
      output: String(GENERATIONS),
      input: `{"n":${GENERATIONS},"until":${GENERATIONS}}`,
      custom: `{"n":${GENERATIONS}}`,
    });
    expect(rows(file)).toEqual({ instances: 1, episodes: 2, inbox: 0 });
  } finally {
    engine.dispose();
    rmSync(folder, { recursive: true, force: true });
  }
});

test('executions that are over do not push the kept generators of others out', async () => {
  const host = startTestHost({ maxKeptGenerators: 3, verifyEvery: 0 });
  try {
    await host.engine.startInstance({ name: 'Wait', id: 'wait', input: null });
    await until(() => running(host, 'wait'));
    await host.engine.startInstance({ name: 'Loop', id: 'loop', input: '{"n":1,"until":20}' });
    await ended(host, 'loop');
    host.runner.recording = true;
    await host.engine.raiseEvent('wait', 'Go', '1');
    await ended(host, 'wait');
    expect(host.runner.episodes.map(({ reply }) => reply.kind)).toEqual(['state']);
  } finally {
    host.dispose();
  }
});

test('one that continues as new at once, for ever, can be terminated', async () => {
  // oxlint-disable-next-line eslint/require-yield -- it is what is tested
  df.app.orchestration('Spin', function* (context): Generator<never, undefined> {
    context.df.continueAsNew((context.df.getInput<number>() ?? 0) + 1);
    return undefined;
  });
  const host = startTestHost();
  try {
    await host.engine.startInstance({ name: 'Spin', id: 'spin', input: null });
    await until(() => Number(host.engine.find('spin')?.input) > 10);
    expect(await host.engine.terminate('spin', 'enough')).toBe('done');
    expect(await ended(host, 'spin')).toMatchObject({ status: 'Terminated', output: '"enough"' });
  } finally {
    host.dispose();
  }
});

describe.each([
  ['kept generators', false],
  ['full replay in each episode', true],
])('continuing as new, %s', (_, alwaysReplay) => {
  let host: TestHost;
  let runner: GatedRunner;

  beforeEach(() => {
    runner = new GatedRunner();
    host = startTestHost({ alwaysReplay, runner });
  });

  afterEach(() => host.dispose());

  test('carries the events that came later in the same batch', async () => {
    await host.engine.startInstance({ name: 'Collect', id: 'c', input: null });
    await until(() => running(host, 'c'));
    await Promise.all(['1', '2', '3'].map((item) => host.engine.raiseEvent('c', 'Item', item)));
    expect(await ended(host, 'c')).toMatchObject({ status: 'Completed', output: '[1,2,3]' });
    expect(host.logged).toEqual([]);
  });

  test('drops the events that came before, and says so; later ones arrive', async () => {
    df.app.orchestration('Late', function* (context) {
      const durable = context.df;
      const done = durable.getInput<string>();
      if (done) return [done, yield durable.waitForExternalEvent('Item')];
      yield durable.waitForExternalEvent('First');
      durable.continueAsNew('done');
      return undefined;
    });
    await host.engine.startInstance({ name: 'Late', id: 'late', input: null });
    await host.engine.raiseEvent('late', 'Item', '1');
    await host.engine.raiseEvent('late', 'Item', '2');
    await host.engine.raiseEvent('late', 'First', 'null');
    await until(() => host.logged.length > 0);
    await host.engine.raiseEvent('late', 'Item', '3');
    expect(await ended(host, 'late')).toMatchObject({ output: '["done",3]' });
    expect(host.logged).toEqual([
      "Instance 'late' of 'Late' continued as new without having waited for 2 external events that it had received. " +
        'As on the platform, they are lost.',
    ]);
  });

  test('waits for its timers, and then carries what came meanwhile', async () => {
    df.app.orchestration('Held', function* (context) {
      const durable = context.df;
      if (durable.getInput<boolean>()) {
        const first: unknown = yield durable.waitForExternalEvent('Item');
        return [first, yield durable.waitForExternalEvent('Item')];
      }
      const timer = durable.createTimer(new Date(durable.currentUtcDateTime.getTime() + 2_900));
      yield durable.Task.any([durable.waitForExternalEvent('First'), timer]);
      durable.continueAsNew(true);
      return undefined;
    });
    await host.engine.startInstance({ name: 'Held', id: 'held', input: null });
    await until(() => running(host, 'held'));
    const { execution } = runner.messages[0] ?? {};
    for (const [name, item] of [
      ['First', '0'],
      ['Item', '1'],
      ['Item', '2'],
    ] as const) {
      const before = runner.messages.length;
      await host.engine.raiseEvent('held', name, item);
      await until(() => runner.messages.length > before);
    }
    expect(host.engine.find('held')).toMatchObject({ status: 'Running', input: null, execution });
    expect(await ended(host, 'held')).toMatchObject({ output: '[1,2]' });
  });

  test('schedules nothing that is asked for behind it, and ignores what the old execution waited for', async () => {
    df.app.orchestration('Racing', function* (context) {
      const durable = context.df;
      const execution = durable.getInput<number>() ?? 1;
      const slow = durable.callActivity('Gated', execution);
      if (execution === 2)
        return (yield durable.Task.all([durable.callActivity('Echo', 0), slow])) as unknown;
      yield durable.Task.any([durable.callActivity('Echo', 0), slow]);
      durable.continueAsNew(2);
      yield durable.callActivity('Gated', 'behind');
      return 'not reached';
    });
    const opens: (() => void)[] = [];
    df.app.activity('Gated', {
      handler: async (value: unknown) => {
        await new Promise<void>((resolve) => opens.push(resolve));
        return value;
      },
    });
    await host.engine.startInstance({ name: 'Racing', id: 'r', input: null });
    await until(() => opens.length === 2 && runner.messages.length === 4);
    opens[0]?.();
    await until(() => host.engine.counters().activities === 3);
    opens[1]?.();
    expect(await ended(host, 'r')).toMatchObject({ status: 'Completed', output: '[0,2]' });
    expect(opens).toHaveLength(2);
  });

  test('an execution that had not begun when the engine stopped begins in the next one', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'headwater-carried-'));
    const file = join(folder, 'durable.db');
    try {
      const before = openEngine({ file, runner, alwaysReplay });
      before.start();
      await before.startInstance({ name: 'Collect', id: 'c', input: null });
      await until(() => before.find('c')?.status === 'Running');
      const open = runner.close('c');
      const raised = ['1', '2'].map((item) => before.raiseEvent('c', 'Item', item));
      await Promise.all(raised);
      await until(() => runner.waiting > 0);
      await before.suspend('c', 'stop here');
      await before.raiseEvent('c', 'Item', '3');
      open();
      await until(() => before.find('c')?.input === '[1]');
      expect(before.find('c')).toMatchObject({ status: 'Suspended', output: '"stop here"' });
      before.dispose();
      const after = openEngine({ file, runner: new InProcessRunner(), alwaysReplay });
      after.start();
      expect(after.find('c')).toMatchObject({ status: 'Suspended', input: '[1]' });
      await after.resumeInstance('c', null);
      await after.whenEnded('c', PATIENCE_MS);
      expect(after.find('c')).toMatchObject({ status: 'Completed', output: '[1,2,3]' });
      after.dispose();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
