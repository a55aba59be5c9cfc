/**
 * A process that runs the durable engine on a given store, to be killed at any moment.
 * Arguments: the store's file, the file to which each activity appends a line before it answers.
 */
import { appendFileSync } from 'node:fs';
import { openEngine } from '../../local/durable';
import { loadSdk } from './durable-sdk';
import { InProcessRunner } from './durable-host';

const [, , file = '', journal = ''] = process.argv;
const df = loadSdk();

df.app.activity('Note', {
  handler: async ({ id, step }: { id: string; step: number }) => {
    await new Promise((resolve) => setTimeout(resolve, (step * 7 + id.length) % 5));
    appendFileSync(journal, `${id}/${step}\n`);
    return step;
  },
});

df.app.activity('Fail', {
  handler: ({ id, step }: { id: string; step: number }) => {
    appendFileSync(journal, `${id}/${step}\n`);
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

interface Round {
  round: number;
  seen: number[];
}

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

const engine = openEngine({
  file,
  runner: new InProcessRunner(20),
  verifyEvery: 7,
  maxConcurrentActivities: 16,
});
engine.start();

type Request = { type: 'start' | 'raise'; id: string; name?: string } | { type: 'status'; ids: string[] };

async function handle(request: Request): Promise<void> {
  switch (request.type) {
    case 'start':
      await engine.startInstance({ name: request.name ?? 'Work', id: request.id, input: null });
      process.send?.({ type: 'started', id: request.id });
      return;
    case 'raise':
      process.send?.({
        type: 'raised',
        id: request.id,
        result: await engine.raiseEvent(request.id, 'Go', '9'),
      });
      return;
    case 'status': {
      await Promise.all(request.ids.map((id) => engine.whenEnded(id, 60_000)));
      const rows = request.ids.map((id) => {
        const { status, output } = engine.find(id) ?? { status: 'missing', output: null };
        return { id, status, output };
      });
      process.send?.({ type: 'status', rows });
    }
  }
}

process.on('message', (request: Request) => void handle(request));
process.on('disconnect', () => process.exit(0));
process.send?.({ type: 'ready' });
