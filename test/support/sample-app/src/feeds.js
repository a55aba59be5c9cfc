const { appendFileSync } = require('node:fs');
const { app } = require('@azure/functions');

const { SINK, FEEDS_FAIL, FEEDS_LOG } = process.env;

/* Tells the test what came, and answers only then: the test sees each run. */
async function report(name, batch, context) {
  const { retryContext: retry, triggerMetadata: metadata } = context;
  if (FEEDS_LOG) appendFileSync(FEEDS_LOG, `${JSON.stringify({ name, batch })}\n`);
  if (SINK) await fetch(SINK, { method: 'POST', body: JSON.stringify({ name, batch, retry, metadata }) });
  if (FEEDS_FAIL === name && (retry?.retryCount ?? 0) < 2) throw new Error('not yet');
}

const feed = (name, options) =>
  app.cosmosDB(name, {
    connection: 'Cosmos',
    databaseName: 'db',
    containerName: '%FEED_CONTAINER%',
    leaseContainerName: 'feed-leases',
    leaseContainerPrefix: `${name}-`,
    createLeaseContainerIfNotExists: true,
    feedPollDelay: 50,
    handler: (changes, context) => report(name, changes, context),
    ...options,
  });

if (process.env.FEED_CONTAINER) {
  feed('changes', { startFromBeginning: true, maxItemsPerInvocation: 5 });
  feed('fromNow', {});
  feed('patient', {
    startFromBeginning: true,
    retry: { strategy: 'fixedDelay', maxRetryCount: 2, delayInterval: { milliseconds: 0 } },
  });
  feed('incomplete', { connection: 'Nowhere' });
  feed('byIdentity', { connection: 'Identity' });
  feed('tooMuch', { changeFeedMode: 'AllVersionsAndDeletes' });
}
