import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEngine, readDurableSettings, type DurableEngine } from '../../../local/durable';
import { compareVersions, runsVersion, type VersionSettings } from '../../../local/durable/versions';
import { loadSdk } from '../../support/durable-sdk';
import { InProcessRunner, startTestHost, type TestHost } from '../../support/durable-host';
import { fc } from '../../support/properties';

const df = loadSdk();
const PATIENCE_MS = 20_000;

let running = 0;
let most = 0;

df.app.activity('Count', {
  handler: async (value: unknown) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 2));
    running--;
    return value;
  },
});

df.app.orchestration('FanOut', function* (context) {
  const tasks = Array.from({ length: context.df.getInput<number>() ?? 0 }, (_, n) =>
    context.df.callActivity('Count', n),
  );
  return ((yield context.df.Task.all(tasks)) as unknown[]).length;
});

df.app.orchestration('Waiter', function* (context) {
  return (yield context.df.waitForExternalEvent('Go')) as unknown;
});

df.app.orchestration('Versions', function* (context) {
  const child = (yield context.df.callSubOrchestrator('Leaf', null)) as unknown;
  const named = (yield context.df.callSubOrchestrator('Leaf', null, undefined, '0.5')) as unknown;
  return [context.df.version, child, named];
});

df.app.orchestration('Leaf', function* (context) {
  return (yield context.df.callActivity('Count', context.df.version)) as unknown;
});

async function withHost(
  options: Parameters<typeof startTestHost>[0],
  use: (host: TestHost) => Promise<void>,
): Promise<void> {
  const host = startTestHost(options);
  try {
    await use(host);
  } finally {
    host.dispose();
  }
}

async function ended(engine: DurableEngine, id: string) {
  await engine.whenEnded(id, PATIENCE_MS);
  const row = engine.find(id);
  return { status: row?.status, output: JSON.parse(row?.output ?? 'null') as unknown };
}

describe('extensions.durableTask of host.json', () => {
  const defaults = {
    hubName: 'DurableFunctionsHub',
    maxConcurrentActivities: undefined,
    maxConcurrentOrchestrators: undefined,
    maxActions: 100_000,
    overridable: 'NonRunningStates',
    versions: { current: null, match: 'CurrentOrOlder', failure: 'Reject' },
  };

  test('has the defaults of the platform', () => {
    expect(readDurableSettings({})).toEqual(defaults);
  });

  test.each([
    [{ hubName: 'abc' }, { hubName: 'abc' }],
    [{ hubName: '%HUB%' }, { hubName: 'FromSettings' }],
    [{ hubName: `a${'1'.repeat(44)}` }, { hubName: `a${'1'.repeat(44)}` }],
    [{ maxConcurrentActivityFunctions: 3 }, { maxConcurrentActivities: 3 }],
    [{ maxConcurrentOrchestratorFunctions: '4' }, { maxConcurrentOrchestrators: 4 }],
    [{ maxOrchestrationActions: 7 }, { maxActions: 7 }],
    [{ overridableExistingInstanceStates: 'anyState' }, { overridable: 'AnyState' }],
    [{ extendedSessionsEnabled: false }, {}],
    [{ defaultVersion: '2.0' }, { versions: { ...defaults.versions, current: '2.0' } }],
    [
      { versionMatchStrategy: 'Strict', versionFailureStrategy: 'Fail' },
      { versions: { current: null, match: 'Strict', failure: 'Fail' } },
    ],
  ])('%j is taken', (section, settings) => {
    const resolve = (value: string): string => value.replace('%HUB%', 'FromSettings');
    expect(readDurableSettings(section, resolve)).toEqual({ ...defaults, ...settings });
  });

  test.each<[object, RegExp]>([
    [{ extendedSessionsEnabled: true }, /extendedSessionsEnabled must not be true/],
    [{ extendedSessionsEnabled: 'True' }, /extendedSessionsEnabled must not be true/],
    [{ extendedSessionsEnabled: 'perhaps' }, /must be true or false/],
    [{ hubName: 'ab' }, /3 to 45 letters and digits/],
    [{ hubName: '1abc' }, /3 to 45 letters and digits/],
    [{ hubName: 'with-dash' }, /3 to 45 letters and digits/],
    [{ hubName: `a${'1'.repeat(45)}` }, /3 to 45 letters and digits/],
    [{ hubName: 5 }, /hubName must be a text/],
    [{ maxConcurrentActivityFunctions: 0 }, /maxConcurrentActivityFunctions must be a whole number above 0/],
    [{ maxConcurrentOrchestratorFunctions: -1 }, /maxConcurrentOrchestratorFunctions must be/],
    [{ maxConcurrentEntityFunctions: 1.5 }, /maxConcurrentEntityFunctions must be/],
    [{ maxOrchestrationActions: 'many' }, /maxOrchestrationActions must be/],
    [{ overridableExistingInstanceStates: 'SomeStates' }, /one of NonRunningStates, AnyState/],
    [{ versionMatchStrategy: 'Newer' }, /one of None, Strict, CurrentOrOlder/],
  ])('%j does not start', (section, message) => {
    expect(() => readDurableSettings(section as Record<string, unknown>)).toThrow(message);
  });
});

describe('limits', () => {
  test('so many activities and orchestrators run at a time', async () => {
    let orchestrators = 0;
    let together = 0;
    class Watched extends InProcessRunner {
      override async runEpisode(...args: Parameters<InProcessRunner['runEpisode']>) {
        together = Math.max(together, ++orchestrators);
        await new Promise((resolve) => setImmediate(resolve));
        const reply = await super.runEpisode(...args);
        orchestrators--;
        return reply;
      }
    }
    const options = { runner: new Watched(), maxConcurrentActivities: 3, maxConcurrentOrchestrators: 2 };
    await withHost(options, async ({ engine }) => {
      const ids = Array.from({ length: 6 }, (_, n) => `limited-${n}`);
      await Promise.all(ids.map((id) => engine.startInstance({ name: 'FanOut', id, input: '4' })));
      for (const id of ids) expect(await ended(engine, id)).toEqual({ status: 'Completed', output: 4 });
      expect([most, together]).toEqual([3, 2]);
    });
  });

  test('an orchestration that schedules more than it may fails, and none of that runs', async () => {
    await withHost({ maxActions: 10 }, async ({ engine, runner, logged }) => {
      runner.recording = true;
      await engine.startInstance({ name: 'FanOut', id: 'within', input: '10' });
      expect(await ended(engine, 'within')).toEqual({ status: 'Completed', output: 10 });
      const calls = runner.calls.length;
      await engine.startInstance({ name: 'FanOut', id: 'beyond', input: '11' });
      const { status, output } = await ended(engine, 'beyond');
      expect(status).toBe('Failed');
      expect(output).toContain('Maximum amount of orchestration actions (10) has been reached.');
      expect(runner.calls.slice(calls).map(({ name }) => name)).toEqual(['FanOut']);
      expect(logged.some((line) => line.includes("'beyond'"))).toBe(true);
    });
  });
});

describe('overridableExistingInstanceStates', () => {
  test('AnyState: a start replaces an instance, whatever it is doing', async () => {
    await withHost({ overridable: 'AnyState' }, async (host) => {
      const { engine } = host;
      const start = (name: string, body: string) => host.send('POST', `/orchestrators/${name}/over`, body);
      expect((await start('FanOut', '20')).status).toBe(202);
      expect((await start('Waiter', '"one"')).status).toBe(202);
      expect(engine.find('over')).toMatchObject({ name: 'Waiter', input: '"one"', generation: 1 });
      const many = await Promise.all(Array.from({ length: 20 }, (_, n) => start('Waiter', String(n))));
      expect(new Set(many.map(({ status }) => status))).toEqual(new Set([202, 409]));
      await host.send('POST', '/instances/over/raiseEvent/Go', '5', { 'content-type': 'application/json' });
      expect(await ended(engine, 'over')).toEqual({ status: 'Completed', output: 5 });
    });
  });

  test('NonRunningStates: what has not ended stays', async () => {
    await withHost({}, async (host) => {
      const { engine } = host;
      await host.send('POST', '/orchestrators/Waiter/stays', '1');
      expect((await host.send('POST', '/orchestrators/Waiter/stays', '2')).status).toBe(409);
      expect(engine.find('stays')?.input).toBe('1');
    });
  });
});

describe('versions', () => {
  const settings = (current: string | null, other: Partial<VersionSettings> = {}): VersionSettings => ({
    current,
    match: 'CurrentOrOlder',
    failure: 'Reject',
    ...other,
  });

  test.each([
    [null, null, 0],
    [null, '1', -1],
    ['1', '', 1],
    ['1.9', '1.10', -1],
    ['1.0', '1.0.0', -1],
    ['2.0.1', '2.0', 1],
    ['b', 'A', 1],
    ['a', 'A', 0],
    ['10', '9', -1],
  ])('%j beside %j', (a, b, sign) => {
    expect(Math.sign(compareVersions(a, b))).toBe(sign);
  });

  test('are in an order', () => {
    const version = fc.oneof(
      fc.constant(null),
      fc.string({ maxLength: 3 }),
      fc.stringMatching(/^\d{1,2}(\.\d{1,2}){0,4}$/),
    );
    fc.assert(
      fc.property(version, version, (a, b) => {
        expect(Math.sign(compareVersions(a, b))).toBe(-Math.sign(compareVersions(b, a)) + 0);
        expect(compareVersions(a, a)).toBe(0);
        expect(runsVersion(settings(b), a)).toBe(compareVersions(a, b) <= 0);
      }),
    );
  });

  test('what is started without one gets the default, sub-orchestrations too', async () => {
    await withHost({ versions: settings('1.5') }, async ({ engine }) => {
      await engine.startInstance({ name: 'Versions', id: 'default', input: null });
      expect(await ended(engine, 'default')).toEqual({
        status: 'Completed',
        output: ['1.5', '1.5', '0.5'],
      });
      const { version, seq } = engine.find('default') ?? { version: null, seq: 0 };
      expect(version).toBe('1.5');
      expect(engine.history(seq)[0]?.events).toContain('"Name":"Leaf","Version":"1.5"');
    });
  });

  test('a newer one waits, and goes on when a host runs it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'headwater-versions-'));
    const logged: string[] = [];
    const open = (versions: VersionSettings): DurableEngine => {
      const log = (text: string): void => void logged.push(text);
      const engine = openEngine({
        file: join(folder, 'durable.db'),
        runner: new InProcessRunner(),
        log,
        versions,
      });
      engine.start();
      return engine;
    };
    let engine = open(settings('2.0'));
    try {
      await engine.startInstance({ name: 'Waiter', id: 'newer', input: null, version: '2.1' });
      await engine.startInstance({ name: 'Waiter', id: 'older', input: null, version: '1.9' });
      await engine.raiseEvent('newer', 'Go', '1');
      await engine.raiseEvent('older', 'Go', '2');
      expect(await ended(engine, 'older')).toEqual({ status: 'Completed', output: 2 });
      expect(engine.find('newer')?.status).toBe('Pending');
      expect(logged.filter((line) => line.includes("'newer'") && line.includes('2.1'))).toHaveLength(1);
      engine.dispose();
      engine = open(settings('2.1'));
      expect(await ended(engine, 'newer')).toEqual({ status: 'Completed', output: 1 });
    } finally {
      engine.dispose();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test.each<[Partial<VersionSettings>, string, string]>([
    [{ failure: 'Fail' }, '3.0', 'Failed'],
    [{ match: 'Strict', failure: 'Fail' }, '1.0', 'Failed'],
    [{ match: 'Strict', failure: 'Fail' }, '2.0', 'Completed'],
    [{ match: 'None' }, '3.0', 'Completed'],
  ])('%j: version %s is %s', async (other, version, status) => {
    await withHost({ versions: settings('2.0', other) }, async ({ engine }) => {
      await engine.startInstance({ name: 'Leaf', id: 'one', input: null, version });
      expect((await ended(engine, 'one')).status).toBe(status);
    });
  });
});
