const { app } = require('@azure/functions');
const df = require('durable-functions');

const { GREETING, OVERRIDDEN, AzureWebJobsStorage } = process.env;

app.get('hello', {
  authLevel: 'function',
  handler: (request) => ({
    cookies: [{ name: 'seen', value: 'yes' }],
    jsonBody: { hooked: request.params.hooked, GREETING, OVERRIDDEN, AzureWebJobsStorage },
  }),
});
app.post('raw', {
  handler: async (request) => ({ body: Buffer.from(await request.arrayBuffer()).reverse() }),
});
app.get('off', { handler: () => ({ body: 'reached' }) });
app.get('administered', { authLevel: 'admin', handler: () => ({ body: 'opened' }) });

df.app.activity('double', { handler: (n) => 2 * n });
df.app.orchestration('doubles', function* (context) {
  const tasks = context.df.getInput().map((n) => context.df.callActivity('double', n));
  return yield context.df.Task.all(tasks);
});
app.post('start', {
  extraInputs: [df.input.durableClient()],
  handler: async (request, context) => {
    const client = df.getClient(context);
    const id = await client.startNew('doubles', { input: await request.json() });
    return client.waitForCompletionOrCreateCheckStatusResponse(request, id);
  },
});
