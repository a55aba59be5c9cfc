import { ok, type Outcome } from '../errors';
import { parseQueryBody } from './feed';
import type { Reply } from '../http';
import { MAX_EFFECTIVE_KEY } from '../effective-key';
import type { ContainerRecord } from '../store/catalog';

const PLAN = JSON.stringify({
  partitionedQueryExecutionInfoVersion: 2,
  queryInfo: {
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
    rewrittenQuery: '',
    hasSelectValue: false,
    hasNonStreamingOrderBy: false,
  },
  queryRanges: [{ min: '', max: MAX_EFFECTIVE_KEY, isMinInclusive: true, isMaxInclusive: false }],
});

/**
 * The query plan that clients ask for before each query. This endpoint runs every query as a whole, whatever the
 * number of ranges, so the plan leaves nothing for the client to merge.
 */
export function readQueryPlan(_container: ContainerRecord, body: Buffer): Outcome<Reply> {
  const query = parseQueryBody(body);
  return query.ok ? ok({ status: 200, body: PLAN }) : query;
}
