import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEngine, type DurableEngine } from '../../../local/durable';
import { loadSdk } from '../../support/durable-sdk';
import { fc } from '../../support/properties';
import { GatedRunner, InProcessRunner, startTestHost } from '../../support/durable-host';

const df = loadSdk();
const PATIENCE_MS = 20_000;

/** How often each step ran. */
const runs = new Map<string, number>();

interface Step {
  key: string;
  /** How often it fails before it does not. */
  failures: number;
}

df.app.activity('Flaky', {
  handler: ({ key, failures }: Step) => {
    const run = (runs.get(key) ?? 0) + 1;
    runs.set(key, run);
    if (run <= failures) throw new Error(`${key} failed`);
    return key;
  },
});

/** Stages one after the other, the steps of a stage side by side. */
df.app.orchestration('Stages', function* (context) {
  const results: unknown[] = [];
  for (const steps of context.df.getInput<Step[][]>() ?? []) {
    const tasks = steps.map((step) => context.df.callActivity('Flaky', step));
    results.push(...((yield context.df.Task.all(tasks)) as unknown[]));
  }
  return results;
});

df.app.orchestration('Caught', function* (context) {
  const { instanceId } = context.df;
  let first: unknown;
  try {
    first = yield context.df.callActivity('Flaky', { key: `${instanceId}-a`, failures: 1 });
  } catch {
    first = 'caught';
  }
  return [
    first,
    (yield context.df.callActivity('Flaky', { key: `${instanceId}-b`, failures: 1 })) as unknown,
  ];
});

df.app.orchestration('Retried', function* (context) {
  const step = { key: context.df.instanceId, failures: 2 };
  return yield context.df.callActivityWithRetry('Flaky', new df.RetryOptions(1, 2), step);
});

/** As many levels of sub-orchestrations as the input says, and a step that fails once at the bottom. */
df.app.orchestration('Nested', function* (context) {
  const left = context.df.getInput<number>() ?? 0;
  const { instanceId } = context.df;
  if (left === 0) return yield context.df.callActivity('Flaky', { key: instanceId, failures: 1 });
  const root = instanceId.split('/')[0];
  return {
    below: (yield context.df.callSubOrchestrator('Nested', left - 1, `${root}/${left - 1}`)) as unknown,
  };
});

let lastId = 0;
const nextId = (): string => `rewound-${++lastId}`;

interface Opened {
  engine: DurableEngine;
  logged: string[];
}

async function inFolder(use: (open: (runner?: InProcessRunner) => Opened) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'headwater-rewind-'));
  const engines: DurableEngine[] = [];
  try {
    await use((runner = new InProcessRunner()) => {
      const logged: string[] = [];
      const log = (text: string): void => void logged.push(text);
      const engine = openEngine({ file: join(folder, 'durable.db'), runner, log, verifyEvery: 2 });
      engine.start();
      engines.push(engine);
      return { engine, logged };
    });
  } finally {
    for (const engine of engines) engine.dispose();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function outcome(engine: DurableEngine, id: string): Promise<{ status?: string; output: unknown }> {
  await engine.whenEnded(id, PATIENCE_MS);
  const row = engine.find(id);
  return { ...(row ? { status: row.status } : {}), output: JSON.parse(row?.output ?? 'null') as unknown };
}

async function failed(engine: DurableEngine, name: string, id: string, input: unknown = null): Promise<void> {
  await engine.startInstance({ name, id, input: JSON.stringify(input) });
  expect((await outcome(engine, id)).status).toBe('Failed');
}

describe('rewind', () => {
  test.each([
    ['goes on', false],
    ['goes on after a restart of the host', true],
  ])('what failed runs again, what did not does not: %s', async (_, restarts) => {
    await inFolder(async (open) => {
      let { engine } = open();
      const id = nextId();
      const step = (name: string, failures: number): Step => ({ key: `${id}-${name}`, failures });
      const stages = [[step('a', 0)], [step('b', 1)], [step('c', 2)]];
      await failed(engine, 'Stages', id, stages);
      for (let attempt = 0; attempt < 3; attempt++) {
        expect(await engine.rewind(id, 'again')).toEqual({ outcome: 'done' });
        if (restarts) {
          engine.dispose();
          ({ engine } = open());
        }
        await outcome(engine, id);
      }
      const keys = ['a', 'b', 'c'].map((name) => `${id}-${name}`);
      expect(await outcome(engine, id)).toEqual({ status: 'Completed', output: keys });
      expect(keys.map((key) => runs.get(key))).toEqual([1, 2, 3]);
    });
  });

  test('a failure that was caught runs again, too, and what follows it takes the next ids', async () => {
    await inFolder(async (open) => {
      const { engine } = open();
      const id = nextId();
      await failed(engine, 'Caught', id);
      await engine.rewind(id, null);
      expect(await outcome(engine, id)).toEqual({ status: 'Completed', output: [`${id}-a`, `${id}-b`] });
    });
  });

  test.each([
    ['goes on', false],
    ['goes on after a restart of the host', true],
  ])('a failed sub-orchestration keeps its instance and is rewound in turn: %s', async (_, restarts) => {
    await inFolder(async (open) => {
      let { engine } = open();
      const id = nextId();
      await failed(engine, 'Nested', id, 2);
      const executions = ['', '/1', '/0'].map((part) => engine.find(id + part)?.execution);
      await engine.rewind(id, 'because');
      if (restarts) {
        engine.dispose();
        ({ engine } = open());
      }
      expect(await outcome(engine, id)).toEqual({
        status: 'Completed',
        output: { below: { below: `${id}/0` } },
      });
      expect(['', '/1', '/0'].map((part) => engine.find(id + part)?.execution)).toEqual(executions);
      const told = ['', '/1', '/0'].map((part) =>
        engine.history(engine.find(id + part)?.seq ?? 0).some(({ events }) => events.includes('"because"')),
      );
      expect(told).toEqual([false, false, true]);
      expect(runs.get(`${id}/0`)).toBe(2);
    });
  });

  test('a sub-orchestration that was purged fails its parent again', async () => {
    await inFolder(async (open) => {
      const { engine, logged } = open();
      const id = nextId();
      await failed(engine, 'Nested', id, 1);
      await engine.purge(`${id}/0`);
      await engine.rewind(id, null);
      const { status, output } = await outcome(engine, id);
      expect(status).toBe('Failed');
      expect(output).toContain(`${id}/0`);
      expect(logged.some((line) => line.includes(`${id}/0`))).toBe(true);
    });
  });

  test('a sub-orchestration that was rewound by itself tells its parent when that is rewound', async () => {
    await inFolder(async (open) => {
      const { engine } = open();
      const id = nextId();
      await failed(engine, 'Nested', id, 1);
      await engine.rewind(`${id}/0`, null);
      expect((await outcome(engine, `${id}/0`)).status).toBe('Completed');
      await engine.rewind(id, null);
      expect(await outcome(engine, id)).toEqual({ status: 'Completed', output: { below: `${id}/0` } });
      expect(runs.get(`${id}/0`)).toBe(2);
    });
  });

  test('what had been retried fails as non-deterministic, with a warning', async () => {
    await inFolder(async (open) => {
      const { engine, logged } = open();
      const id = nextId();
      await failed(engine, 'Retried', id);
      await engine.rewind(id, null);
      const { status, output } = await outcome(engine, id);
      expect(status).toBe('Failed');
      expect(output).toContain('Non-Deterministic workflow detected');
      expect(logged.some((line) => line.includes(id) && line.includes('retried'))).toBe(true);
    });
  });

  test('an orchestrator that there is no more fails it again', async () => {
    await inFolder(async (open) => {
      const { engine } = open();
      const id = nextId();
      await failed(engine, 'Nowhere', id);
      await engine.rewind(id, null);
      expect((await outcome(engine, id)).output).toContain("'Nowhere' doesn't exist");
    });
  });

  test('two at once: one is done, and nothing else can have the instance meanwhile', async () => {
    await inFolder(async (open) => {
      const runner = new GatedRunner();
      const { engine } = open(runner);
      const id = nextId();
      await failed(engine, 'Stages', id, [[{ key: id, failures: 1 }]]);
      const letGo = runner.close(id);
      const [first, second, started, purged, raised, all] = await Promise.all([
        engine.rewind(id, 'one'),
        engine.rewind(id, 'two'),
        engine.startInstance({ name: 'Stages', id, input: null }),
        engine.purge(id),
        engine.raiseEvent(id, 'x', '1'),
        engine.purgeBy({ createdFrom: 0 }),
      ]);
      letGo();
      expect([first.outcome, second.outcome, started.outcome]).toEqual(['done', 'refused', 'conflict']);
      expect([purged.outcome, raised, all]).toEqual(['running', 'ended', 0]);
      expect(await outcome(engine, id)).toEqual({ status: 'Completed', output: [id] });
    });
  });

  test('whatever fails, as often as it does, and with a host that dies: the end is as without failures', async () => {
    const stages = fc.array(fc.array(fc.nat(2), { minLength: 1, maxLength: 3 }), {
      minLength: 1,
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(stages, fc.array(fc.boolean(), { maxLength: 6 }), async (failures, deaths) => {
        await inFolder(async (open) => {
          let { engine } = open();
          const id = nextId();
          const input = failures.map((stage, row) =>
            stage.map((count, column): Step => ({ key: `${id}-${row}-${column}`, failures: count })),
          );
          await engine.startInstance({ name: 'Stages', id, input: JSON.stringify(input) });
          const most = failures.flat().reduce((sum, count) => sum + count, 0);
          let rewinds = 0;
          while ((await outcome(engine, id)).status === 'Failed' && rewinds <= most) {
            await engine.rewind(id, null);
            if (deaths[rewinds++]) {
              engine.dispose();
              ({ engine } = open());
            }
          }
          const steps = input.flat();
          expect(await outcome(engine, id)).toEqual({
            status: 'Completed',
            output: steps.map(({ key }) => key),
          });
          for (const step of steps) expect(runs.get(step.key)).toBeGreaterThan(step.failures);
        });
      }),
      { numRuns: 12 },
    );
  });

  test('the Durable HTTP API shows what was taken from the history', async () => {
    const host = startTestHost();
    try {
      const id = nextId();
      await failed(host.engine, 'Stages', id, [[{ key: id, failures: 1 }]]);
      expect(await host.send('POST', `/instances/${id}/rewind`)).toEqual({
        status: 202,
        headers: {},
        body: '',
      });
      await outcome(host.engine, id);
      const { body } = await host.send('GET', `/instances/${id}?showHistory=true`);
      const { historyEvents } = JSON.parse(body) as { historyEvents: { EventType: string }[] };
      expect(historyEvents.map(({ EventType }) => EventType)).toEqual([
        'ExecutionStarted',
        'GenericEvent',
        'GenericEvent',
        'GenericEvent',
        'GenericEvent',
        'TaskCompleted',
        'ExecutionCompleted',
      ]);
    } finally {
      host.dispose();
    }
  });
});
