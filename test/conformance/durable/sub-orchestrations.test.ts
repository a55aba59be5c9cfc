import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openEngine } from '../../../local/durable';
import { functions, loadSdk } from '../../support/durable-sdk';
import {
  GatedRunner,
  InProcessRunner,
  startTestHost,
  until,
  type TestHost,
} from '../../support/durable-host';

const df = loadSdk();
const PATIENCE_MS = 20_000;
const CHILDREN = 100;

df.app.activity('Echo', { handler: (value: unknown) => value });

df.app.orchestration('Wait', function* (context) {
  return yield context.df.waitForExternalEvent('Go');
});

df.app.orchestration('Parent', function* (context) {
  const durable = context.df;
  try {
    const { name, id } = durable.getInput<{ name: string; id: string }>() ?? { name: 'Wait', id: 'kid' };
    return { got: (yield durable.callSubOrchestrator(name, null, id)) as unknown };
  } catch (error) {
    return { caught: (error as Error).message };
  }
});

/** Calls `kid-1`, continues as new when it has had enough of it, and calls `kid-2`: both are its task 0. */
df.app.orchestration('Impatient', function* (context) {
  const durable = context.df;
  const kid = `kid-${durable.getInput<number>() ?? 1}`;
  const call = durable.callSubOrchestrator('Wait', null, kid);
  if (kid === 'kid-2') return yield call;
  yield durable.Task.any([call, durable.waitForExternalEvent('Enough')]);
  durable.continueAsNew(2);
  return undefined;
});

async function ended(host: Pick<TestHost, 'engine'>, id: string) {
  await host.engine.whenEnded(id, PATIENCE_MS);
  return host.engine.find(id);
}

const isRunning = (host: Pick<TestHost, 'engine'>, id: string): boolean =>
  host.engine.find(id)?.status === 'Running';

function inFolder(use: (file: string) => Promise<void>): () => Promise<void> {
  return async () => {
    const folder = mkdtempSync(join(tmpdir(), 'headwater-children-'));
    try {
      await use(join(folder, 'durable.db'));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };
}

function open(file: string, runner = new InProcessRunner()) {
  const logged: string[] = [];
  const engine = openEngine({ file, runner, log: (text) => void logged.push(text) });
  engine.start();
  return { engine, logged };
}

function inboxRows(file: string): number {
  const db = new DatabaseSync(file, { readOnly: true });
  const { n } = db.prepare('SELECT count(*) AS n FROM inbox').get() as { n: number };
  db.close();
  return n;
}

describe.each([
  ['kept generators', false],
  ['full replay in each episode', true],
])('sub-orchestrations, %s', (_, alwaysReplay) => {
  let host: TestHost;

  beforeEach(() => {
    host = startTestHost({ alwaysReplay, verifyEvery: 1 });
  });

  afterEach(() => host.dispose());

  const parent = async (id: string, input: object): Promise<void> => {
    await host.engine.startInstance({ name: 'Parent', id, input: JSON.stringify(input) });
  };

  test('a terminated child fails its parent as non-deterministic, whatever that catches', async () => {
    await parent('p', { name: 'Wait', id: 'kid' });
    await until(() => isRunning(host, 'kid'));
    await host.engine.terminate('kid', 'enough');
    expect(await ended(host, 'p')).toMatchObject({
      status: 'Failed',
      output: JSON.stringify(
        'Non-Deterministic workflow detected: A previous execution of this orchestration scheduled a ' +
          "sub-orchestration task with sequence ID 0 and name 'Wait' (version '', instance ID 'kid'), but the current " +
          "replay execution hasn't (yet?) scheduled this task. Was a change made to the orchestrator code after this " +
          'instance had already started running?',
      ),
    });
    expect(host.logged.join('\n')).toContain("Instance 'kid' of 'Wait' was terminated: as on the platform");
  });

  test('the history shows a call that is under way', async () => {
    await parent('p', { name: 'Wait', id: 'kid' });
    await until(() => isRunning(host, 'kid'));
    const { body } = await host.send('GET', '/instances/p?showHistory=true');
    const { historyEvents } = JSON.parse(body) as { historyEvents: unknown[] };
    expect(historyEvents[1]).toEqual({
      EventType: 'SubOrchestrationInstanceCreated',
      Name: 'Wait',
      InstanceId: 'kid',
      Input: null,
      ClientSpanId: null,
      Tags: null,
      Timestamp: expect.any(String) as unknown,
    });
  });

  test('children outlive the termination and the purge of their parent', async () => {
    await parent('p', { name: 'Wait', id: 'kid' });
    await until(() => isRunning(host, 'kid'));
    await host.engine.terminate('p', null);
    await host.engine.purge('p');
    expect(isRunning(host, 'kid')).toBe(true);
    await host.engine.raiseEvent('kid', 'Go', '7');
    expect(await ended(host, 'kid')).toMatchObject({ status: 'Completed', output: '7' });
    expect(host.engine.find('p')).toBeUndefined();
  });

  test('a child keeps its parent while it continues as new', async () => {
    df.app.orchestration('Counting', function* (context) {
      const n = context.df.getInput<number>() ?? 0;
      yield context.df.callActivity('Echo', n);
      if (n < 5) context.df.continueAsNew(n + 1);
      return n;
    });
    await parent('p', { name: 'Counting', id: 'kid' });
    expect(await ended(host, 'p')).toMatchObject({ status: 'Completed', output: '{"got":5}' });
    expect(host.engine.find('kid')).toMatchObject({ status: 'Completed', input: '5' });
  });

  test('what a parent called before it continued as new does not reach it', async () => {
    await host.engine.startInstance({ name: 'Impatient', id: 'p', input: null });
    await until(() => isRunning(host, 'kid-1'));
    await host.engine.raiseEvent('p', 'Enough', 'null');
    await until(() => isRunning(host, 'kid-2'));
    await host.engine.raiseEvent('kid-1', 'Go', '1');
    await ended(host, 'kid-1');
    await host.engine.raiseEvent('kid-2', 'Go', '2');
    expect(await ended(host, 'p')).toMatchObject({ status: 'Completed', output: '2' });
  });

  test('an id that is taken fails the call, and says so', async () => {
    await host.engine.startInstance({ name: 'Wait', id: 'kid', input: null });
    await until(() => isRunning(host, 'kid'));
    await parent('p', { name: 'Wait', id: 'kid' });
    const text = "An Orchestration instance with the ID 'kid' with the status Running already exists.";
    const caught = `${text} \n Message: ${text}, StackTrace: `;
    expect(await ended(host, 'p')).toMatchObject({ status: 'Completed', output: JSON.stringify({ caught }) });
    expect(host.logged).toEqual([`Instance 'p' of 'Parent' calls the sub-orchestrator 'Wait'. ${text}`]);
    expect(isRunning(host, 'kid')).toBe(true);
  });

  test('an orchestrator that does not exist leaves its caller Running, and says so', async () => {
    await parent('p', { name: 'Nowhere', id: 'kid' });
    await until(() => host.logged.length > 0);
    expect(host.logged[0]).toContain(
      "Instance 'p' of 'Parent' calls the orchestrator 'Nowhere', which does not exist",
    );
    await until(() => isRunning(host, 'p'));
    expect(host.engine.find('kid')).toBeUndefined();
  });

  test('another sub-orchestrator in the place of one is noticed', async () => {
    let runs = 0;
    df.app.orchestration('Fickle', function* (context) {
      return yield context.df.callSubOrchestrator(runs++ === 0 ? 'Wait' : 'Parent', null, 'kid');
    });
    await host.engine.startInstance({ name: 'Fickle', id: 'p', input: null });
    await until(() => isRunning(host, 'kid'));
    await host.engine.raiseEvent('kid', 'Go', '1');
    expect((await ended(host, 'p'))?.output).toContain(
      "with sequence ID 0 and name 'Wait' (version '', instance ID 'kid'), but the current orchestration replay " +
        'instead scheduled a sub-orchestration task with name Parent at this sequence number.',
    );
  });
});

test(
  'each of many children is counted once, and no message stays behind',
  inFolder(async (file) => {
    df.app.orchestration('Leaf', function* (context) {
      return yield context.df.callActivity('Echo', context.df.getInput());
    });
    df.app.orchestration('Fan', function* (context) {
      const durable = context.df;
      const calls = Array.from({ length: CHILDREN }, (__, n) => durable.callSubOrchestrator('Leaf', n));
      return (yield durable.Task.all(calls)) as unknown;
    });
    const { engine } = open(file);
    await engine.startInstance({ name: 'Fan', id: 'fan', input: null });
    const row = await ended({ engine }, 'fan');
    expect(row?.output).toBe(JSON.stringify(Array.from({ length: CHILDREN }, (__, n) => n)));
    expect(inboxRows(file)).toBe(0);
    engine.dispose();
  }),
);

test(
  "a child's end that its parent has not seen reaches it after a restart, once",
  inFolder(async (file) => {
    const before = open(file);
    await before.engine.startInstance({ name: 'Parent', id: 'p', input: '{"name":"Wait","id":"kid"}' });
    await until(() => isRunning(before, 'kid'));
    await before.engine.suspend('p', null);
    await before.engine.raiseEvent('kid', 'Go', '"once"');
    await ended(before, 'kid');
    before.engine.dispose();
    expect(inboxRows(file)).toBe(2);
    const after = open(file);
    await after.engine.purge('kid');
    await after.engine.resumeInstance('p', null);
    const row = await ended(after, 'p');
    expect(row).toMatchObject({ status: 'Completed', output: '{"got":"once"}' });
    expect(inboxRows(file)).toBe(0);
    after.engine.dispose();
  }),
);

test.each(['goes on', 'is restarted'])(
  'what ends while its parent continues as new does not reach the next execution, when the engine %s',
  (then) =>
    inFolder(async (file) => {
      const runner = new GatedRunner();
      let now = open(file, runner);
      await now.engine.startInstance({ name: 'Impatient', id: 'p', input: null });
      await until(() => isRunning(now, 'kid-1') && runner.waiting === 0);
      const release = runner.close('p');
      await now.engine.raiseEvent('p', 'Enough', 'null');
      await until(() => runner.waiting === 1);
      await now.engine.raiseEvent('kid-1', 'Go', '1');
      await ended(now, 'kid-1');
      release();
      await until(() => isRunning(now, 'kid-2'));
      if (then === 'is restarted') {
        now.engine.dispose();
        now = open(file);
      }
      await now.engine.raiseEvent('kid-2', 'Go', '2');
      expect(await ended(now, 'p')).toMatchObject({ status: 'Completed', output: '2' });
      now.engine.dispose();
    })(),
);

test(
  'a call whose id was taken fails after a restart, too',
  inFolder(async (file) => {
    const before = open(file);
    await before.engine.startInstance({ name: 'Wait', id: 'kid', input: null });
    await until(() => isRunning(before, 'kid'));
    await before.engine.startInstance({ name: 'Parent', id: 'p', input: '{"name":"Wait","id":"kid"}' });
    await before.engine.suspend('p', null);
    await until(() => before.logged.length > 0 || before.engine.history(2).length > 0);
    before.engine.dispose();
    const after = open(file);
    await after.engine.resumeInstance('p', null);
    expect((await ended(after, 'p'))?.output).toContain(
      "with the ID 'kid' with the status Running already exists",
    );
    after.engine.dispose();
  }),
);

test(
  'a store of an earlier version is taken over',
  inFolder(async (file) => {
    const db = new DatabaseSync(file);
    db.exec(`
      CREATE TABLE instances (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
        execution TEXT NOT NULL, version TEXT, input TEXT, generation INTEGER NOT NULL, created TEXT NOT NULL,
        status TEXT NOT NULL, output TEXT, custom TEXT, updated TEXT NOT NULL) STRICT;
      CREATE TABLE inbox (seq INTEGER PRIMARY KEY, instance INTEGER NOT NULL, event TEXT NOT NULL) STRICT;
      INSERT INTO instances VALUES (1, 'old', 'Parent', 'e', NULL, NULL, 0, '2026-01-01T00:00:00Z', 'Pending', NULL,
        NULL, '2026-01-01T00:00:00Z');
    `);
    db.close();
    const { engine } = open(file);
    await until(() => isRunning({ engine }, 'kid'));
    await engine.raiseEvent('kid', 'Go', '1');
    expect(await ended({ engine }, 'old')).toMatchObject({ status: 'Completed', output: '{"got":1}' });
    engine.dispose();
  }),
);

test(
  'a call of a function that did not exist goes on when the host is started with it',
  inFolder(async (file) => {
    const before = open(file);
    await before.engine.startInstance({ name: 'Parent', id: 'p', input: '{"name":"Later","id":"kid"}' });
    await until(() => before.logged.length > 0);
    before.engine.dispose();
    df.app.orchestration('Later', function* (context) {
      return yield context.df.callActivity('Echo', 'now');
    });
    const after = open(file);
    expect(await ended(after, 'p')).toMatchObject({ status: 'Completed', output: '{"got":"now"}' });
    after.engine.dispose();
    functions.delete('later');
  }),
);
