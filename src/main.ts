/** Composition root: configuration → clients → registrations. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { app, type HttpMethod } from '@azure/functions';
import * as df from 'durable-functions';
import { createEgressActivities } from './activities/egress';
import type { EgressDeps } from './activities/egress/deps';
import { RecentDocuments } from './activities/egress/recent';
import { Wake } from './activities/egress/wake';
import { createIngestActivities } from './activities/ingest';
import type { LedgerDeps } from './activities/ledger/deps';
import { countLedger } from './activities/ledger/ledger';
import { createBatches } from './clients/batches';
import { createBlobs } from './clients/blobs';
import { openCosmos } from './clients/cosmos';
import { createDeliveries } from './clients/deliveries';
import { createDocuments } from './clients/documents';
import { createRecordsHub } from './clients/hub';
import { createLeases } from './clients/leases';
import { createRows } from './clients/rows';
import { loadSchemas } from './clients/schemas';
import { createSecrets } from './clients/secrets';
import { createSubscriptions } from './clients/subscriptions';
import { createVersions } from './clients/versions';
import { createWebhooks } from './clients/webhooks';
import { readConfig } from './config';
import { deliverChanges } from './orchestrators/egress/deliverChanges';
import { repairSubscription } from './orchestrators/egress/repairSubscription';
import { ingestBatch } from './orchestrators/ingest/ingestBatch';
import { createListDeliveries } from './triggers/egress/deliveries';
import { createDocumentsChanged } from './triggers/egress/documentsChanged';
import { DELIVER_CHANGES } from './triggers/egress/lanes';
import { createSweepDeliveries } from './triggers/egress/sweepDeliveries';
import { byId, byToken } from './triggers/egress/access';
import { createRecover, createReplay, getRepair, REPAIR_SUBSCRIPTION } from './triggers/egress/repairs';
import { createRetryDelivery } from './triggers/egress/retry';
import type { SubscriptionDeps, SubscriptionHandler } from './triggers/egress/deps';
import { createListSubscriptions } from './triggers/egress/listSubscriptions';
import {
  createConfirmSubscription,
  createPauseSubscription,
  createResumeSubscription,
  createRotateSecret,
  createTestSubscription,
} from './triggers/egress/operations';
import {
  createDeleteSubscription,
  createPatchSubscription,
  createPostSubscription,
  getSubscription,
} from './triggers/egress/subscriptions';
import { createSweepTerms } from './triggers/egress/sweepTerms';
import { answering, type Handler } from './triggers/http';
import { createGetDataset, createGetDocument, createListDatasets } from './triggers/ingest/datasets';
import type { TriggerDeps } from './triggers/ingest/deps';
import { createGetBatch } from './triggers/ingest/getBatch';
import { createGetRecords } from './triggers/ingest/getRecords';
import { createGetStatus, createTerminate } from './triggers/ingest/links';
import { createPostBatch, INGEST_BATCH } from './triggers/ingest/postBatch';
import { createSweepBatches, createSweepInbox } from './triggers/ingest/sweep';
import { createSweepVerdicts } from './triggers/ingest/sweepVerdicts';
import { createGetLedger } from './triggers/ledger/getLedger';

/** How long (ms) the start waits for containers that are being made. */
const RESOURCES_MS = 5_000;

const config = readConfig(process.env);
const blobs = createBlobs(config.storage, config.createResources);
const cosmos = openCosmos(config.cosmos, config.createResources);

const deps: TriggerDeps = {
  config,
  blobs,
  batches: createBatches(cosmos.batches),
  documents: createDocuments(cosmos.documents),
  hub: createRecordsHub(config.eventHubs),
  schemas: loadSchemas(join(__dirname, '..', 'schemas'), blobs),
  groupConcurrency: config.groupConcurrency,
  markerTtlSeconds: config.markerTtlSeconds,
  fanOut: config.fanOut,
  now: () => new Date(),
};

/** Before the ledger looks again at what seems wrong: time for a replica that is behind. */
const LEDGER_PAUSE_MS = 500;

const secrets = createSecrets(config.egress.encryptionKey);

const egress: EgressDeps = {
  egress: config.egress,
  subscriptions: createSubscriptions(cosmos.subscriptions),
  deliveries: createDeliveries(cosmos.deliveries),
  documents: deps.documents,
  recent: new RecentDocuments(),
  webhooks: createWebhooks({
    allowLocal: config.egress.allowLocalWebhooks,
    timeoutMs: config.egress.timeoutMs,
  }),
  secretsOf: (subscription, now) => secrets.secretsOf(subscription, now.getTime()),
  wake: new Wake(),
  now: deps.now,
};

const ledger: LedgerDeps = {
  blobs,
  batches: deps.batches,
  documents: deps.documents,
  versions: createVersions(cosmos.documents),
  rows: createRows(cosmos.deliveries),
  subscriptions: egress.subscriptions,
  leases: createLeases(cosmos.leases),
  datasets: [...deps.schemas.all.keys()],
  now: deps.now,
  pause: () => sleep(LEDGER_PAUSE_MS),
};

const subscriptionDeps: SubscriptionDeps = {
  config,
  subscriptions: egress.subscriptions,
  secrets,
  schemas: deps.schemas,
  webhooks: egress.webhooks,
  now: deps.now,
  sleep: (ms) => sleep(ms),
};

// The trigger of the change feed does not start without its container. A store that is away must not keep the app from
// starting, though: whoever uses a container makes it as well.
app.hook.appStart(async () => {
  await Promise.race([cosmos.ready().catch(() => undefined), sleep(RESOURCES_MS, undefined, { ref: false })]);
});

const durableClient = df.input.durableClient();

/** `keyed` routes are checked by the platform; `signed` ones carry their own proof, and the platform lets them through. */
function http(
  name: string,
  access: 'keyed' | 'signed',
  method: HttpMethod,
  route: string,
  handler: Handler,
): void {
  app.http(name, {
    methods: [method],
    route,
    authLevel: access === 'keyed' ? 'function' : 'anonymous',
    extraInputs: [durableClient],
    handler: answering(handler),
  });
}

http('postBatch', 'keyed', 'POST', 'datasets/{dataset}/batches', createPostBatch(deps));
http('getBatch', 'keyed', 'GET', 'batches/{batchId}', createGetBatch(deps));
http('getRecords', 'keyed', 'GET', 'batches/{batchId}/records', createGetRecords(deps));
http('getStatus', 'signed', 'GET', 'batches/{batchId}/status', createGetStatus(deps));
http('terminate', 'signed', 'POST', 'batches/{batchId}/terminate', createTerminate(deps));
http('listDatasets', 'keyed', 'GET', 'datasets', createListDatasets(deps));
http('getDataset', 'keyed', 'GET', 'datasets/{dataset}', createGetDataset(deps));
http('getDocument', 'keyed', 'GET', 'datasets/{dataset}/documents/{*key}', createGetDocument(deps));
http(
  'getLedger',
  'keyed',
  'GET',
  'ledger',
  createGetLedger(() => countLedger(ledger)),
);

/** One handler on two routes: for operators with a key and the id, for the subscriber with its token. */
function subscriptionHttp(
  name: string,
  method: HttpMethod,
  path: string,
  handler: SubscriptionHandler,
): void {
  http(name, 'keyed', method, `subscriptions/{subscriptionId}${path}`, byId(subscriptionDeps, handler));
  http(`${name}ByToken`, 'signed', method, `my/subscription${path}`, byToken(subscriptionDeps, handler));
}

http('postSubscription', 'keyed', 'POST', 'subscriptions', createPostSubscription(subscriptionDeps));
http('listSubscriptions', 'keyed', 'GET', 'subscriptions', createListSubscriptions(subscriptionDeps));
http(
  'confirmSubscription',
  'signed',
  'POST',
  'subscriptions/{subscriptionId}/confirm',
  createConfirmSubscription(subscriptionDeps),
);
subscriptionHttp('getSubscription', 'GET', '', getSubscription);
subscriptionHttp('patchSubscription', 'PATCH', '', createPatchSubscription(subscriptionDeps));
subscriptionHttp('deleteSubscription', 'DELETE', '', createDeleteSubscription(subscriptionDeps));
subscriptionHttp('testSubscription', 'POST', '/test', createTestSubscription(subscriptionDeps));
subscriptionHttp('rotateSecret', 'POST', '/rotate-secret', createRotateSecret(subscriptionDeps));
subscriptionHttp('pauseSubscription', 'POST', '/pause', createPauseSubscription(subscriptionDeps));
subscriptionHttp('resumeSubscription', 'POST', '/resume', createResumeSubscription(subscriptionDeps));
subscriptionHttp('listDeliveries', 'GET', '/deliveries', createListDeliveries(egress));
subscriptionHttp('retryDelivery', 'POST', '/deliveries/retry', createRetryDelivery(egress));
subscriptionHttp('recover', 'POST', '/recover', createRecover(egress));
subscriptionHttp('replay', 'POST', '/replay', createReplay(egress));
subscriptionHttp('getRepair', 'GET', '/repairs/{repairId}', getRepair);

df.app.orchestration(INGEST_BATCH, ingestBatch);
for (const [name, handler] of Object.entries(createIngestActivities(deps)))
  df.app.activity(name, { handler });

app.timer('sweepBatches', {
  schedule: config.sweepSchedule,
  extraInputs: [durableClient],
  handler: createSweepBatches(deps),
});
app.timer('sweepTerms', { schedule: config.sweepSchedule, handler: createSweepTerms(subscriptionDeps) });
app.timer('sweepVerdicts', { schedule: config.sweepSchedule, handler: createSweepVerdicts(deps) });
app.timer('sweepInbox', { schedule: '0 */5 * * * *', handler: createSweepInbox(deps) });

df.app.orchestration(DELIVER_CHANGES, deliverChanges);
df.app.orchestration(REPAIR_SUBSCRIPTION, repairSubscription);
for (const [name, handler] of Object.entries(createEgressActivities(egress)))
  df.app.activity(name, { handler });

app.cosmosDB('documentsChanged', {
  connection: 'Cosmos',
  databaseName: config.cosmos.database,
  containerName: 'documents',
  leaseContainerName: 'leases',
  createLeaseContainerIfNotExists: config.createResources,
  startFromBeginning: true,
  feedPollDelay: config.feedPollMs,
  maxItemsPerInvocation: 500,
  // Without a policy, or after its last retry, the platform moves on: the changes would be left to the sweep.
  retry: {
    strategy: 'exponentialBackoff',
    maxRetryCount: -1,
    minimumInterval: { seconds: 1 },
    maximumInterval: { seconds: 30 },
  },
  extraInputs: [durableClient],
  handler: createDocumentsChanged(egress),
});
app.timer('sweepDeliveries', {
  schedule: config.sweepSchedule,
  extraInputs: [durableClient],
  handler: createSweepDeliveries(egress, [...deps.schemas.all.keys()]),
});
