import { app, type HttpMethod } from '@azure/functions';
import * as df from 'durable-functions';
import { createEgressActivities } from '../activities/egress';
import type { EgressDeps } from '../activities/egress/deps';
import type { Config } from '../config';
import { deliverChanges } from '../orchestrators/egress/deliverChanges';
import { repairSubscription } from '../orchestrators/egress/repairSubscription';
import { byId, byToken } from '../triggers/egress/access';
import { createListDeliveries } from '../triggers/egress/deliveries';
import type { SubscriptionDeps, SubscriptionHandler } from '../triggers/egress/deps';
import { createDocumentsChanged } from '../triggers/egress/documentsChanged';
import { DELIVER_CHANGES, waking } from '../triggers/egress/lanes';
import { createListSubscriptions } from '../triggers/egress/listSubscriptions';
import {
  createConfirmSubscription,
  createPauseSubscription,
  createResumeSubscription,
  createRotateSecret,
  createTestSubscription,
} from '../triggers/egress/operations';
import { createRecover, createReplay, getRepair, REPAIR_SUBSCRIPTION } from '../triggers/egress/repairs';
import { createRetryDelivery } from '../triggers/egress/retry';
import {
  createDeleteSubscription,
  createPatchSubscription,
  createPostSubscription,
  getSubscription,
} from '../triggers/egress/subscriptions';
import { createSweepDeliveries } from '../triggers/egress/sweepDeliveries';
import { createSweepTerms } from '../triggers/egress/sweepTerms';
import { durableClient, http } from './http';
import { RETRY_FOR_EVER } from './retry';

/** Registers what looks after subscriptions. */
export function registerSubscriptions(deps: SubscriptionDeps, egress: EgressDeps): void {
  /** One handler on two routes: for operators with a key and the id, for the subscriber with its token. */
  const both = (name: string, method: HttpMethod, path: string, handler: SubscriptionHandler): void => {
    http(name, 'keyed', method, `subscriptions/{subscriptionId}${path}`, byId(deps, handler));
    http(`${name}ByToken`, 'signed', method, `my/subscription${path}`, byToken(deps, handler));
  };

  http('postSubscription', 'keyed', 'POST', 'subscriptions', createPostSubscription(deps));
  http('listSubscriptions', 'keyed', 'GET', 'subscriptions', createListSubscriptions(deps));
  const confirm = createConfirmSubscription(deps);
  http('confirmSubscription', 'signed', 'POST', 'subscriptions/{subscriptionId}/confirm', confirm);
  both('getSubscription', 'GET', '', getSubscription);
  both('patchSubscription', 'PATCH', '', createPatchSubscription(deps));
  both('deleteSubscription', 'DELETE', '', createDeleteSubscription(deps));
  both('testSubscription', 'POST', '/test', createTestSubscription(deps));
  both('rotateSecret', 'POST', '/rotate-secret', createRotateSecret(deps));
  both('pauseSubscription', 'POST', '/pause', createPauseSubscription(deps));
  both('resumeSubscription', 'POST', '/resume', waking(egress, createResumeSubscription(deps)));
  both('listDeliveries', 'GET', '/deliveries', createListDeliveries(egress));
  both('retryDelivery', 'POST', '/deliveries/retry', createRetryDelivery(egress));
  both('recover', 'POST', '/recover', createRecover(egress));
  both('replay', 'POST', '/replay', createReplay(egress));
  both('getRepair', 'GET', '/repairs/{repairId}', getRepair);
}

/** Registers what carries changes to subscribers. */
export function registerDeliveries(
  config: Config,
  deps: SubscriptionDeps,
  egress: EgressDeps,
  datasets: readonly string[],
): void {
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
    maxItemsPerInvocation: 1_000,
    // Else the changes would be left to the sweep.
    retry: RETRY_FOR_EVER,
    extraInputs: [durableClient],
    handler: createDocumentsChanged(egress),
  });
  app.timer('sweepDeliveries', {
    schedule: config.sweepSchedule,
    extraInputs: [durableClient],
    handler: createSweepDeliveries(egress, datasets),
  });
  app.timer('sweepTerms', { schedule: config.sweepSchedule, handler: createSweepTerms(deps) });
}
