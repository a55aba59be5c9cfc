const { app, output } = require('@azure/functions');
const df = require('durable-functions');

const { GREETING, OVERRIDDEN, AzureWebJobsStorage, AZURE_FUNCTIONS_ENVIRONMENT } = process.env;

app.get('hello', {
  authLevel: 'function',
  handler: (request) => ({
    cookies: [{ name: 'seen', value: 'yes' }],
    jsonBody: {
      hooked: request.params.hooked,
      GREETING,
      OVERRIDDEN,
      AzureWebJobsStorage,
      AZURE_FUNCTIONS_ENVIRONMENT,
    },
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
    return client.waitForCompletionOrCreateCheckStatusResponse(request, id, {
      retryIntervalInMilliseconds: 50,
    });
  },
});

const toHub = output.eventHub({ connection: 'EventHubs', eventHubName: 'others' });
const toCosmos = output.cosmosDB({
  connection: 'Cosmos',
  databaseName: 'db',
  containerName: 'stored',
  createIfNotExists: true,
  partitionKey: '/pk',
});
const toBlob = output.storageBlob({ connection: 'AzureWebJobsStorage', path: 'out/{id}-%HUB%.json' });
app.http('store', {
  methods: ['POST'],
  route: 'store/{id}',
  extraOutputs: [toHub, toCosmos, toBlob],
  handler: async (request, context) => {
    const { events, documents, blob } = await request.json();
    context.extraOutputs.set(toHub, events);
    context.extraOutputs.set(toCosmos, documents);
    context.extraOutputs.set(toBlob, blob);
    return { status: 201 };
  },
});
app.timer('returns', {
  schedule: '0 0 0 1 1 *',
  runOnStartup: true,
  return: output.storageBlob({ connection: 'AzureWebJobsStorage', path: 'out/returned.txt' }),
  handler: () => 'returned',
});
app.get('astray', {
  extraOutputs: [output.eventHub({ connection: 'Nowhere', eventHubName: 'others' })],
  handler: () => ({ body: 'reached' }),
});
