import type { OrchestrationContext, OrchestrationHandler } from 'durable-functions';
import type { EgressActivities } from '../../activities/egress';
import type { LaneTask } from '../../domain/egress/lane';
import { activityCalls } from '../activityCalls';

/**
 * Drains one lane of subscriptions, a bounded time at a time, for as long as there is something to deliver. It starts
 * itself anew each time, so that its history does not grow.
 */
export const deliverChanges: OrchestrationHandler = function* (context: OrchestrationContext) {
  const activities = activityCalls<EgressActivities>(context);
  const task = context.df.getInput<LaneTask>();
  const { worked } = yield* activities.run('drainLane', task);
  if (worked) context.df.continueAsNew(task);
};
