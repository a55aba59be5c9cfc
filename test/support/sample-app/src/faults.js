const { app } = require('@azure/functions');

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
app.http('hangs', { handler: () => new Promise(() => undefined) });

/* This host has no such trigger: the others must run all the same. */
app.storageQueue('queued', { queueName: 'q', connection: 'AzureWebJobsStorage', handler: () => undefined });
