const { closeSync, openSync } = require('node:fs');
const { app } = require('@azure/functions');
const df = require('durable-functions');

df.app.activity('greet', { handler: (name) => `Hello ${name}` });
df.app.activity('workerOf', { handler: () => process.pid });
df.app.activity('same', { handler: (input) => input });
df.app.activity('fail', {
  handler: () => {
    throw new TypeError('meant to fail');
  },
});

/* The first run of an instance takes its worker down; which run it is, only a file can tell. */
df.app.activity('exitOnce', { handler: (file) => (claim(file) ? process.exit(1) : 'second time') });
df.app.activity('spinOnce', {
  handler: (file) => {
    while (claim(file) || spinning) spinning = true;
    return 'second time';
  },
});

let spinning = false;
function claim(file) {
  try {
    closeSync(openSync(file, 'wx'));
    return true;
  } catch {
    return false;
  }
}

df.app.orchestration('greetings', function* (context) {
  const greetings = [];
  for (const name of context.df.getInput()) greetings.push(yield context.df.callActivity('greet', name));
  return greetings;
});
df.app.orchestration('fanOut', function* (context) {
  const count = context.df.getInput();
  const tasks = Array.from({ length: count }, (_, index) => context.df.callActivity('same', index));
  const results = yield context.df.Task.all(tasks);
  return results.reduce((sum, value) => sum + value, 0);
});
df.app.orchestration('call', function* (context) {
  const { activity, input } = context.df.getInput();
  try {
    return yield context.df.callActivity(activity, input);
  } catch (error) {
    return { failed: error.message.split('\n')[0] };
  }
});
df.app.orchestration('waits', function* (context) {
  const before = yield context.df.callActivity('greet', 'before');
  const event = yield context.df.waitForExternalEvent('go');
  const after = yield context.df.callActivity('greet', 'after');
  return [before, event, after];
});
df.app.orchestration('rounds', function* (context) {
  const { left, seen } = context.df.getInput();
  const calls = [1, 2, 3].map((n) => context.df.callSubOrchestrator('greetings', [`${left}/${n}`]));
  seen.push(...(yield context.df.Task.all(calls)).flat());
  if (left > 1) context.df.continueAsNew({ left: left - 1, seen });
  return seen;
});

app.http('start', {
  methods: ['POST'],
  route: 'start/{name}',
  extraInputs: [df.input.durableClient()],
  handler: async (request, context) => {
    const client = df.getClient(context);
    const id = await client.startNew(request.params.name, { input: await request.json() });
    return client.createCheckStatusResponse(request, id);
  },
});
app.http('result', {
  route: 'result/{id}',
  extraInputs: [df.input.durableClient()],
  handler: async (request, context) => {
    const status = await df.getClient(context).getStatus(request.params.id);
    return { jsonBody: { status: status.runtimeStatus, output: status.output } };
  },
});
app.http('raise', {
  methods: ['POST'],
  route: 'raise/{id}',
  extraInputs: [df.input.durableClient()],
  handler: async (request, context) => {
    await df.getClient(context).raiseEvent(request.params.id, 'go', await request.json());
    return { status: 202 };
  },
});
