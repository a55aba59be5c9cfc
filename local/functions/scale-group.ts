import type { FunctionMetadata } from './protocol';
import { triggerOf } from './router';

/**
 * What is scaled together on the plan Flex Consumption, and so runs in processes of its own: HTTP functions, and those
 * of Durable Functions. There each further one has its own, too; here they share one.
 * https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan#per-function-scaling
 */
export const SCALE_GROUPS = ['http', 'durable', 'others'] as const;
export type ScaleGroup = (typeof SCALE_GROUPS)[number];

export function scaleGroupOf(fn: FunctionMetadata): ScaleGroup {
  const type = triggerOf(fn)?.type.toLowerCase() ?? '';
  if (type === 'httptrigger') return 'http';
  return /^(orchestration|activity|entity)trigger$/.test(type) ? 'durable' : 'others';
}
