import type { InvocationContext } from '@azure/functions';
import { getClient, type DurableClient } from 'durable-functions';
import { sendAlert } from '../../activities/egress/alert';
import { Comparison } from '../../activities/egress/compare';
import type { EgressDeps } from '../../activities/egress/deps';
import { reconcile } from '../../activities/egress/reconcile';
import type { StoredSubscription } from '../../clients/subscriptions';
import { REPAIR_TYPES, repairInstance } from '../../domain/egress/repair';
import { shardOf } from '../../domain/egress/row';
import { isOwed } from '../../domain/egress/subscription';
import { purgeInstance } from '../ingest/instances';
import { allLanesRun, LaneCalls } from './lanes';

/** Documents compared with rows in one run, and rows read for it: the next run goes on. */
const COMPARED = 500;
const COMPARED_ROWS = 2_000;

/** Rows and attempts of a deleted subscription that one run removes from each of its partitions. */
const REMOVED = 500;

/** How long (ms) a deleted subscription is looked after: whoever still worked for it may have written a row late. */
const KEPT_MS = 60_000;

/**
 * Looks after deliveries: starts drains of rows that are due, finds changes that the feed passed over, has rows looked
 * at again after a filter was changed, sends notices, and removes what deleted subscriptions leave. May run twice.
 */
export function createSweepDeliveries(
  deps: EgressDeps,
  datasets: readonly string[],
): (timer: unknown, context: InvocationContext) => Promise<void> {
  const comparison = new Comparison(deps, datasets);
  return async (_timer, context) => {
    const all = await deps.subscriptions.all();
    if (all.length === 0) return;
    const due = new Set<string>();
    const tend = async (name: string, work: () => Promise<void>): Promise<void> => {
      // One that cannot be tended must not keep the others waiting.
      await work().catch((error: unknown) => context.error(`${name} could not be tended: ${String(error)}`));
    };
    for (const stored of all)
      await tend(`Subscription ${stored.subscription.id}`, () =>
        tendOne(deps, getClient(context), stored, due),
      );
    await tend('What the feed passed over', async () => {
      const owed = all.filter(({ subscription }) => isOwed(subscription)).length;
      if (owed === 0) return;
      const most = Math.max(1, Math.min(COMPARED, Math.floor(COMPARED_ROWS / owed)));
      await comparison.run(most, (pk) => due.add(shardOf(pk).subscription));
    });
    await tend('What is due', async () => {
      if (!all.some(({ subscription }) => subscription.status === 'active')) return;
      // Under load much is due, and to ask for it costs the store as much.
      if (await allLanesRun(getClient(context), deps.egress.lanes)) return;
      for (const id of await deps.deliveries.subscriptionsDue(deps.now().getTime())) due.add(id);
    });
    const calls = new LaneCalls(deps, context);
    for (const { subscription } of all)
      if (subscription.status === 'active' && due.has(subscription.id)) calls.raisedAnywhere(subscription.id);
    await calls.startOthers();
  };
}

async function tendOne(
  deps: EgressDeps,
  client: DurableClient,
  { subscription, etag }: StoredSubscription,
  due: Set<string>,
): Promise<void> {
  const { id, status } = subscription;
  if (status === 'deleted') {
    const isEmpty = await deps.deliveries.removeAll(id, REMOVED);
    const age = deps.now().getTime() - Date.parse(subscription.updatedAt);
    // A repair ends when it finds the subscription deleted. With the document the last hint at it would go.
    if (isEmpty && age > KEPT_MS && (await purgeRepairs(client, id)))
      await deps.subscriptions.remove(id, etag);
    return;
  }
  if (subscription.reconciled < subscription.revision && (await reconcile(deps, subscription))) due.add(id);
  if (subscription.alert && subscription.alert.due <= deps.now().getTime())
    await sendAlert(deps, subscription);
}

/** False: one has not ended yet. */
async function purgeRepairs(client: DurableClient, subscription: string): Promise<boolean> {
  const outcomes = REPAIR_TYPES.map((type) => purgeInstance(client, repairInstance(subscription, type)));
  return (await Promise.all(outcomes)).every((outcome) => outcome === 'gone');
}
