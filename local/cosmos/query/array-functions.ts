import { isJsonObject } from '../partition-key';
import { checkLength } from './bounds';
import { createAccumulator, type AggregateName } from './aggregates';
import { isArray, isNumber, isString, type SqlFunction } from './function-types';
import { allTrue, anyTrue, type Truth } from './truth';
import { canonical, equalValues, setProperty, type Value } from './values';

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

/** The different values of a list, in its order; those that `accepts` refuses left out. */
function unique(list: readonly Value[], accepts: (text: string) => boolean = () => true): Value[] {
  const found = new Map<string, Value>();
  for (const item of list) {
    const text = canonical(item);
    if (!found.has(text) && accepts(text)) found.set(text, item);
  }
  return [...found.values()];
}

const setOf = (list: readonly Value[]): ReadonlySet<string> => new Set(list.map(canonical));

/** A function of two lists as sets. */
const ofSets =
  (compute: (a: readonly Value[], b: readonly Value[]) => Value): SqlFunction =>
  ([a, b]) =>
    isArray(a) && isArray(b) ? compute(a, b) : undefined;

function concatenated(lists: readonly Value[]): Value {
  if (!lists.every(isArray)) return undefined;
  checkLength(lists.reduce((sum, list) => sum + list.length, 0));
  return lists.flat(1);
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
  ARRAY_CONCAT: concatenated,
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
  SETINTERSECT: ofSets((a, b) => {
    const others = setOf(a);
    return unique(b, (text) => others.has(text));
  }),
  SETUNION: ofSets((a, b) => unique([...a, ...b])),
  SETDIFFERENCE: ofSets((a, b) => {
    const others = setOf(b);
    return unique(a, (text) => !others.has(text));
  }),
  SETEQUAL: ofSets((a, b) => {
    const [one, other] = [setOf(a), setOf(b)];
    return one.size === other.size && [...one].every((text) => other.has(text));
  }),
  OBJECTTOARRAY: objectToArray,
};
