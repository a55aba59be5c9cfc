import type { Page } from './run';

/** How long a page took, in milliseconds. */
export interface QueryTimes {
  readonly compiling: number;
  readonly executing: number;
}

/**
 * The text of the header `x-ms-documentdb-query-metrics`, of which
 * https://learn.microsoft.com/azure/cosmos-db/nosql/query-metrics lists the fields. The times of steps that this
 * endpoint does not take one by one are 0.
 */
export function formatMetrics(
  { texts, bytes, retrieved }: Page,
  { compiling, executing }: QueryTimes,
): string {
  // Where nothing was read, nothing was read in vain.
  const ratio = retrieved.count === 0 ? 1 : retrieved.matched / retrieved.count;
  const fields: readonly (readonly [name: string, value: string])[] = [
    ['totalExecutionTimeInMs', (compiling + executing).toFixed(2)],
    ['queryCompileTimeInMs', compiling.toFixed(2)],
    ['queryLogicalPlanBuildTimeInMs', '0.00'],
    ['queryPhysicalPlanBuildTimeInMs', '0.00'],
    ['queryOptimizationTimeInMs', '0.00'],
    ['VMExecutionTimeInMs', executing.toFixed(2)],
    ['indexLookupTimeInMs', '0.00'],
    ['documentLoadTimeInMs', '0.00'],
    ['systemFunctionExecuteTimeInMs', '0.00'],
    ['userFunctionExecuteTimeInMs', '0.00'],
    ['retrievedDocumentCount', String(retrieved.count)],
    ['retrievedDocumentSize', String(retrieved.bytes)],
    ['outputDocumentCount', String(texts.length)],
    ['outputDocumentSize', String(bytes)],
    ['writeOutputTimeInMs', '0.00'],
    ['indexUtilizationRatio', ratio.toFixed(2)],
  ];
  return fields.map((field) => field.join('=')).join(';');
}
