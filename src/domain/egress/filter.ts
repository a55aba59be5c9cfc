import {
  $and,
  $eq,
  $exists,
  $gt,
  $gte,
  $in,
  $lt,
  $lte,
  $ne,
  $nin,
  $not,
  $or,
  createQueryTester,
  EqualsOperation,
} from 'sift';
import { isDeeperThan, isObject, pointerOf, type Json, type JsonObject } from '../json';

/** Levels of filters and conditions inside each other. */
export const MAX_FILTER_DEPTH = 8;

/** Paths and operators of one filter. */
export const MAX_FILTER_NODES = 100;

/** Of the filter as JSON in UTF-8. */
export const MAX_FILTER_BYTES = 8 * 1024;

/** Characters of a path. */
export const MAX_PATH_LENGTH = 200;

/** Elements of arrays that are looked at for one path: what a filter costs must not grow with the document. */
export const MAX_ELEMENTS = 1000;

const MAX_FAULTS = 20;

type Scalar = null | boolean | number | string;

const isScalar = (value: Json | undefined): value is Scalar =>
  value !== undefined && (typeof value !== 'object' || value === null);

const isText = (value: Json): value is string => typeof value === 'string' && value !== '';

interface Operand {
  readonly expected: string;
  accepts(value: Json): boolean;
}

const SCALAR: Operand = { expected: 'a string, a number, true, false or null', accepts: isScalar };
const ORDERED: Operand = {
  expected: 'a number or a string',
  accepts: (value) => typeof value === 'number' || typeof value === 'string',
};
const SCALARS: Operand = {
  expected: 'an array of strings, numbers, true, false or null, with at least one of them',
  accepts: (value) => Array.isArray(value) && value.length > 0 && value.every(isScalar),
};

/** What may stand behind a path; `$not` as well, which takes another condition. */
const OPERANDS: Readonly<Record<string, Operand>> = {
  $eq: SCALAR,
  $ne: SCALAR,
  $gt: ORDERED,
  $gte: ORDERED,
  $lt: ORDERED,
  $lte: ORDERED,
  $in: SCALARS,
  $nin: SCALARS,
  $exists: { expected: 'true or false', accepts: (value) => typeof value === 'boolean' },
  $startsWith: { expected: 'a string that is not empty', accepts: isText },
};

/** Every operator, in the order of the documentation. */
export const FILTER_OPERATORS: readonly string[] = [...Object.keys(OPERANDS), '$and', '$or', '$not'];

/** Names of members that reach a prototype in careless code; no record needs them. */
const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype']);

/** One thing that is wrong with a filter. */
export interface FilterFault {
  /** JSON Pointer into the filter */
  readonly pointer: string;
  readonly message: string;
}

/**
 * What is wrong with a filter; empty when it may be stored.
 * @param filter anything that was sent as one
 */
export function filterFaults(filter: Json): readonly FilterFault[] {
  // A level of the filter is at most two of JSON: `$or`, its array, its members.
  if (isDeeperThan(filter, 2 * MAX_FILTER_DEPTH + 1)) return [tooDeep([])];
  const bytes = Buffer.byteLength(JSON.stringify(filter));
  if (bytes > MAX_FILTER_BYTES) {
    const message = `It is ${bytes} bytes long; at most ${MAX_FILTER_BYTES} are allowed.`;
    return [{ pointer: '', message }];
  }
  const check = new FilterCheck();
  check.filter(filter, [], 1);
  if (check.nodes > MAX_FILTER_NODES) {
    const message = `It has ${check.nodes} paths and operators; at most ${MAX_FILTER_NODES} are allowed.`;
    return [{ pointer: '', message }];
  }
  return check.faults.slice(0, MAX_FAULTS);
}

const tooDeep = (at: readonly string[]): FilterFault => ({
  pointer: pointerOf(at),
  message: `It is nested deeper than ${MAX_FILTER_DEPTH} levels.`,
});

class FilterCheck {
  readonly faults: FilterFault[] = [];
  nodes = 0;

  private fault(at: readonly string[], message: string): void {
    this.faults.push({ pointer: pointerOf(at), message });
  }

  filter(filter: Json, at: readonly string[], depth: number): void {
    if (!isObject(filter)) return this.fault(at, 'It must be an object.');
    if (depth > MAX_FILTER_DEPTH) return void this.faults.push(tooDeep(at));
    for (const [name, value] of Object.entries(filter)) {
      this.nodes++;
      const place = [...at, name];
      if (name === '$and' || name === '$or') this.list(value, place, depth);
      else if (name === '$not') this.filter(value, place, depth + 1);
      else if (Object.hasOwn(OPERANDS, name))
        this.fault(place, 'It must stand behind a path, as in {"price": …}.');
      else if (name.startsWith('$')) this.unknown(place, name);
      else this.member(name, value, place, depth);
    }
  }

  private list(value: Json, at: readonly string[], depth: number): void {
    if (!Array.isArray(value) || value.length === 0)
      return this.fault(at, 'It must be an array with at least one filter.');
    for (const [index, item] of value.entries()) this.filter(item, [...at, String(index)], depth + 1);
  }

  private member(path: string, value: Json, at: readonly string[], depth: number): void {
    const fault = pathFault(path);
    if (fault !== undefined) this.fault(at, fault);
    if (isScalar(value)) this.wellFormed(value, at);
    else if (Array.isArray(value))
      this.fault(at, 'A value cannot be compared with an array; "$in" takes one.');
    else this.condition(value, at, depth + 1);
  }

  private condition(condition: Json, at: readonly string[], depth: number): void {
    if (!isObject(condition)) return this.fault(at, 'It must be an object of operators.');
    if (depth > MAX_FILTER_DEPTH) return void this.faults.push(tooDeep(at));
    const entries = Object.entries(condition);
    if (entries.length === 0) this.fault(at, 'It must have at least one operator.');
    for (const [name, value] of entries) {
      this.nodes++;
      const place = [...at, name];
      const operand = Object.hasOwn(OPERANDS, name) ? OPERANDS[name] : undefined;
      if (name === '$not') this.condition(value, place, depth + 1);
      else if (name === '$and' || name === '$or') this.fault(place, 'It must not stand behind a path.');
      else if (!operand) this.unknown(place, name);
      else if (!operand.accepts(value)) this.fault(place, `It must be ${operand.expected}.`);
      else this.wellFormed(value, place);
    }
  }

  private unknown(at: readonly string[], name: string): void {
    const what = name.startsWith('$')
      ? 'There is no such operator'
      : 'It is not an operator (members of members are named by a path such as "price.amount")';
    this.fault(at, `${what}; allowed are ${FILTER_OPERATORS.join(', ')}.`);
  }

  private wellFormed(value: Json, at: readonly string[]): void {
    const texts = Array.isArray(value) ? value : [value];
    if (texts.some((text) => typeof text === 'string' && !text.isWellFormed()))
      this.fault(at, 'It must be well-formed Unicode.');
  }
}

function pathFault(path: string): string | undefined {
  if (path.length > MAX_PATH_LENGTH) return `It is a path longer than ${MAX_PATH_LENGTH} characters.`;
  if (!path.isWellFormed()) return 'It must be well-formed Unicode.';
  for (const name of path.split('.')) {
    if (name === '') return 'It is a path with an empty name in it.';
    if (name.startsWith('$')) return 'It is a path with an operator in it.';
    if (FORBIDDEN.has(name)) return `A path must not name "${name}".`;
  }
  return undefined;
}

/** Only these: an operator that is not here does not exist, whatever the library can do. */
const operations = {
  $and,
  $eq,
  $exists,
  $gt,
  $gte,
  $in,
  $lt,
  $lte,
  $ne,
  $nin,
  $not,
  $or,
  $startsWith: (prefix: string, query: unknown, options: ConstructorParameters<typeof EqualsOperation>[2]) =>
    new EqualsOperation(
      (value: unknown) => typeof value === 'string' && value.startsWith(prefix),
      query,
      options,
    ),
};

/**
 * Compiles a filter. What comes back never throws, whatever the document, and depends on own members of it only.
 * Without a filter everything matches; so it does with one that {@link filterFaults} refuses, which is never stored:
 * to tell too much is better than to lose changes.
 */
export function compileFilter(filter: JsonObject | undefined): (data: Json) => boolean {
  if (filter === undefined || filterFaults(filter).length > 0) return () => true;
  const paths = new Map<string, string>();
  const matches = createQueryTester<object>(translate(filter, paths), { operations });
  const wanted = Array.from(paths, ([path, name]) => ({ name, names: path.split('.') }));
  return (data) => {
    // The library gets the values of the paths only, in an object without a prototype: it walks no document, where
    // names such as `length` or `toString` would find something that nobody has sent.
    const values = Object.create(null) as Record<string, unknown>;
    for (const { name, names } of wanted) {
      const found = valuesAt(data, names);
      if (found.length > 0) values[name] = found.length === 1 ? found[0] : found;
    }
    return matches(values);
  };
}

/** The filter with a plain name for every path. */
function translate(filter: JsonObject, paths: Map<string, string>): JsonObject {
  const query: JsonObject = {};
  for (const [name, value] of Object.entries(filter)) {
    if (name === '$and' || name === '$or')
      query[name] = (value as JsonObject[]).map((item) => translate(item, paths));
    else if (name === '$not') query[name] = translate(value as JsonObject, paths);
    else query[nameOf(name, paths)] = isObject(value) ? plain(value) : { $eq: value };
  }
  return query;
}

/** A condition as an ordinary object, which the library wants, wherever it comes from. */
function plain({ $not, ...operators }: JsonObject): JsonObject {
  return isObject($not) ? { ...operators, $not: plain($not) } : operators;
}

function nameOf(path: string, paths: Map<string, string>): string {
  const name = paths.get(path) ?? `p${paths.size}`;
  paths.set(path, name);
  return name;
}

/** Stands for an object, and for an array beside its elements: it is there, and equals nothing. */
const COMPOSITE: object = Object.freeze(Object.create(null) as object);

const ARRAY_INDEX = /^(?:0|[1-9]\d*)$/;

/**
 * The values that a path leads to. An array on the way or at its end stands for each of its elements, unless the path
 * goes on with an index; arrays directly within arrays are not searched.
 */
function valuesAt(data: Json, names: readonly string[]): unknown[] {
  const found: unknown[] = [];
  let left = MAX_ELEMENTS;
  const leaf = (value: Json): void => {
    found.push(isScalar(value) ? value : COMPOSITE);
  };
  const walk = (value: Json, at: number): void => {
    const name = names[at];
    if (Array.isArray(value) && (name === undefined || !ARRAY_INDEX.test(name))) {
      if (name === undefined) leaf(value);
      for (const item of value) {
        if (left-- <= 0) return;
        if (name === undefined) leaf(item);
        else if (isObject(item)) walk(item, at);
      }
    } else if (name === undefined) {
      leaf(value);
    } else if (typeof value === 'object' && value !== null && Object.hasOwn(value, name)) {
      walk((value as JsonObject)[name] as Json, at + 1);
    }
  };
  walk(data, 0);
  return found;
}
