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
import { findUnnoticed } from './unnoticed';

const ROWS = 1_000;

export interface SubscriptionCounts extends DeliveryCounts {
  readonly id: string;
  readonly status: Subscription['status'];
  readonly balanced: boolean;
}

/**
 * Counts, for each subscription, what became of the versions it is owed, and looks for versions that are owed and that no
 * row knows of.
 */
export async function countDeliveries(deps: LedgerDeps, faults: Faults): Promise<SubscriptionCounts[]> {
  // First of all: what the feed has handled by now must be found in the rows that are read after this.
  const leases = await deps.leases.all();
  const all = (await deps.subscriptions.all()).map(({ subscription }) => subscription);
  // The rows of a deleted one are being removed.
  const counted = all.filter(({ status }) => status !== 'deleted');
  const sums = new Map<string, DeliveryCounts>();
  for (const { id } of counted) sums.set(id, await addUp(deps, id, faults));
  await findUnnoticed(deps, counted, leases, faults);
  return counted.map(({ id, status }) => {
    const counts = sums.get(id) ?? noDeliveries();
    return { id, status, ...counts, balanced: deliveriesAddUp(counts) && faults.none('subscription', id) };
  });
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
