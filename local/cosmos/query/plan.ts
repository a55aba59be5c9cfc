import type { JsonObject } from '../partition-key';
import { createAccumulator, type Accumulator } from './aggregates';
import type { Expression, Query, Selection } from './ast';
import { built } from './bounds';
import { compileExpression, Scope, truthy, type Environment, type Evaluator } from './expression';
import { QueryError } from './lexer';
import { compileSources } from './sources';
import { canonical, compareValues, setProperty, type Value } from './values';

/** Most rows that a query may hold in memory at once (ORDER BY, GROUP BY, DISTINCT). */
const MAX_BUFFERED = 2_000_000;

/** A query as a chain of closures. */
export interface Plan {
  /** True when each row has its own results, which come in the order of the rows or in that of ORDER BY. */
  readonly rowwise: boolean;
  /** True when each result is the row's item itself, so that its stored text can be the answer. */
  readonly wholeItem: boolean;
  /** TOP or LIMIT; undefined: none. */
  readonly limit: (env: Environment) => number | undefined;
  readonly offset: (env: Environment) => number;
  /** The results of one row, without OFFSET and LIMIT; only where {@link rowwise}. */
  readonly resultsOf: (env: Environment) => Value[];
  /** Whether the row itself passes FROM and WHERE; only where {@link wholeItem}. */
  readonly accepts: (env: Environment) => boolean;
  /**
   * All results in order, OFFSET and LIMIT applied; `env` carries the parameters. `onMatch` is called for each row that
   * passes FROM and WHERE.
   */
  readonly collect: (rows: Iterable<Environment>, env: Environment, onMatch?: () => void) => Value[];
}

function nameOf(value: Expression, number: number): string {
  if (value.kind === 'identifier') return value.name;
  if (value.kind === 'member' && value.name.kind === 'literal' && typeof value.name.value === 'string') {
    return value.name.value;
  }
  return `$${number}`;
}

function compileSelection(selection: Selection, query: Query, scope: Scope): Evaluator {
  switch (selection.kind) {
    case 'all': {
      const [only] = query.sources;
      if (!only || query.sources.length > 1) {
        throw new QueryError("'SELECT *' is only valid with a single input set.");
      }
      return compileExpression({ kind: 'identifier', name: only.alias }, scope);
    }
    case 'value':
      return compileExpression(selection.value, scope);
    case 'list': {
      let unnamed = 0;
      const items = selection.items.map(({ value, alias }) => {
        const name = alias ?? nameOf(value, unnamed + 1);
        if (alias === undefined && name === `$${unnamed + 1}`) unnamed++;
        return [name, compileExpression(value, scope)] as const;
      });
      return (env) => {
        const object: JsonObject = {};
        for (const [name, evaluate] of items) {
          const value = evaluate(env);
          if (value !== undefined) setProperty(object, name, value);
        }
        return built(object);
      };
    }
    default:
      return selection satisfies never;
  }
}

function compileCount(expression: Expression | undefined, scope: Scope, what: string): Evaluator | undefined {
  if (!expression) return undefined;
  if (expression.kind !== 'literal' && expression.kind !== 'parameter') {
    throw new QueryError(`${what} must be a number or a parameter.`);
  }
  return compileExpression(expression, scope);
}

function countOf(evaluate: Evaluator | undefined, env: Environment): number | undefined {
  if (!evaluate) return undefined;
  const value = evaluate(env);
  return typeof value === 'number' && value >= 0 ? Math.trunc(value) : 0;
}

function push<T>(list: T[], item: T): void {
  if (list.length >= MAX_BUFFERED) throw new QueryError('The query needs too many rows in memory.');
  list.push(item);
}

function compareLists(a: readonly Value[], b: readonly Value[]): number {
  for (let i = 0; i < a.length; i++) {
    const order = compareValues(a[i], b[i]);
    if (order !== 0) return order;
  }
  return 0;
}

interface Group {
  readonly env: Environment;
  readonly keys: readonly Value[];
  readonly accumulators: Accumulator[];
}

/**
 * Gathers rows by their GROUP BY values; without GROUP BY there is one group, even of no rows. Groups come in the order
 * of those values.
 */
function grouped(
  rows: Iterable<Environment>,
  keys: readonly Evaluator[],
  aggregates: NonNullable<Scope['aggregates']>,
  empty: Environment,
): Environment[] {
  const groups = new Map<string, Group>();
  const create = (env: Environment, values: readonly Value[]): Group => ({
    env,
    keys: values,
    accumulators: aggregates.map(({ name }) => createAccumulator(name)),
  });
  if (keys.length === 0) groups.set('', create(empty, []));
  for (const env of rows) {
    const values = keys.map((evaluate) => evaluate(env));
    const key = values.map(canonical).join(',');
    let group = groups.get(key);
    if (!group) {
      if (groups.size >= MAX_BUFFERED) throw new QueryError('The query needs too many rows in memory.');
      groups.set(key, (group = create(env, values)));
    }
    for (let i = 0; i < aggregates.length; i++) group.accumulators[i]?.add(aggregates[i]?.of(env));
  }
  const ordered = [...groups.values()].sort((a, b) => compareLists(a.keys, b.keys));
  return ordered.map(({ env, accumulators }) => ({
    ...env,
    aggregates: accumulators.map((accumulator) => accumulator.result()),
  }));
}

function sorted(
  rows: readonly Environment[],
  keys: readonly { by: Evaluator; descending: boolean }[],
): readonly Environment[] {
  if (keys.length === 0) return rows;
  const keyed = rows.map((env) => ({ env, values: keys.map(({ by }) => by(env)) }));
  keyed.sort((a, b) => {
    for (let i = 0; i < keys.length; i++) {
      const order = compareValues(a.values[i], b.values[i]);
      if (order !== 0) return keys[i]?.descending ? -order : order;
    }
    return 0;
  });
  return keyed.map(({ env }) => env);
}

function distinctOf(values: Iterable<Value>): Value[] {
  const seen = new Map<string, Value>();
  for (const value of values) {
    const text = canonical(value);
    if (!seen.has(text)) seen.set(text, value);
  }
  return [...seen.values()];
}

function buildPlan(query: Query, outer: Scope, outermost: boolean): Plan {
  const scope = outer.child();
  const expand = compileSources(query, scope, outermost);
  const where = query.where ? compileExpression(query.where, scope) : undefined;
  const groupKeys = query.groupBy.map((key) => compileExpression(key, scope));
  scope.aggregates = [];
  const select = compileSelection(query.selection, query, scope);
  const orderKeys = query.orderBy.map(({ by, descending }) => ({
    by: compileExpression(by, scope),
    descending,
  }));
  const { aggregates } = scope;
  const aggregated = aggregates.length > 0 || groupKeys.length > 0;
  const top = compileCount(query.top, scope, 'TOP');
  const limit = compileCount(query.limit, scope, 'LIMIT');
  const offset = compileCount(query.offset, scope, 'OFFSET');
  const selected = query.selection;
  const wholeItem =
    expand === undefined &&
    query.sources.length === 1 &&
    (selected.kind === 'all' ||
      (selected.kind === 'value' &&
        selected.value.kind === 'identifier' &&
        scope.find(selected.value.name) === 'row'));
  const accepts = (env: Environment): boolean => !where || truthy(where(env));

  const matching = function* (env: Environment): Generator<Environment> {
    if (!expand) {
      if (accepts(env)) yield env;
    } else for (const one of expand(env)) if (accepts(one)) yield one;
  };
  const all = function* (rows: Iterable<Environment>, onMatch?: () => void): Generator<Environment> {
    for (const row of rows) {
      let isFirst = true;
      for (const one of matching(row)) {
        if (isFirst) onMatch?.();
        isFirst = false;
        yield one;
      }
    }
  };
  const resultsOf = (env: Environment): Value[] =>
    Array.from(matching(env), select).filter((value) => value !== undefined);

  const collect: Plan['collect'] = (rows, env, onMatch) => {
    const kept: Environment[] = [];
    if (aggregated) kept.push(...grouped(all(rows, onMatch), groupKeys, aggregates, env));
    else for (const row of all(rows, onMatch)) push(kept, row);
    let results: Value[] = sorted(kept, orderKeys)
      .map(select)
      .filter((value) => value !== undefined);
    if (query.distinct) results = distinctOf(results);
    const from = countOf(offset, env) ?? 0;
    const most = countOf(top, env) ?? countOf(limit, env);
    return most === undefined ? results.slice(from) : results.slice(from, from + most);
  };

  return {
    rowwise: !aggregated && !query.distinct,
    wholeItem,
    limit: (env) => countOf(top, env) ?? countOf(limit, env),
    offset: (env) => countOf(offset, env) ?? 0,
    resultsOf,
    accepts,
    collect,
  };
}

/** How a query inside an expression is evaluated: per row, over what the row holds. */
export function subqueryEvaluator(
  query: Query,
  form: 'scalar' | 'array' | 'exists',
  scope: Scope,
): Evaluator {
  const plan = buildPlan(query, scope, false);
  return (env) => {
    const results = plan.collect([env], env);
    if (form === 'exists') return results.length > 0;
    return form === 'array' ? built(results) : results[0];
  };
}

/** Compiles a whole query. @throws QueryError */
export function compilePlan(query: Query): Plan {
  return buildPlan(query, new Scope(new Map(), subqueryEvaluator), true);
}
