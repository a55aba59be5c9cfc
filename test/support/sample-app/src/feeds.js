const { app, CosmosDBChangeFeedMode } = require('@azure/functions');

const { SINK, FEED_CONTAINER, FEED_MODES, FEED_HUB, FEEDS_FAIL } = process.env;

/* Tells the test what came, and answers only then: the test sees each run. */
const report = (name) => async (batch, context) => {
  const { retryContext: retry, triggerMetadata: metadata } = context;
  await fetch(SINK, {
    method: 'POST',
    body: JSON.stringify({ name, batch, retry, metadata, bytes: isBytes(batch) }),
  });
  if (JSON.stringify(batch).includes('poison')) throw new Error('poison');
  if (FEEDS_FAIL === name && (retry?.retryCount ?? 0) < 2) throw new Error('not yet');
};

const isBytes = (batch) =>
  Array.isArray(batch) && batch.length > 0 && batch.every((body) => Buffer.isBuffer(body));

const retry = { strategy: 'fixedDelay', maxRetryCount: 2, delayInterval: { milliseconds: 0 } };

const feed = (name, options) =>
  app.cosmosDB(name, {
    connection: 'Cosmos',
    databaseName: 'db',
    containerName: '%FEED_CONTAINER%',
    leaseContainerName: 'feed-leases',
    leaseContainerPrefix: `${name}-`,
    createLeaseContainerIfNotExists: true,
    feedPollDelay: 50,
    handler: report(name),
    ...options,
  });

const hub = (name, options) =>
  app.eventHub(name, {
    connection: 'EventHubs',
    eventHubName: '%FEED_HUB%',
    consumerGroup: name,
    handler: report(name),
    ...options,
  });

if (FEED_CONTAINER && !FEED_MODES) {
  feed('changes', { startFromBeginning: true, maxItemsPerInvocation: 5 });
  feed('fromNow', {});
  feed('patient', { startFromBeginning: true, retry });
  feed('unsaid', { connection: 'Nowhere' });
}

if (FEED_MODES) {
  for (const [name, mode] of Object.entries(JSON.parse(FEED_MODES)))
    feed(name, { changeFeedMode: CosmosDBChangeFeedMode[mode], maxItemsPerInvocation: 5 });
}

if (FEED_HUB) {
  hub('events', { cardinality: 'many' });
  hub('eachEvent', { retry });
  hub('asBytes', { cardinality: 'many', dataType: 'binary' });
  hub('unsaidHub', { connection: 'Nowhere' });
}
