import type { EgressDeps } from './deps';
import { createDrainLane } from './drainLane';
import { createRepairSlice } from './repairSlice';

/** The activities of deliveries, by the names they are registered under. Each may run twice. */
export function createEgressActivities(deps: EgressDeps) {
  return {
    drainLane: createDrainLane(deps),
    repairSlice: createRepairSlice(deps),
  };
}

export type EgressActivities = ReturnType<typeof createEgressActivities>;
