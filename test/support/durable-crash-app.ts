/** The app of the process that is killed: orchestrations whose ends tell whether anything was lost or done twice. */
import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { loadSdk } from './durable-sdk';

interface Round {
  round: number;
  seen: number[];
}

export interface Branching {
  depth: number;
  width: number;
}

/**
 * Registers the functions.
 *
 * @param folder where activities append a line to `journal` for each run, and keep what is broken and what is mended
 */
export function registerApp(df: ReturnType<typeof loadSdk>, folder: string): void {
  registerWork(df, folder);
  registerFamily(df);
  registerBroken(df, folder);
}

function registerWork(df: ReturnType<typeof loadSdk>, folder: string): void {
  df.app.activity('Note', {
    handler: async ({ id, step }: { id: string; step: number }) => {
      await new Promise((resolve) => setTimeout(resolve, (step * 7 + id.length) % 5));
      appendFileSync(join(folder, 'journal'), `${id}/${step}\n`);
      return step;
    },
  });

  df.app.activity('Fail', {
    handler: ({ id, step }: { id: string; step: number }) => {
      appendFileSync(join(folder, 'journal'), `${id}/${step}\n`);
      throw new Error('always');
    },
  });

  /** Activities one after the other and side by side, a retried failure, a timer, an event that is raised early. */
  df.app.orchestration('Work', function* (context) {
    const id = context.df.instanceId;
    const { df: durable } = context;
    let sum = 0;
    for (let step = 1; step <= 3; step++) sum += Number(yield durable.callActivity('Note', { id, step }));
    const side = [4, 5, 6, 7].map((step) => durable.callActivity('Note', { id, step }));
    for (const result of (yield durable.Task.all(side)) as number[]) sum += result;
    try {
      yield durable.callActivityWithRetry('Fail', new df.RetryOptions(10, 2), { id, step: 8 });
    } catch {
      sum += 8;
    }
    yield durable.createTimer(new Date(durable.currentUtcDateTime.getTime() + 20));
    const event = (yield durable.waitForExternalEvent('Go')) as number;
    sum += event;
    sum += Number(yield durable.callActivity('Note', { id, step: 10 }));
    return sum;
  });
}

function registerFamily(df: ReturnType<typeof loadSdk>): void {
  /** Fails the first attempt of each child that is tried again: those have ids of their own. */
  df.app.orchestration('Kid', function* (context) {
    const { df: durable } = context;
    const { id, step, left, failing } = durable.getInput<{
      id: string;
      step: number;
      left: number;
      failing: boolean;
    }>() ?? { id: '', step: 0, left: 0, failing: false };
    yield durable.callActivity('Note', { id: durable.instanceId, step: left });
    if (failing && durable.instanceId.endsWith(':1')) throw new Error('first attempt');
    if (left > 0) durable.continueAsNew({ id, step, left: left - 1, failing });
    return step;
  });

  /** Rounds that continue as new: children side by side, one that is tried again, one that continues as new itself. */
  df.app.orchestration('Family', function* (context) {
    const { df: durable } = context;
    const { round, seen } = durable.getInput<Round>() ?? { round: 1, seen: [] };
    const kid = (step: number, left: number, failing = false) => ({
      id: durable.instanceId,
      step,
      left,
      failing,
    });
    const results = (yield durable.Task.all([
      durable.callSubOrchestrator('Kid', kid(round * 10 + 1, 0)),
      durable.callSubOrchestratorWithRetry('Kid', new df.RetryOptions(5, 2), kid(round * 10 + 2, 0, true)),
      durable.callSubOrchestrator('Kid', kid(round * 10 + 3, 2), `${durable.instanceId}-named-${round}`),
    ])) as number[];
    seen.push(...results);
    const last = (yield durable.callSubOrchestrator('Kid', kid(round * 10 + 4, 0))) as number;
    seen.push(last);
    if (round < 3) durable.continueAsNew({ round: round + 1, seen });
    return seen;
  });
}

function registerBroken(df: ReturnType<typeof loadSdk>, folder: string): void {
  /** Fails until it is mended, which its operator does before a rewind. */
  df.app.activity('Step', {
    handler: (key: string) => {
      if (existsSync(join(folder, `${key}.mended`))) return key;
      writeFileSync(join(folder, `${key}.broken`), '');
      throw new Error(`${key} is broken`);
    },
  });

  df.app.orchestration('Steps', function* (context) {
    const { df: durable } = context;
    const keys: unknown[] = [];
    for (let left = durable.getInput<number>() ?? 0; left > 0; left--)
      keys.push(yield durable.callActivity('Step', `${durable.instanceId}.${left}`));
    return keys;
  });

  /** A tree whose leaves have one step each; one leaf at a time is under way. */
  df.app.orchestration('Branch', function* (context) {
    const { df: durable } = context;
    const { depth, width } = durable.getInput<Branching>() ?? { depth: 0, width: 0 };
    const { instanceId: id } = durable;
    if (depth === 0) return [(yield durable.callActivity('Step', `${id}.step`)) as unknown];
    const keys: unknown[] = [];
    for (let n = 0; n < width; n++) {
      const below = { depth: depth - 1, width };
      keys.push(...((yield durable.callSubOrchestrator('Branch', below, `${id}.${n}`)) as unknown[]));
    }
    return keys;
  });

  /** Trees that fail while others are under way. */
  df.app.orchestration('SideBySide', function* (context) {
    const { df: durable } = context;
    const below = { depth: 1, width: 2 };
    const trees = [0, 1, 2].map((n) =>
      durable.callSubOrchestrator('Branch', below, `${durable.instanceId}.${n}`),
    );
    return ((yield durable.Task.all(trees)) as unknown[][]).flat();
  });

  df.app.orchestration('Short', function* (context) {
    const step = context.df.getInput<number>() ?? 0;
    return yield context.df.callActivity('Note', { id: context.df.instanceId, step });
  });

  df.app.orchestration('Waiter', function* (context) {
    yield context.df.waitForExternalEvent('Go');
  });
}
