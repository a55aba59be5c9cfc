/** Where the platform leaves an instance hanging, or loses something, this engine does the same and names the instance. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSdk } from '../../support/durable-sdk';
import { startTestHost, until, type TestHost } from '../../support/durable-host';

const df = loadSdk();
const PATIENCE_MS = 10_000;
const HOUR_MS = 3_600_000;

/** Runs of an activity by its input. */
const runs = new Map<unknown, number>();
const count = (key: unknown): number => {
  runs.set(key, (runs.get(key) ?? 0) + 1);
  return runs.get(key) ?? 0;
};
/** Opens for activities that wait for it. */
let gate = Promise.withResolvers<void>();

df.app.activity('Echo', {
  handler: (value: unknown) => {
    count(value);
    return value;
  },
});
df.app.activity('Late', {
  handler: async (key: string) => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    throw new Error(`${key} fails`);
  },
});
df.app.activity('FailOnce', {
  handler: (key: string) => {
    if (count(key) === 1) throw new Error('once');
    return key;
  },
});
df.app.activity('Gated', {
  handler: async (key: string) => {
    await gate.promise;
    return count(key);
  },
});
df.app.orchestration('Child', function* (context) {
  return yield context.df.waitForExternalEvent('Go');
});
df.app.orchestration('LateChild', function* (context) {
  yield context.df.callActivity('Late', 'child');
});

/** Passed by the first failure. */
function shortTimeout(): InstanceType<typeof df.RetryOptions> {
  const options = new df.RetryOptions(1, 10);
  options.retryTimeoutInMilliseconds = 1;
  return options;
}

df.app.orchestration('RetryActivity', function* (context) {
  yield context.df.callActivityWithRetry('Late', shortTimeout(), 'activity');
});
df.app.orchestration('RetryChild', function* (context) {
  yield context.df.callSubOrchestratorWithRetry('LateChild', shortTimeout());
});
df.app.orchestration('UnknownActivity', function* (context) {
  yield context.df.Task.all([
    context.df.callActivity('Echo', 'beside unknown'),
    context.df.callActivity('Nothing', 1),
  ]);
});
df.app.orchestration('UnknownChild', function* (context) {
  yield context.df.callActivity('Echo', 'before unknown');
  yield context.df.callSubOrchestratorWithRetry('Nowhere', new df.RetryOptions(1, 2));
});
df.app.orchestration('Held', function* (context) {
  const { df: durable } = context;
  const timer = durable.createTimer(new Date(durable.currentUtcDateTime.getTime() + HOUR_MS));
  yield durable.Task.any([timer, durable.waitForExternalEvent('Go')]);
  return 'done';
});
df.app.orchestration('HeldAnew', function* (context) {
  const { df: durable } = context;
  const timer = durable.createTimer(new Date(durable.currentUtcDateTime.getTime() + HOUR_MS));
  yield durable.Task.any([timer, durable.waitForExternalEvent('Go')]);
  durable.continueAsNew(1);
});
df.app.orchestration('Parent', function* (context) {
  const { df: durable } = context;
  const ids = [1, 2, 3, 4, 5, 6, 7].map((n) => `${durable.instanceId}-kid-${n}`);
  return yield durable.Task.all(ids.map((id) => durable.callSubOrchestrator('Child', null, id)));
});
df.app.orchestration('Reused', function* (context) {
  const { df: durable } = context;
  const first = durable.callActivity('Echo', 'reused');
  const second = durable.waitForExternalEvent('Go');
  yield durable.Task.any([first, second]);
  return yield durable.Task.all([first, second]);
});
df.app.orchestration('Abandons', function* (context) {
  const { df: durable } = context;
  const { instanceId: id } = durable;
  return yield durable.Task.all([
    durable.callActivity('FailOnce', id),
    durable.callActivity('Gated', `${id}-gated`),
  ]);
});

let folder: string;
let host: TestHost;

const open = (): TestHost => startTestHost({ file: join(folder, 'durable.db') });

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'headwater-hangs-'));
  host = open();
});

afterAll(() => {
  host.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const start = (name: string, id: string, version?: string) =>
  host.engine.startInstance({ name, id, input: null, ...(version === undefined ? {} : { version }) });
const warnings = (id: string): string[] => host.logged.filter((line) => line.startsWith(`Instance '${id}'`));
const historyOf = (id: string): string =>
  host.engine
    .history(host.engine.find(id)?.seq ?? 0)
    .map(({ events }) => events)
    .join(',');
const raise = (id: string, name = 'Go') => host.engine.raiseEvent(id, name, '1');

async function outcome(id: string) {
  await host.engine.whenEnded(id, PATIENCE_MS);
  const { status, output } = host.engine.find(id) ?? {};
  return { status, output };
}

interface Hang {
  name: string;
  version?: string;
  /** What makes it hang, once it has begun. */
  after?: (id: string) => Promise<unknown>;
  warning: string;
  status?: string;
  /** What is not in its history, though it was asked for. */
  without: string;
  /** Nothing is run for it any more, not even for events. */
  isDeaf?: true;
}

const HANGS: Hang[] = [
  { name: 'RetryActivity', warning: "retries of 'Late' have passed their retryTimeout", without: 'FireAt' },
  { name: 'RetryChild', warning: "retries of 'LateChild' have passed their retryTimeout", without: 'FireAt' },
  {
    name: 'UnknownActivity',
    warning: "calls the activity 'Nothing', which does not exist",
    without: 'Echo',
    isDeaf: true,
  },
  {
    name: 'UnknownChild',
    warning: "calls the orchestrator 'Nowhere', which does not exist",
    without: 'Nowhere',
    isDeaf: true,
  },
  {
    name: 'Child',
    version: '2.0',
    warning: 'has the version 2.0, and host.json names no defaultVersion',
    status: 'Pending',
    without: 'EventType',
    isDeaf: true,
  },
  { name: 'Held', after: (id) => raise(id), warning: 'stays Running and ends at 2', without: 'TimerFired' },
  {
    name: 'HeldAnew',
    after: (id) => raise(id),
    warning: 'stays Running and continues as new only when they have fired',
    without: 'TimerFired',
  },
];

describe('an instance that hangs on the platform', () => {
  test.each(HANGS)('$name: hangs here, too, and a warning names it', async (hang) => {
    const { name, version, after, warning, status = 'Running', without, isDeaf } = hang;
    const id = `hangs-${name}`;
    await start(name, id, version);
    await after?.(id);
    await until(() => warnings(id).length > 0);
    await raise(id, 'Other');
    if (!isDeaf) await until(() => historyOf(id).includes('"Name":"Other"'));
    expect(host.engine.find(id)).toMatchObject({ status, output: null });
    expect(historyOf(id)).not.toContain(without);
    expect(warnings(id)).toEqual([expect.stringContaining(warning)]);
  });

  test('all of them still do when the host was started again, and can be terminated', async () => {
    const before = host;
    before.engine.dispose();
    host = open();
    before.dispose();
    await start('Reused', 'beside');
    await raise('beside');
    expect((await outcome('beside')).status).toBe('Completed');
    for (const { name, status = 'Running' } of HANGS) {
      const id = `hangs-${name}`;
      expect([id, host.engine.find(id)?.status]).toEqual([id, status]);
      expect(await host.engine.terminate(id, 'enough')).toBe('done');
      expect(await outcome(id)).toEqual({ status: 'Terminated', output: '"enough"' });
    }
  });
});

describe('what is lost on the platform', () => {
  test('the results of sub-orchestrations whose parent was terminated', async () => {
    await start('Parent', 'gone');
    const kids = [1, 2, 3, 4, 5, 6, 7].map((n) => `gone-kid-${n}`);
    await until(() => kids.every((id) => host.engine.find(id)?.status === 'Running'));
    await raise('gone-kid-1');
    await until(() => historyOf('gone').includes('"EventType":8'));
    await host.engine.terminate('gone', null);
    expect(warnings('gone')).toEqual([
      "Instance 'gone' of 'Parent' was terminated. As on the platform its sub-orchestrations run on, and what they " +
        "return is lost: 'gone-kid-2', 'gone-kid-3', 'gone-kid-4', 'gone-kid-5', 'gone-kid-6' and 1 more.",
    ]);
    await host.engine.purge('gone');
    for (const id of kids.slice(1)) {
      await raise(id);
      expect(await outcome(id)).toEqual({ status: 'Completed', output: '1' });
    }
    expect(host.engine.find('gone')).toBeUndefined();
  });

  test('one that has no sub-orchestrations is terminated without a word', async () => {
    await start('Child', 'alone');
    await host.engine.terminate('alone', null);
    expect(warnings('alone')).toEqual([]);
  });

  test('the place of a task that is used in two compound tasks: here it runs once', async () => {
    runs.clear();
    await start('Reused', 'reused');
    await until(() => historyOf('reused').includes('"EventType":5'));
    await raise('reused');
    expect(await outcome('reused')).toEqual({ status: 'Completed', output: '["reused",1]' });
    expect(runs.get('reused')).toBe(1);
    expect(warnings('reused')).toEqual([
      expect.stringContaining('used again in another Task.all or Task.any'),
    ]);
  });

  test('results that come between a failure and the rewind: here what was under way runs again', async () => {
    await start('Abandons', 'rewound');
    expect((await outcome('rewound')).status).toBe('Failed');
    gate.resolve();
    await until(() => runs.get('rewound-gated') === 1);
    gate = Promise.withResolvers();
    gate.resolve();
    await host.engine.rewind('rewound', null);
    expect(await outcome('rewound')).toEqual({ status: 'Completed', output: '["rewound",2]' });
    expect(warnings('rewound')).toEqual([expect.stringContaining('had work under way when it failed')]);
  });
});
