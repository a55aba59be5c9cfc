import type { EgressDeps } from '../../activities/egress/deps';
import { knownRows, type Change, type StoredRow } from '../../clients/storedRow';
import { retry } from '../../domain/egress/progress';
import type { DeliveryRow } from '../../domain/egress/row';
import { statusOf, type DeliveryStatus } from '../../domain/egress/status';
import type { Subscription } from '../../domain/egress/subscription';
import { Problem } from '../../domain/problem';
import { json } from '../http';
import { objectOf } from './body';
import { describeDelivery, rowsOfKey } from './deliveries';
import { checkDataset, checkKey, invalidParameter, membersOf } from './deliveryParameters';
import type { SubscriptionHandler } from './deps';
import { wakeLane } from './lanes';

type RetryDeps = Pick<EgressDeps, 'deliveries' | 'egress' | 'wake' | 'now'>;

/** Why there is nothing to retry. */
const REASONS: Readonly<Record<DeliveryStatus, string>> = {
  due: 'It is due already, and sent as soon as the subscription is active and it is its turn.',
  trying: 'A request is under way. Wait for its answer.',
  waiting: 'It was tried again meanwhile.',
  deadLettered: 'What was given up is no longer so: a newer version was settled.',
  delivered: 'Nothing is owed.',
};

/** `POST /api/subscriptions/{id}/deliveries/retry` with `{dataset?, key}`: at once instead of after a pause, or afresh. */
export function createRetryDelivery(deps: RetryDeps): SubscriptionHandler {
  return async ({ subscription }, request, context) => {
    const body = await objectOf(request);
    const { dataset, key } = membersOf<{ dataset: string; key: string }>(body, {
      dataset: checkDataset,
      key: checkKey,
    });
    if (key === undefined) throw invalidParameter('key', '"key" is required.');
    const stored = await rowOf(deps, subscription, dataset, key);
    const row = await retryRow(deps, stored, key);
    if (subscription.status === 'active') await wakeLane(deps, context, subscription.id);
    return json(200, await describeDelivery(deps, row, deps.now().getTime()));
  };
}

const unknown = (key: string): Problem =>
  new Problem(
    'unknown-delivery',
    `Nothing was ever owed to this subscription about "${key.slice(0, 100).toWellFormed()}".`,
  );

async function rowOf(
  deps: RetryDeps,
  subscription: Subscription,
  dataset: string | undefined,
  key: string,
): Promise<StoredRow> {
  const [found, other] = await rowsOfKey(deps, subscription, dataset, key);
  if (!found) throw unknown(key);
  if (other)
    throw invalidParameter(
      'dataset',
      'Several data sets have a document of this key: name one as "dataset".',
    );
  return found;
}

async function retryRow(
  { deliveries, now }: RetryDeps,
  stored: StoredRow,
  key: string,
): Promise<DeliveryRow> {
  let seen: DeliveryRow | undefined;
  const [retried] = await deliveries.change(knownRows([stored]), (row): Change => {
    seen = row;
    const next = row && retry(row, now().getTime());
    return next && { row: next };
  });
  if (retried) return retried.row;
  if (!seen) throw unknown(key);
  const deliveryStatus = statusOf(seen, now().getTime());
  throw new Problem('nothing-to-retry', REASONS[deliveryStatus], { deliveryStatus });
}
