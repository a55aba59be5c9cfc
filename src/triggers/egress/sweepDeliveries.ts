import type { InvocationContext } from '@azure/functions';
import { sendAlert } from '../../activities/egress/alert';
import { Comparison } from '../../activities/egress/compare';
import type { EgressDeps } from '../../activities/egress/deps';
import { reconcile } from '../../activities/egress/reconcile';
import type { StoredSubscription } from '../../clients/subscriptions';
import { isOwed } from '../../domain/egress/subscription';
import { wakeLanes } from './documentsChanged';

/** Documents compared with rows in one run; the next run goes on. */
const COMPARED = 500;

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
      await tend(`Subscription ${stored.subscription.id}`, () => tendOne(deps, stored, due));
    await tend('What the feed passed over', async () => {
      if (!all.some(({ subscription }) => isOwed(subscription))) return;
      for (const id of await comparison.run(COMPARED)) due.add(id);
    });
    await tend('What is due', async () => {
      for (const id of await deps.deliveries.subscriptionsDue(deps.now().getTime())) due.add(id);
    });
    const active = all.filter(
      ({ subscription }) => subscription.status === 'active' && due.has(subscription.id),
    );
    await wakeLanes(
      deps,
      context,
      active.map(({ subscription }) => subscription.id),
    );
  };
}

async function tendOne(
  deps: EgressDeps,
  { subscription, etag }: StoredSubscription,
  due: Set<string>,
): Promise<void> {
  const { id, status } = subscription;
  if (status === 'deleted') {
    const isEmpty = await deps.deliveries.removeAll(id, REMOVED);
    const age = deps.now().getTime() - Date.parse(subscription.updatedAt);
    if (isEmpty && age > KEPT_MS) await deps.subscriptions.remove(id, etag);
    return;
  }
  if (subscription.reconciled < subscription.revision && (await reconcile(deps, subscription))) due.add(id);
  if (subscription.alert && subscription.alert.due <= deps.now().getTime())
    await sendAlert(deps, subscription);
}
