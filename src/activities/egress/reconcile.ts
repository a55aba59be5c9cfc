import { knownRows } from '../../clients/storedRow';
import { recheck } from '../../domain/egress/progress';
import { SHARDS, shardPartition } from '../../domain/egress/row';
import type { Subscription } from '../../domain/egress/subscription';
import { changeSubscription } from './health';
import type { EgressDeps } from './deps';

/** Rows of one partition that are looked at in one run. */
const SLICE = 200;

/**
 * After a subscription's data sets or filter were changed, has the rows that were told something looked at again, some
 * at a time: what no longer matches is told `removed`. May run twice.
 * @returns whether a row is due now
 */
export async function reconcile(
  deps: Pick<EgressDeps, 'subscriptions' | 'deliveries' | 'now'>,
  { id, revision }: Subscription,
): Promise<boolean> {
  let found = 0;
  for (let shard = 0; shard < SHARDS; shard++) {
    const pk = shardPartition(id, shard);
    const rows = await deps.deliveries.outdated(pk, revision, SLICE);
    found += rows.length;
    await deps.deliveries.change(knownRows(rows), (row) =>
      row && row.revision < revision ? { row: recheck(row, revision, deps.now().getTime()) } : undefined,
    );
  }
  if (found === 0) {
    await changeSubscription(deps, id, (current) =>
      current.revision === revision ? { reconciled: revision } : undefined,
    );
  }
  return found > 0;
}
