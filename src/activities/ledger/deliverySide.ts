import { SHARDS, shardPartition } from '../../domain/egress/row';
import type { Subscription } from '../../domain/egress/subscription';
import type { Faults } from '../../domain/ledger/faults';
import {
  addRow,
  checkRow,
  deliveriesAddUp,
  noDeliveries,
  type DeliveryCounts,
} from '../../domain/ledger/rows';
import type { LedgerDeps } from './deps';

const ROWS = 1_000;

export interface SubscriptionCounts extends DeliveryCounts {
  readonly id: string;
  readonly status: Subscription['status'];
  readonly balanced: boolean;
}

/** Counts, for each subscription, what became of the versions that it is owed. */
export async function countDeliveries(
  deps: LedgerDeps,
  subscriptions: readonly Subscription[],
  faults: Faults,
): Promise<SubscriptionCounts[]> {
  const sums: { subscription: Subscription; counts: DeliveryCounts }[] = [];
  for (const subscription of subscriptions)
    sums.push({ subscription, counts: await addUp(deps, subscription.id, faults) });
  return sums.map(({ subscription: { id, status }, counts }) => ({
    id,
    status,
    ...counts,
    balanced: deliveriesAddUp(counts) && faults.none('subscription', id),
  }));
}

async function addUp({ rows, now }: LedgerDeps, id: string, faults: Faults): Promise<DeliveryCounts> {
  let counts = noDeliveries();
  for (let shard = 0; shard < SHARDS; shard++) {
    for (let continuation: string | undefined; ;) {
      const page = await rows.page(shardPartition(id, shard), ROWS, continuation);
      const at = now().getTime();
      for (const row of page.rows) {
        counts = addRow(counts, row, at);
        const fault = checkRow(row);
        if (fault) faults.add(fault);
      }
      continuation = page.continuation;
      if (continuation === undefined) break;
    }
  }
  return counts;
}
