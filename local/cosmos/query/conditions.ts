import { pathSql } from '../store/path-indexes';
import { SYSTEM_PROPERTIES } from '../store/items';
import { sql, type Sql } from '../store/sql';
import type { Expression } from './ast';
import { compileExpression, Scope, type Environment } from './expression';
import { subqueryEvaluator } from './plan';
import { compareValues, type Value } from './values';

/** What one term of a condition says about the value at a path of the item; bounds belong to the range. */
export interface Term {
  readonly path: readonly string[];
  /** It is equal to one of these. */
  readonly values?: readonly Value[];
  readonly lower?: Value;
  readonly upper?: Value;
}

function conjuncts(expression: Expression | undefined): Expression[] {
  if (!expression) return [];
  if (expression.kind !== 'binary' || expression.operator !== 'AND') return [expression];
  return [...conjuncts(expression.left), ...conjuncts(expression.right)];
}

/** The names of `c.a.b`, when `c` is the container's alias. */
export function pathOf(expression: Expression, alias: string): string[] | undefined {
  if (expression.kind === 'identifier') return expression.name === alias ? [] : undefined;
  if (expression.kind !== 'member' || expression.name.kind !== 'literal') return undefined;
  const owner = pathOf(expression.of, alias);
  const name = expression.name.value;
  return owner && typeof name === 'string' ? [...owner, name] : undefined;
}

function isConstant(expression: Expression): boolean {
  if (expression.kind === 'array') return expression.items.every(isConstant);
  if (expression.kind === 'unary') return isConstant(expression.operand);
  return expression.kind === 'literal' || expression.kind === 'parameter';
}

const MIRRORED = { '=': '=', '<': '>', '<=': '>=', '>': '<', '>=': '<=' } as const;

function comparison(path: readonly string[], operator: keyof typeof MIRRORED, value: Value): Term {
  if (operator === '=') return { path, values: [value] };
  return operator.startsWith('<') ? { path, upper: value } : { path, lower: value };
}

const LAST_ASCII = 0x7f;

/** The strings that begin with `prefix` are from `lower` to `upper`. */
function prefixRange(path: readonly string[], prefix: Value): Term | undefined {
  if (typeof prefix !== 'string' || prefix === '') return undefined;
  const last = prefix.charCodeAt(prefix.length - 1);
  if (last >= LAST_ASCII) return { path, lower: prefix };
  return { path, lower: prefix, upper: prefix.slice(0, -1) + String.fromCharCode(last + 1) };
}

function termOf(term: Expression, alias: string, constant: (of: Expression) => Value): Term | undefined {
  if (term.kind === 'binary' && term.operator in MIRRORED) {
    const operator = term.operator as keyof typeof MIRRORED;
    const left = pathOf(term.left, alias);
    if (left && isConstant(term.right)) return comparison(left, operator, constant(term.right));
    const right = pathOf(term.right, alias);
    if (right && isConstant(term.left)) return comparison(right, MIRRORED[operator], constant(term.left));
  }
  if (term.kind === 'in' && term.list.every(isConstant)) {
    const path = pathOf(term.value, alias);
    return path && { path, values: term.list.map(constant) };
  }
  if (term.kind === 'between' && isConstant(term.low) && isConstant(term.high)) {
    const path = pathOf(term.value, alias);
    return path && { path, lower: constant(term.low), upper: constant(term.high) };
  }
  if (term.kind !== 'call' || term.args.length !== 2) return undefined;
  const [first, second] = term.args;
  if (!first || !second) return undefined;
  if (term.name === 'ARRAY_CONTAINS' && isConstant(first)) {
    const path = pathOf(second, alias);
    const values = constant(first);
    return path && { path, values: Array.isArray(values) ? (values as Value[]) : [] };
  }
  const path = pathOf(first, alias);
  return term.name === 'STARTSWITH' && path && isConstant(second)
    ? prefixRange(path, constant(second))
    : undefined;
}

/** What the terms joined by AND say about paths of the item that `alias` stands for. */
export function termsOf(where: Expression | undefined, alias: string, env: Environment): Term[] {
  const constant = (expression: Expression): Value =>
    compileExpression(expression, new Scope(new Map(), subqueryEvaluator))(env);
  return conjuncts(where).flatMap((term) => termOf(term, alias, constant) ?? []);
}

type Scalar = string | number | boolean;

const isScalar = (value: Value): value is Scalar =>
  typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value);

/** What a query says about one path, in SQL: a superset of the items for which the query's condition holds. */
export interface Condition {
  readonly path: readonly string[];
  /** SQL for the value at the path. */
  readonly value: string;
  readonly values?: readonly Scalar[];
  readonly lower?: Scalar;
  readonly upper?: Scalar;
}

/** Names that mean the same, unescaped, in stored JSON and in a JSON path. */
const PLAIN_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;
const MAX_NAMES = 8;

/** SQL for the value at a path, where that is simple. System properties are no part of the stored text. */
function valueAt(path: readonly string[]): string | undefined {
  const [first] = path;
  if (first === undefined || path.length > MAX_NAMES || !path.every((name) => PLAIN_NAME.test(name)))
    return undefined;
  if (SYSTEM_PROPERTIES.some((name) => name === first)) return undefined;
  return path.length === 1 && first === 'id' ? 'id' : pathSql(path);
}

/** The tighter of two bounds; a second one of another type is passed over. */
function tighter(a: Scalar | undefined, b: Value, sign: 1 | -1): Scalar | undefined {
  if (!isScalar(b)) return a;
  if (a === undefined) return b;
  return typeof a === typeof b && compareValues(b, a) * sign > 0 ? b : a;
}

function conditionOf(path: readonly string[], terms: readonly Term[]): Condition | undefined {
  const value = valueAt(path);
  if (value === undefined) return undefined;
  const lists = terms.flatMap(({ values }) => (values ? [values.filter((one) => one !== undefined)] : []));
  const values = lists.find((list): list is Scalar[] => list.every(isScalar));
  if (values) return { path, value, values };
  let lower: Scalar | undefined;
  let upper: Scalar | undefined;
  for (const term of terms) {
    lower = tighter(lower, term.lower, 1);
    upper = tighter(upper, term.upper, -1);
  }
  if (lower !== undefined && upper !== undefined && typeof lower !== typeof upper) upper = undefined;
  if (lower === undefined && upper === undefined) return undefined;
  return { path, value, ...(lower !== undefined && { lower }), ...(upper !== undefined && { upper }) };
}

/** One condition for each path that SQLite can compute. */
export function conditionsOf(terms: readonly Term[]): Condition[] {
  const byPath = new Map<string, Term[]>();
  for (const term of terms) {
    const key = JSON.stringify(term.path);
    byPath.set(key, [...(byPath.get(key) ?? []), term]);
  }
  return [...byPath.values()].flatMap((same) => conditionOf(same[0]?.path ?? [], same) ?? []);
}

/**
 * A constant is handed over as JSON, so that SQLite reads it as it reads the stored text: integers beyond 2^53,
 * fractions and lone surrogates are then equal if they are written alike, as equal ones are.
 */
export const constantSql = (value: Scalar): Sql => sql(`json_extract(?, '$')`, JSON.stringify(value));

/**
 * The condition in SQL. SQLite's order is NULL, numbers (and booleans), text (and objects and arrays as JSON): one
 * type's range is closed at its ends with the empty text. Text is compared as UTF-8, so by code point, as the evaluator
 * does.
 */
export function conditionSql({ value, values, lower, upper }: Condition): Sql[] {
  if (values?.[0] !== undefined && values.length === 1) {
    const constant = constantSql(values[0]);
    return [sql(`${value} = ${constant.text}`, ...constant.parameters)];
  }
  if (values) return [sql(`${value} IN (SELECT value FROM json_each(?))`, JSON.stringify(values))];
  const isText = typeof (lower ?? upper) === 'string';
  const terms: Sql[] = [];
  for (const [operator, bound] of [
    ['>=', lower],
    ['<=', upper],
  ] as const) {
    if (bound === undefined) continue;
    const constant = constantSql(bound);
    terms.push(sql(`${value} ${operator} ${constant.text}`, ...constant.parameters));
  }
  if (isText && lower === undefined) terms.push(sql(`${value} >= ''`));
  if (!isText && upper === undefined) terms.push(sql(`${value} < ''`));
  return terms;
}

/** Whether all values that the condition allows are strings, or all numbers: SQLite's order of them is the evaluator's. */
export function hasOneOrder({ values, lower, upper }: Condition): boolean {
  const [first, ...others] = values ?? [lower ?? upper];
  const type = typeof first;
  return (type === 'string' || type === 'number') && others.every((value) => typeof value === type);
}
