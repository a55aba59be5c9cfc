/** Composition root: configuration → clients → registrations. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { app } from '@azure/functions';
import type { EgressDeps } from './activities/egress/deps';
import { RecentDocuments } from './activities/egress/recent';
import { Wake } from './activities/egress/wake';
import { createChains } from './activities/ingress/chain';
import type { IngressDeps } from './activities/ingress/deps';
import { Pressure } from './activities/ingress/pressure';
import { Priority } from './activities/priority';
import type { LedgerDeps } from './activities/ledger/deps';
import { countLedger } from './activities/ledger/ledger';
import { createBatches } from './clients/batches';
import { createBlobs } from './clients/blobs';
import { createClaims } from './clients/claims';
import { openCosmos } from './clients/cosmos';
import { createDeliveries } from './clients/deliveries';
import { createDocuments } from './clients/documents';
import { createRecordsHub } from './clients/hub';
import { createIngressHub } from './clients/ingressHub';
import { createLeases } from './clients/leases';
import { createPackets } from './clients/packets';
import { createRows } from './clients/rows';
import { loadSchemas } from './clients/schemas';
import { createSecrets } from './clients/secrets';
import { createSubscriptions } from './clients/subscriptions';
import { createVersions } from './clients/versions';
import { createWebhooks } from './clients/webhooks';
import { readConfig } from './config';
import { registerDeliveries, registerSubscriptions } from './functions/egress';
import { http } from './functions/http';
import { registerIngest } from './functions/ingest';
import { registerIngress } from './functions/ingress';
import { registerUpkeep } from './functions/upkeep';
import type { SubscriptionDeps } from './triggers/egress/deps';
import type { TriggerDeps } from './triggers/ingest/deps';
import type { IngressTriggerDeps } from './triggers/ingress/deps';
import { createGetLedger } from './triggers/ledger/getLedger';

/** How long (ms) the start waits for containers that are being made. */
const RESOURCES_MS = 5_000;

/** Before the ledger looks again at what seems wrong (ms): time for a replica that is behind. */
const LEDGER_PAUSE_MS = 500;

const config = readConfig(process.env);
const blobs = createBlobs(config.storage, config.createResources);
const cosmos = openCosmos(config.cosmos, config.createResources);
const batches = createBatches(cosmos.batches);
const documents = createDocuments(cosmos.documents, (times) => pressure.throttled(times));
const subscriptions = createSubscriptions(cosmos.subscriptions);
const schemas = loadSchemas(join(__dirname, '..', 'schemas'), blobs);
const secrets = createSecrets(config.egress.encryptionKey);
const webhooks = createWebhooks({
  allowLocal: config.egress.allowLocalWebhooks,
  timeoutMs: config.egress.timeoutMs,
});
const datasets = [...schemas.all.keys()];
const now = (): Date => new Date();
const priority = new Priority();

const ingest: TriggerDeps = {
  config,
  blobs,
  batches,
  documents,
  hub: createRecordsHub(config.eventHubs),
  schemas,
  uploads: { maxBytes: config.limits.uploadBytes, maxRecords: config.limits.uploadRecords },
  groupConcurrency: config.groupConcurrency,
  markerTtlSeconds: config.markerTtlSeconds,
  fanOut: config.fanOut,
  priority,
  now,
};

const ingressHub = createIngressHub({ ...config.eventHubs, ...config.ingress });
const chained: IngressDeps = {
  hub: ingressHub,
  claims: createClaims(cosmos.batches),
  blobs,
  batches,
  now,
};
const packets = createPackets(ingressHub, config.ingress.pauseMs);
const pressure = new Pressure({
  hub: ingressHub,
  claims: chained.claims,
  batches,
  packets,
  limits: config.limits,
  now,
});
const ingress: IngressTriggerDeps = {
  ingest,
  ingress: chained,
  chains: createChains(chained),
  packets,
  pressure,
  priority,
};

const egress: EgressDeps = {
  egress: config.egress,
  subscriptions,
  deliveries: createDeliveries(cosmos.deliveries),
  documents,
  recent: new RecentDocuments(),
  webhooks,
  secretsOf: (subscription, at) => secrets.secretsOf(subscription, at.getTime()),
  wake: new Wake(),
  priority,
  now,
};

const owners: SubscriptionDeps = {
  config,
  subscriptions,
  secrets,
  schemas,
  webhooks,
  now,
  sleep: (ms) => sleep(ms),
};

const ledger: LedgerDeps = {
  blobs,
  batches,
  documents,
  versions: createVersions(cosmos.documents),
  rows: createRows(cosmos.deliveries),
  subscriptions,
  leases: createLeases(cosmos.leases),
  hub: ingressHub,
  claims: chained.claims,
  datasets,
  now,
  pause: () => sleep(LEDGER_PAUSE_MS),
};

// The trigger of the change feed does not start without its container. A store that is away must not keep the app from
// starting, though: whoever uses a container makes it as well.
app.hook.appStart(async () => {
  await Promise.race([cosmos.ready().catch(() => undefined), sleep(RESOURCES_MS, undefined, { ref: false })]);
});

registerIngest(ingest, chained.claims, pressure);
registerIngress(ingress);
registerSubscriptions(owners, egress);
registerDeliveries(config, owners, egress, datasets);
const { purgeAfterMs, markerTtlSeconds } = config;
registerUpkeep(config, { blobs, batches, subscriptions, purgeAfterMs, markerTtlSeconds, now });
const getLedger = createGetLedger(() => countLedger(ledger));
http('getLedger', 'keyed', 'GET', 'ledger', getLedger);
