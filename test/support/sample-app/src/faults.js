const { app, output } = require('@azure/functions');

/* Handlers that take their worker process down. */
app.http('exits', { handler: () => process.exit(3) });
app.http('crashes', {
  handler: () =>
    new Promise(() => {
      setImmediate(() => {
        throw new Error('outside of any handler');
      });
    }),
});
app.http('spins', {
  handler: () => {
    for (;;);
  },
});
app.http('hangs', {
  handler: async () => {
    const body = JSON.stringify({ name: 'hangs', pid: process.pid });
    if (process.env.SINK) await fetch(process.env.SINK, { method: 'POST', body });
    return new Promise(() => undefined);
  },
});

/* This host has no such bindings: the others must run all the same. */
app.http('enqueues', {
  extraOutputs: [output.storageQueue({ queueName: 'q', connection: 'AzureWebJobsStorage' })],
  handler: () => ({ body: 'sent?' }),
});
app.storageQueue('queued', { queueName: 'q', connection: 'AzureWebJobsStorage', handler: () => undefined });
