import type { InvocationContext } from '@azure/functions';
import { Problem } from '../../domain/problem';
import { resumeTerm } from './change';
import type { SubscriptionDeps } from './deps';

/** Completes terms whose beginning was cut off between its two writes. May run twice, and beside the requests. */
export function createSweepTerms(
  deps: SubscriptionDeps,
): (timer: unknown, context: InvocationContext) => Promise<void> {
  return async (_timer, context) => {
    const before = (deps.now().getTime() - deps.config.sweepAfterMs) / 1000;
    for (const stored of await deps.subscriptions.all()) {
      const { id, termDue, status } = stored.subscription;
      if (!termDue || status === 'deleted' || stored.ts > before) continue;
      try {
        await resumeTerm(deps, stored);
      } catch (error) {
        // One that cannot be tended must not keep the others waiting; a deleted one needs nothing.
        if (!(error instanceof Problem))
          context.error(`Subscription ${id} could not be tended: ${String(error)}`);
      }
    }
  };
}
