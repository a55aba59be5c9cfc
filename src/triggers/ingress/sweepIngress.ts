import type { InvocationContext } from '@azure/functions';
import { getClient } from 'durable-functions';
import type { IngressTriggerDeps } from './deps';
import { starter } from './recordsArrived';

/**
 * Looks after the hub: claims what no trigger has delivered, and makes batches of claims that were left without. May run
 * twice, and beside the trigger.
 */
export function createSweepIngress({ ingress, chains }: IngressTriggerDeps) {
  return async (_timer: unknown, context: InvocationContext): Promise<void> => {
    const start = starter(getClient(context), context);
    for (const partition of await ingress.hub.partitions()) {
      try {
        await chains.claimLeftBehind(partition, start);
      } catch (error) {
        // One partition that cannot be tended must not keep the others waiting.
        context.error(`Partition ${partition} of the hub could not be tended: ${String(error)}`);
      }
    }
  };
}
