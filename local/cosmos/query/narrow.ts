import type { SQLInputValue } from 'node:sqlite';
import { keyText, type KeyComponent, type PartitionKeyDefinition, splitPath } from '../partition-key';
import type { Expression, Query } from './ast';
import { compileExpression, Scope, type Environment } from './expression';
import { subqueryEvaluator } from './plan';
import type { Value } from './values';

/** A condition for SQLite that holds for every item which the query may accept: a superset, evaluated again. */
export interface Narrowing {
  readonly sql: string;
  readonly parameters: readonly SQLInputValue[];
  /** Whether at most a known, small number of items can match. */
  readonly byId: boolean;
  /** Whether all of them lie in one logical partition. */
  readonly onePartition: boolean;
}

function conjuncts(expression: Expression | undefined): Expression[] {
  if (!expression) return [];
  if (expression.kind !== 'binary' || expression.operator !== 'AND') return [expression];
  return [...conjuncts(expression.left), ...conjuncts(expression.right)];
}

/** The names of `c.a.b`, when `c` is the container's alias. */
function pathOf(expression: Expression, alias: string): string[] | undefined {
  if (expression.kind === 'identifier') return expression.name === alias ? [] : undefined;
  if (expression.kind !== 'member' || expression.name.kind !== 'literal') return undefined;
  const owner = pathOf(expression.of, alias);
  const name = expression.name.value;
  return owner && typeof name === 'string' ? [...owner, name] : undefined;
}

function isConstant(expression: Expression): boolean {
  if (expression.kind === 'array') return expression.items.every(isConstant);
  return expression.kind === 'literal' || expression.kind === 'parameter';
}

interface Equality {
  readonly path: readonly string[];
  /** The values that the path may have, one of them. */
  readonly values: Value[];
}

function evaluateConstant(expression: Expression, env: Environment): Value {
  return compileExpression(expression, new Scope(new Map(), subqueryEvaluator))(env);
}

function equalityOf(term: Expression, alias: string, env: Environment): Equality | undefined {
  if (term.kind === 'binary' && term.operator === '=') {
    for (const [side, other] of [
      [term.left, term.right],
      [term.right, term.left],
    ] as const) {
      const path = pathOf(side, alias);
      if (path && isConstant(other)) return { path, values: [evaluateConstant(other, env)] };
    }
  }
  if (term.kind === 'in' && term.list.every(isConstant)) {
    const path = pathOf(term.value, alias);
    return path && { path, values: term.list.map((item) => evaluateConstant(item, env)) };
  }
  if (term.kind === 'call' && term.name === 'ARRAY_CONTAINS' && term.args.length === 2) {
    const [list, value] = term.args;
    const path = value && pathOf(value, alias);
    if (!path || !list || !isConstant(list)) return undefined;
    const values = evaluateConstant(list, env);
    return { path, values: Array.isArray(values) ? (values as Value[]) : [] };
  }
  return undefined;
}

const isKeyComponent = (value: Value): value is KeyComponent =>
  value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';

/** The partition key that the query's equalities pin down. */
function keyOf(equalities: readonly Equality[], definition: PartitionKeyDefinition): string | undefined {
  const key: KeyComponent[] = [];
  for (const path of definition.paths) {
    const names = splitPath(path);
    const pinned = equalities.find(
      (equality) =>
        equality.values.length === 1 &&
        equality.path.length === names.length &&
        equality.path.every((name, i) => name === names[i]),
    );
    const value = pinned?.values[0];
    if (!pinned || !isKeyComponent(value)) return undefined;
    key.push(value);
  }
  return keyText(key);
}

/**
 * Finds what of the query's condition SQLite can use: ids, and the partition key.
 * Anything else is left to the evaluator, which decides alone. `given`: the request names its partition;
 * `keyIndex`: table and index over (pk, id), for FROM.
 */
export function narrow(
  query: Query,
  definition: PartitionKeyDefinition,
  env: Environment,
  given: boolean,
  keyIndex: string,
): Narrowing {
  const [source] = query.sources;
  const sql: string[] = [];
  const parameters: SQLInputValue[] = [];
  let byId = false;
  let onePartition = false;
  if (source && source.of.kind === 'identifier' && !source.iterate) {
    const equalities = conjuncts(query.where).flatMap((term) => equalityOf(term, source.alias, env) ?? []);
    const pk = keyOf(equalities, definition);
    if (pk !== undefined) {
      onePartition = true;
      sql.push('pk = ?');
      parameters.push(pk);
    }
    const ids = equalities.find(({ path }) => path.length === 1 && path[0] === 'id');
    if (ids) {
      byId = true;
      const listed = 'id IN (SELECT value FROM json_each(?))';
      // Without the partition key the ids are found in the index alone, not in the table with its bodies.
      sql.push(onePartition || given ? listed : `rid IN (SELECT rid FROM ${keyIndex} WHERE ${listed})`);
      parameters.push(JSON.stringify(ids.values.filter((id) => typeof id === 'string')));
    }
  }
  return { sql: sql.join(' AND '), parameters, byId, onePartition };
}
