import { mapLimited } from '../../clients/once';
import { REPAIR_TYPES, repairInstance } from '../../domain/egress/repair';
import { AT_A_TIME, type Slice, type UpkeepDeps } from './deps';

/** Subscriptions looked at in one run. */
const SUBSCRIPTIONS = 50;

/**
 * Purges repairs of subscriptions that ended long enough ago: goes round the subscriptions, some at a time. Those of a
 * subscription that is removed go with it.
 */
export function createPurgeRepairs({
  subscriptions,
  purgeAfterMs,
  now,
}: UpkeepDeps): (slice: Slice) => Promise<void> {
  let after = '';
  return async ({ instances, report, until }) => {
    const all = (await subscriptions.all()).map(({ subscription }) => subscription.id);
    const some = all
      .filter((id) => id > after)
      .toSorted()
      .slice(0, SUBSCRIPTIONS);
    after = some.length < SUBSCRIPTIONS ? '' : (some.at(-1) ?? '');
    await mapLimited(some, AT_A_TIME, async (id) => {
      for (const instance of REPAIR_TYPES.map((type) => repairInstance(id, type))) {
        if (now().getTime() > until) return;
        try {
          const endedAt = await instances.endedAt(instance);
          if (endedAt && now().getTime() - endedAt.getTime() >= purgeAfterMs) await instances.purge(instance);
        } catch (error) {
          report(`The instance ${instance} could not be purged: ${String(error)}`);
        }
      }
    });
  };
}
