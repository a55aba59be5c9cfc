const { app, trigger } = require('@azure/functions');

/* Tells the test what came. */
const report = (name) => async (item, context) => {
  const body = JSON.stringify({ name, item, metadata: context.triggerMetadata });
  await fetch(process.env.SINK, { method: 'POST', body });
};

app.timer('atStart', { schedule: '0 0 0 1 1 *', runOnStartup: true, handler: report('atStart') });
app.eventHub('events', {
  connection: 'EventHubs',
  eventHubName: '%HUB%',
  consumerGroup: 'readers',
  cardinality: 'many',
  handler: report('events'),
});
app.cosmosDB('changes', {
  connection: 'Cosmos',
  databaseName: 'db',
  containerName: 'things',
  createLeaseContainerIfNotExists: true,
  startFromBeginning: true,
  feedPollDelay: 50,
  handler: report('changes'),
});

/* Not here: they are named, and stop nobody. */
app.generic('counter', {
  trigger: { type: 'entityTrigger', name: 'context', direction: 'in' },
  handler: report('counter'),
});
app.storageQueue('queued', {
  queueName: 'q',
  connection: 'AzureWebJobsStorage',
  handler: report('queued'),
});
app.serviceBusQueue('bus', { queueName: 'q', connection: 'Bus', handler: report('bus') });
app.generic('kafka', { trigger: trigger.generic({ type: 'kafkaTrigger' }), handler: report('kafka') });
