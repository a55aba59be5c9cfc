import type { InvocationContext } from '@azure/functions';
import { getClient } from 'durable-functions';
import type { EgressDeps } from '../../activities/egress/deps';
import { oweChanges } from '../../activities/egress/owe';
import type { StoredDocument } from '../../domain/egress/document';
import { laneOf } from '../../domain/egress/lane';
import type { SubscriptionHandler } from './deps';
import { startLane } from './lanes';

/** Function of the change feed of `documents`: the feed moves on only when this has stored what is owed. */
export function createDocumentsChanged(
  deps: EgressDeps,
): (items: unknown[], context: InvocationContext) => Promise<void> {
  return async (items, context) => {
    const documents = items.filter(isDocument);
    for (const document of documents) deps.recent.add(document);
    await wakeLanes(deps, context, await oweChanges(deps, documents));
  };
}

/** Tells the drains of these subscriptions, and starts those that do not run here. */
export async function wakeLanes(
  { egress, wake }: Pick<EgressDeps, 'egress' | 'wake'>,
  context: InvocationContext,
  subscriptions: Iterable<string>,
): Promise<void> {
  const asleep = new Set<number>();
  for (const id of subscriptions) {
    const lane = laneOf(id, egress.lanes);
    if (!wake.notify(lane, id)) asleep.add(lane);
  }
  for (const lane of asleep) {
    await startLane(getClient(context), { lane, lanes: egress.lanes }).catch((error: unknown) => {
      // What is owed is stored: the sweep starts it.
      context.warn(`Lane ${lane} was not started; the sweep will start it. ${String(error)}`);
    });
  }
}

/** A handler after which the subscription's drain is told to look. */
export function waking(
  deps: Pick<EgressDeps, 'egress' | 'wake'>,
  handler: SubscriptionHandler,
): SubscriptionHandler {
  return async (stored, request, context) => {
    const answer = await handler(stored, request, context);
    await wakeLanes(deps, context, [stored.subscription.id]);
    return answer;
  };
}

/** Markers lie beside the documents and are nobody's business. */
function isDocument(item: unknown): item is StoredDocument {
  return typeof item === 'object' && item !== null && '_hw' in item;
}
