import { ok, type Outcome } from '../errors';
import { parseQueryBody } from './feed';
import type { Reply } from '../http';
import { MAX_EFFECTIVE_KEY } from '../effective-key';
import type { ContainerRecord } from '../store/resources';

/** Begins the queries of a plan: they cover the whole container, whatever range they are sent to. */
const WHOLE = '/*whole container*/ ';

/** Whether a query comes from a plan of this endpoint. */
export function coversContainer(query: string): boolean {
  return query.startsWith(WHOLE);
}

const QUERY_INFO = {
  distinctType: 'None',
  top: null,
  offset: null,
  limit: null,
  orderBy: [],
  orderByExpressions: [],
  groupByExpressions: [],
  groupByAliases: [],
  aggregates: [],
  groupByAliasToAggregateType: {},
  hasSelectValue: false,
  hasNonStreamingOrderBy: false,
};

/**
 * The query plan that clients ask for before each query. This endpoint runs every query as a whole, whatever the
 * number of ranges, so the plan names one range and leaves nothing for the client to merge.
 */
export function readQueryPlan(container: ContainerRecord, body: Buffer): Outcome<Reply> {
  const query = parseQueryBody(body);
  if (!query.ok) return query;
  const max = container.ranges[0]?.max ?? MAX_EFFECTIVE_KEY;
  const plan = {
    partitionedQueryExecutionInfoVersion: 2,
    queryInfo: { ...QUERY_INFO, rewrittenQuery: container.ranges.length > 1 ? WHOLE + query.value.text : '' },
    queryRanges: [{ min: '', max, isMinInclusive: true, isMaxInclusive: false }],
  };
  return ok({ status: 200, body: JSON.stringify(plan) });
}
