import type { OrchestrationContext, OrchestrationHandler } from 'durable-functions';
import type { EgressActivities } from '../../activities/egress';
import type { RepairTask } from '../../domain/egress/repair';
import { activityCalls } from '../activityCalls';

/**
 * Repairs a subscription's deliveries slice by slice. It starts itself anew after each one, so that its history does not
 * grow, and a crash repeats one slice at most. Its custom status tells how far it is, its output the same at the end.
 */
export const repairSubscription: OrchestrationHandler = function* (context: OrchestrationContext) {
  const activities = activityCalls<EgressActivities>(context);
  const task = context.df.getInput<RepairTask>();
  context.df.setCustomStatus(task.counts);
  const { position, counts } = yield* activities.run('repairSlice', task);
  if (!position) return counts;
  context.df.continueAsNew({ ...task, position, counts });
  return undefined;
};
