import { isJsonObject } from '../partition-key';
import { createAccumulator, type AggregateName } from './aggregates';
import { isArray, isNumber, isString, type SqlFunction } from './function-types';
import { allTrue, anyTrue, type Truth } from './truth';
import { equalValues, setProperty, type Value } from './values';

/** Whether every property of `part` is, deeply, in `whole`. */
function covers(whole: Value, part: Value): boolean {
  if (!isJsonObject(whole) || !isJsonObject(part)) return equalValues(whole, part);
  return Object.keys(part).every((name) => Object.hasOwn(whole, name) && covers(whole[name], part[name]));
}

const contains = (list: readonly Value[], value: Value, partial: boolean): boolean =>
  list.some((item) => (partial ? covers(item, value) : equalValues(item, value)));

/** Whether a list contains any, or all, of several values; of what is undefined nobody knows. */
const containsSeveral =
  (combine: (truths: readonly Truth[]) => Truth): SqlFunction =>
  ([list, ...values]) => {
    if (!isArray(list)) return undefined;
    return combine(values.map((value) => (value === undefined ? undefined : contains(list, value, false))));
  };

function unique(list: readonly Value[]): Value[] {
  const found: Value[] = [];
  for (const item of list) if (!contains(found, item, false)) found.push(item);
  return found;
}

const isPlain = (value: Value): boolean => value === null || typeof value !== 'object';

/** An aggregate over the elements of a list, where all of them are acceptable; those undefined do not count. */
const aggregate =
  (name: AggregateName, accepts: (value: Value) => boolean): SqlFunction =>
  ([list]) => {
    if (!isArray(list)) return undefined;
    const accumulator = createAccumulator(name);
    for (const value of list) {
      if (value !== undefined && !accepts(value)) return undefined;
      accumulator.add(value);
    }
    return accumulator.result();
  };

const median: SqlFunction = ([list]) => {
  if (!isArray(list)) return undefined;
  const values = list.filter((value) => value !== undefined);
  if (values.length === 0 || !values.every(isNumber)) return undefined;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
};

/** The properties of an object as objects of a key and a value, whose names may be given. */
const objectToArray: SqlFunction = ([x, key = 'k', value = 'v']) => {
  if (!isJsonObject(x) || !isString(key) || !isString(value)) return undefined;
  return Object.entries(x).map(([name, held]) => {
    const entry = {};
    setProperty(entry, key, name);
    setProperty(entry, value, held);
    return entry;
  });
};

/** Functions of arrays, of arrays as sets, and of objects. */
export const ARRAY_FUNCTIONS: Readonly<Record<string, SqlFunction>> = {
  ARRAY_LENGTH: ([list]) => (isArray(list) ? list.length : undefined),
  ARRAY_CONCAT: (lists) => (lists.every(isArray) ? lists.flat(1) : undefined),
  ARRAY_SLICE: ([list, from, n]) => {
    if (!isArray(list) || !isNumber(from)) return undefined;
    const start = from < 0 ? Math.max(0, list.length + from) : from;
    return list.slice(start, isNumber(n) ? start + Math.max(0, n) : undefined);
  },
  ARRAY_CONTAINS: ([list, value, partial]) =>
    isArray(list) && value !== undefined ? contains(list, value, partial === true) : undefined,
  ARRAY_CONTAINS_ANY: containsSeveral(anyTrue),
  ARRAY_CONTAINS_ALL: containsSeveral(allTrue),
  ARRAY_SUM: aggregate('SUM', isNumber),
  ARRAY_AVG: aggregate('AVG', isNumber),
  ARRAY_MIN: aggregate('MIN', isPlain),
  ARRAY_MAX: aggregate('MAX', isPlain),
  ARRAY_MEDIAN: median,
  SETINTERSECT: ([a, b]) =>
    isArray(a) && isArray(b) ? unique(b.filter((item) => contains(a, item, false))) : undefined,
  SETUNION: ([a, b]) => (isArray(a) && isArray(b) ? unique([...a, ...b]) : undefined),
  SETDIFFERENCE: ([a, b]) =>
    isArray(a) && isArray(b) ? unique(a.filter((item) => !contains(b, item, false))) : undefined,
  SETEQUAL: ([a, b]) =>
    isArray(a) && isArray(b)
      ? a.every((item) => contains(b, item, false)) && b.every((item) => contains(a, item, false))
      : undefined,
  OBJECTTOARRAY: objectToArray,
};
