import type { JsonObject } from '../partition-key';
import type { Expression, Query } from './ast';
import { AGGREGATES, type AggregateName } from './aggregates';
import { built, type Used } from './bounds';
import { FUNCTIONS, MISSING_FUNCTIONS } from './functions';
import { QueryError } from './lexer';
import { likePattern } from './like';
import { OPERATORS } from './operators';
import { equalValues, member, setProperty, type Value } from './values';

/** An item under evaluation; `doc` may be parsed only when it is asked for. */
export interface Row {
  readonly id: Value;
  readonly doc: JsonObject;
}

/** What an expression can see. */
export interface Environment {
  readonly row: Row;
  /** Values of the aliases, by slot. */
  readonly slots: Value[];
  readonly parameters: ReadonlyMap<string, Value>;
  /** Results of the aggregates of this query's group, by their number. */
  readonly aggregates: readonly Value[];
  readonly clock: () => number;
  readonly used: Used;
}

export type Evaluator = (env: Environment) => Value;

export interface Aggregate {
  readonly name: AggregateName;
  readonly of: Evaluator;
}

type Subquery = (query: Query, form: 'scalar' | 'array' | 'exists', scope: Scope) => Evaluator;

/** The names that an expression may use, while it is compiled. */
export class Scope {
  /** Aggregates found in the query's selection; undefined where none may stand. */
  aggregates: Aggregate[] | undefined;

  constructor(
    private readonly names: Map<string, number | 'row'>,
    readonly subquery: Subquery,
    private next = 0,
  ) {}

  /** A scope that sees these names and may add its own. */
  child(): Scope {
    return new Scope(new Map(this.names), this.subquery, this.next);
  }

  declare(alias: string): number {
    const slot = this.next++;
    this.names.set(alias, slot);
    return slot;
  }

  declareRow(alias: string): void {
    this.names.set(alias, 'row');
  }

  find(name: string): number | 'row' | undefined {
    return this.names.get(name);
  }
}

export function truthy(value: Value): boolean {
  return value === true;
}

/** Three-valued: false wins over undefined, as SQL's unknown. */
function and(left: Evaluator, right: Evaluator): Evaluator {
  return (env) => {
    const a = left(env);
    if (a === false) return false;
    const b = right(env);
    if (b === false) return false;
    return a === true && b === true ? true : undefined;
  };
}

function or(left: Evaluator, right: Evaluator): Evaluator {
  return (env) => {
    const a = left(env);
    if (a === true) return true;
    const b = right(env);
    if (b === true) return true;
    return a === false && b === false ? false : undefined;
  };
}

function compileBinary(
  { operator, left, right }: Extract<Expression, { kind: 'binary' }>,
  scope: Scope,
): Evaluator {
  const a = compileExpression(left, scope);
  const b = compileExpression(right, scope);
  if (operator === 'AND') return and(a, b);
  if (operator === 'OR') return or(a, b);
  // Undefined only: null is a value.
  if (operator === '??') {
    return (env) => {
      const value = a(env);
      return value === undefined ? b(env) : value;
    };
  }
  const apply = OPERATORS[operator];
  return (env) => apply(a(env), b(env));
}

function compileUnary(
  { operator, operand }: Extract<Expression, { kind: 'unary' }>,
  scope: Scope,
): Evaluator {
  const inner = compileExpression(operand, scope);
  return (env) => {
    const value = inner(env);
    if (operator === 'NOT') return typeof value === 'boolean' ? !value : undefined;
    if (typeof value !== 'number') return undefined;
    if (operator === '-') return -value;
    return operator === '~' ? ~value : value;
  };
}

function compileIdentifier(name: string, scope: Scope): Evaluator {
  const slot = scope.find(name);
  if (slot === undefined) throw new QueryError(`Identifier '${name}' could not be resolved.`);
  return slot === 'row' ? (env) => env.row.doc : (env) => env.slots[slot];
}

function compileMember({ of, name }: Extract<Expression, { kind: 'member' }>, scope: Scope): Evaluator {
  if (of.kind === 'identifier' && scope.find(of.name) === 'row' && isLiteral(name, 'id')) {
    // The id is a column: the item need not be parsed.
    return (env) => env.row.id;
  }
  const owner = compileExpression(of, scope);
  if (name.kind === 'literal') {
    const key = name.value;
    return (env) => member(owner(env), key);
  }
  const key = compileExpression(name, scope);
  return (env) => member(owner(env), key(env));
}

function isLiteral(expression: Expression, value: string): boolean {
  return expression.kind === 'literal' && expression.value === value;
}

function compileIn({ value, list }: Extract<Expression, { kind: 'in' }>, scope: Scope): Evaluator {
  const of = compileExpression(value, scope);
  const items = list.map((item) => compileExpression(item, scope));
  return (env) => {
    const wanted = of(env);
    if (wanted === undefined) return undefined;
    return items.some((item) => equalValues(item(env), wanted));
  };
}

function compileCall({ name, args }: Extract<Expression, { kind: 'call' }>, scope: Scope): Evaluator {
  if (AGGREGATES.has(name)) {
    const { aggregates } = scope;
    const [argument] = args;
    if (!aggregates || !argument || args.length !== 1) {
      throw new QueryError(`The aggregate ${name} cannot stand here, or needs one argument.`);
    }
    // Aggregates do not nest.
    scope.aggregates = undefined;
    const number =
      aggregates.push({ name: name as AggregateName, of: compileExpression(argument, scope) }) - 1;
    scope.aggregates = aggregates;
    return (env) => env.aggregates[number];
  }
  const apply = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
  if (!apply) {
    if (MISSING_FUNCTIONS.has(name))
      throw new QueryError(`The function ${name} is not implemented.`, 'unsupported');
    throw new QueryError(`'${name}' is not a recognized built-in function name.`);
  }
  const evaluators = args.map((arg) => compileExpression(arg, scope));
  return (env) =>
    built(
      apply(
        evaluators.map((evaluate) => evaluate(env)),
        env.clock,
      ),
    );
}

function compileObject({ properties }: Extract<Expression, { kind: 'object' }>, scope: Scope): Evaluator {
  const compiled = properties.map(([name, value]) => [name, compileExpression(value, scope)] as const);
  return (env) => {
    const object: JsonObject = {};
    for (const [name, evaluate] of compiled) {
      const value = evaluate(env);
      if (value !== undefined) setProperty(object, name, value);
    }
    return built(object);
  };
}

function compileBetween(
  { value, low, high }: Extract<Expression, { kind: 'between' }>,
  scope: Scope,
): Evaluator {
  const [v, l, h] = [value, low, high].map((part) => compileExpression(part, scope));
  if (!v || !l || !h) throw new QueryError('BETWEEN needs two bounds.');
  return and(
    (env) => OPERATORS['>='](v(env), l(env)),
    (env) => OPERATORS['<='](v(env), h(env)),
  );
}

function compileLike(
  { value, pattern, escape }: Extract<Expression, { kind: 'like' }>,
  scope: Scope,
): Evaluator {
  const text = compileExpression(value, scope);
  const like = compileExpression(pattern, scope);
  let known: string | undefined;
  let matcher: ((text: string) => boolean) | undefined;
  return (env) => {
    const t = text(env);
    const p = like(env);
    if (typeof t !== 'string' || typeof p !== 'string') return undefined;
    if (p !== known || !matcher) {
      matcher = likePattern(p, escape);
      known = p;
    }
    return matcher(t);
  };
}

/** Compiles an expression to a closure. @throws QueryError */
export function compileExpression(expression: Expression, scope: Scope): Evaluator {
  switch (expression.kind) {
    case 'literal': {
      const { value } = expression;
      return () => value;
    }
    case 'parameter': {
      const { name } = expression;
      return (env) => env.parameters.get(name);
    }
    case 'identifier':
      return compileIdentifier(expression.name, scope);
    case 'member':
      return compileMember(expression, scope);
    case 'unary':
      return compileUnary(expression, scope);
    case 'binary':
      return compileBinary(expression, scope);
    case 'conditional': {
      const condition = compileExpression(expression.condition, scope);
      const whenTrue = compileExpression(expression.whenTrue, scope);
      const whenFalse = compileExpression(expression.whenFalse, scope);
      return (env) => (condition(env) === true ? whenTrue(env) : whenFalse(env));
    }
    case 'in':
      return compileIn(expression, scope);
    case 'between':
      return compileBetween(expression, scope);
    case 'like':
      return compileLike(expression, scope);
    case 'call':
      return compileCall(expression, scope);
    case 'array': {
      const items = expression.items.map((item) => compileExpression(item, scope));
      return (env) => built(items.map((item) => item(env)).filter((item) => item !== undefined));
    }
    case 'object':
      return compileObject(expression, scope);
    case 'subquery':
      return scope.subquery(expression.query, expression.form, scope);
    default:
      return expression satisfies never;
  }
}
