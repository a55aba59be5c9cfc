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

const engine = openEngine({
  file,
  runner: new InProcessRunner(20),
  verifyEvery: 7,
  maxConcurrentActivities: 16,
});
engine.start();

type Request = { type: 'start' | 'raise'; id: string } | { type: 'status'; ids: string[] };

async function handle(request: Request): Promise<void> {
  switch (request.type) {
    case 'start':
      await engine.startInstance({ name: 'Work', id: request.id, input: null });
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
