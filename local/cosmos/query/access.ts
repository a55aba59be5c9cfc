import type { Access, ItemTable } from '../store/items';
import { allOf, sql, type Sql } from '../store/sql';
import { conditionSql, constantSql, type Condition } from './conditions';
import type { Narrowing } from './narrow';

/** How many items or entries of an index are worth what. */
export interface AccessLimits {
  /** In a scope of fewer items a query needs no index. */
  readonly indexFrom: number;
  /** So many matches are cheap to read, and to sort, for each page. */
  readonly few: number;
  /** So many entries of an index are cheap to list for each page; where more match, any order meets them soon. */
  readonly many: number;
}

export const DEFAULT_LIMITS: AccessLimits = { indexFrom: 500, few: 1_000, many: 20_000 };

/** Items looked at to find which of several conditions leaves the fewest. */
const SAMPLE = 5_000;
/** An index must leave so many times fewer items than what is there already. */
const WORTH = 4;

/** Where a page of results begins: at the item `row` (its id, or its row id), which sorts by `value`. */
export interface Start {
  readonly row: string | number;
  readonly value: string | number | undefined;
}

export interface AccessRequest {
  readonly table: ItemTable;
  readonly narrowing: Narrowing;
  /** Which items the query may see. */
  readonly slice: Sql;
  /** Whether that is one logical partition: items come in the order of their ids then, else of their row ids. */
  readonly onePartition: boolean;
  /** Whether they come in the order of the narrowing instead. */
  readonly sorted: boolean;
  /** Whether all that match are needed for each page. */
  readonly all: boolean;
  readonly start: Start | undefined;
  readonly limits: AccessLimits;
}

/** A condition with an index over its path. */
interface Candidate {
  readonly condition: Condition;
  /** For FROM: the table, read by that index. */
  readonly from: string;
  /** How many items it leaves, as far as that was counted. */
  readonly matches: number;
}

const isOne = ({ values }: Condition): boolean => values?.length === 1;

/** The condition for the index over its path, which does not hold NULL. */
const indexTerms = (condition: Condition): Sql[] => [
  ...conditionSql(condition),
  sql(`${condition.value} IS NOT NULL`),
];

const scopeOf = ({ onePartition }: AccessRequest): 'pk' | 'all' => (onePartition ? 'pk' : 'all');
const keyOf = ({ onePartition }: AccessRequest): 'id' | 'rid' => (onePartition ? 'id' : 'rid');
const baseOf = ({ slice, narrowing }: AccessRequest): Sql[] => [slice, ...narrowing.terms];

/** For FROM: the table, read in the order of its ids or row ids. */
const inOrder = ({ table, onePartition }: AccessRequest): string =>
  onePartition ? table.keyIndex : `${table.name} NOT INDEXED`;

/** What the index of a condition can use beside it. */
const besideOf = (request: AccessRequest): Sql[] => (request.onePartition ? baseOf(request) : []);

function candidatesOf(request: AccessRequest, limit: number): Candidate[] {
  const { table, narrowing } = request;
  return narrowing.conditions
    .flatMap((condition) => {
      const from = table.paths.reading(scopeOf(request), condition.path);
      if (from === undefined) return [];
      const where = allOf([...besideOf(request), ...indexTerms(condition)]);
      return [{ condition, from, matches: table.count(from, where, limit) }];
    })
    .toSorted((a, b) => a.matches - b.matches || Number(isOne(b.condition)) - Number(isOne(a.condition)));
}

/** Of the conditions without an index, the one that leaves the fewest items; undefined: it is not worth an index. */
function mostSelective(
  request: AccessRequest,
  open: readonly Condition[],
  best: Candidate | undefined,
): Condition | undefined {
  if (!best && open.length === 1) return open[0];
  const { table } = request;
  const weighed = best ? [...open, best.condition] : open;
  const conditions = weighed.map((condition) => allOf(conditionSql(condition)));
  const counts = table.sample(inOrder(request), allOf(baseOf(request)), conditions, SAMPLE);
  const known = best ? (counts.pop() ?? 0) : Infinity;
  const least = Math.min(...counts);
  return least * WORTH <= known ? open[counts.indexOf(least)] : undefined;
}

/** Creates an index if the query would read many items for lack of one. Returns whether it did. */
function advise(request: AccessRequest, candidates: readonly Candidate[]): boolean {
  const { table, narrowing, limits } = request;
  const { paths } = table;
  const [best] = candidates;
  if (!paths.room || (best && best.matches < limits.few)) return false;
  const scope = scopeOf(request);
  const open = narrowing.conditions.filter(
    ({ path, value }) => value !== 'id' && paths.reading(scope, path) === undefined,
  );
  if (open.length === 0) return false;
  const isSmall = (): boolean =>
    table.count(inOrder(request), allOf(baseOf(request)), limits.indexFrom) < limits.indexFrom;
  if (!best && isSmall()) return false;
  const by = request.sorted ? open.find((condition) => condition === narrowing.order?.by) : undefined;
  if (best && !by && !paths.isTurn(scope, open[0]?.path ?? [])) return false;
  const chosen = (best && by) ?? mostSelective(request, open, best);
  return chosen !== undefined && paths.create(scope, chosen.path);
}

/** In the order of the query: by the index over its path, unless few items match another condition. */
function sortedAccess(request: AccessRequest, candidates: readonly Candidate[]): Access {
  const { narrowing, start, limits } = request;
  const { by, descending } = narrowing.order ?? { by: undefined, descending: false };
  if (!by) throw new Error('The query has no order that SQLite knows.');
  const [best] = candidates;
  const chosen =
    best && best.matches < limits.few ? best : (candidates.find(({ condition }) => condition === by) ?? best);
  const terms = narrowing.conditions.flatMap((condition) =>
    condition === chosen?.condition ? indexTerms(condition) : conditionSql(condition),
  );
  if (start?.value !== undefined) {
    const value = constantSql(start.value);
    terms.push(
      sql(`${by.value} ${descending ? '<=' : '>='} ${value.text}`, ...value.parameters),
      sql(`NOT (${by.value} = ${value.text} AND ${keyOf(request)} < ?)`, ...value.parameters, start.row),
    );
  }
  return {
    from: chosen?.from ?? inOrder(request),
    where: allOf([...baseOf(request), ...terms]),
    order: `${by.value}${descending ? ' DESC' : ''}, ${keyOf(request)}`,
  };
}

/** In the order of the ids or row ids: the entries of an index are sorted by them before the items are read. */
function unsortedAccess(request: AccessRequest, candidates: readonly Candidate[]): Access {
  const { narrowing, start, all, limits } = request;
  const key = keyOf(request);
  const from = start ? [sql(`${key} >= ?`, start.row)] : [];
  const [best] = candidates;
  const rest = narrowing.conditions.filter((condition) => condition !== best?.condition);
  const filter = [...baseOf(request), ...rest.flatMap(conditionSql)];
  if (best && isOne(best.condition)) {
    return {
      from: best.from,
      where: allOf([...filter, ...indexTerms(best.condition), ...from]),
      order: key,
    };
  }
  if (best && (all || best.matches < limits.many)) {
    const listed = allOf([...besideOf(request), ...indexTerms(best.condition), ...from]);
    const keys = sql(
      `${key} IN (SELECT ${key} FROM ${best.from} WHERE ${listed.text})`,
      ...listed.parameters,
    );
    return { from: inOrder(request), where: allOf([...filter, keys]), order: key };
  }
  const terms = best ? conditionSql(best.condition) : [];
  return { from: inOrder(request), where: allOf([...filter, ...terms, ...from]), order: key };
}

/**
 * Decides by which index a query's items are read, in an order that depends on the query alone. May create an index:
 * then this one query takes the time of reading all items once.
 */
export function chooseAccess(request: AccessRequest): Access {
  const { few, many } = request.limits;
  let candidates = candidatesOf(request, few);
  if (advise(request, candidates)) candidates = candidatesOf(request, few);
  if (request.sorted) return sortedAccess(request, candidates);
  const [best, second] = candidates;
  const weighs = best !== undefined && (second !== undefined || !isOne(best.condition));
  if (weighs && best.matches >= few) candidates = candidatesOf(request, many);
  return unsortedAccess(request, candidates);
}
