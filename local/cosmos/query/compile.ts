import { fail, ok, type Failure, type Outcome } from '../errors';
import type { JsonObject } from '../partition-key';
import type { Query } from './ast';
import { compileExpression, truthy, type Environment, type Row, Scope } from './expression';
import { QueryError } from './lexer';
import { parsePredicate, parseQuery } from './parser';
import { compilePlan, subqueryEvaluator, type Plan } from './plan';

/** A compiled query and what it was compiled from. */
export interface CompiledQuery {
  readonly query: Query;
  readonly plan: Plan;
}

/** A compiled condition on an item. */
export type Predicate = (item: JsonObject) => boolean;

/** An item that is already parsed. */
export function rowOf(doc: JsonObject): Row {
  return { id: doc['id'], doc };
}

export function newEnvironment(
  row: Row,
  parameters: ReadonlyMap<string, unknown>,
  clock: () => number,
): Environment {
  return { row, slots: [], parameters, aggregates: [], clock, used: { rows: 0 } };
}

/** What a client is told of a query that cannot be answered. */
export function queryFailure({ reason, message }: QueryError): Failure {
  return fail(reason === 'unsupported' ? 'NotImplemented' : 'BadRequest', message);
}

function attempt<T>(compile: () => T): Outcome<T> {
  try {
    return ok(compile());
  } catch (error) {
    if (error instanceof QueryError) return queryFailure(error);
    // The stack: a chain of many thousand operators.
    if (error instanceof RangeError) return fail('BadRequest', 'The query is too complex.');
    throw error;
  }
}

const MAX_CACHED = 500;
const MAX_CACHED_TEXT = 16 * 1024;
const cache = new Map<string, CompiledQuery>();

/** Compiles a query; texts that were compiled before come from a bounded cache. */
export function compileQuery(text: string): Outcome<CompiledQuery> {
  const cached = cache.get(text);
  if (cached) {
    // Re-insertion makes the map an LRU list.
    cache.delete(text);
    cache.set(text, cached);
    return ok(cached);
  }
  return attempt(() => {
    const query = parseQuery(text);
    const compiled = { query, plan: compilePlan(query) };
    if (text.length <= MAX_CACHED_TEXT) {
      if (cache.size >= MAX_CACHED) cache.delete(cache.keys().next().value ?? '');
      cache.set(text, compiled);
    }
    return compiled;
  });
}

/** Compiles `FROM c WHERE …`, the condition of a patch. */
export function compilePredicate(text: string): Outcome<Predicate> {
  return attempt(() => {
    const query = parsePredicate(text);
    const alias = query.sources[0]?.alias ?? 'c';
    const scope = new Scope(new Map([[alias, 'row']]), subqueryEvaluator);
    const condition = query.where ? compileExpression(query.where, scope) : () => true;
    return (item: JsonObject) => truthy(condition(newEnvironment(rowOf(item), new Map(), () => Date.now())));
  });
}
