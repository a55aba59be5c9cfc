import { isJsonObject } from '../partition-key';
import { MAX_STRING } from './bounds';
import { isArray, isNumber, isString, type SqlFunction } from './function-types';
import { allTrue, anyTrue, type Truth } from './truth';
import type { Value } from './values';

const text =
  (compute: (x: string) => Value): SqlFunction =>
  ([x]) =>
    isString(x) ? compute(x) : undefined;

/** Compares two strings; the third argument asks to ignore case. */
const textTest =
  (test: (x: string, y: string) => boolean): SqlFunction =>
  ([x, y, ignoreCase]) => {
    if (!isString(x) || !isString(y)) return undefined;
    return ignoreCase === true ? test(x.toLowerCase(), y.toLowerCase()) : test(x, y);
  };

/** Whether a text contains any, or all, of several others. */
const containsSeveral =
  (combine: (truths: readonly Truth[]) => Truth, ignoreCase: boolean): SqlFunction =>
  ([x, ...others]) => {
    const normal = (value: string): string => (ignoreCase ? value.toLowerCase() : value);
    const within = isString(x) ? normal(x) : undefined;
    return combine(others.map((y) => (isString(y) ? within?.includes(normal(y)) : undefined)));
  };

/** Takes white space, or any of the characters given, from the ends of a text. */
const trimmed =
  (byDefault: (x: string) => string, ends: { readonly start: boolean; readonly end: boolean }): SqlFunction =>
  ([x, characters, ...more]) => {
    if (!isString(x) || more.length > 0) return undefined;
    if (characters === undefined) return byDefault(x);
    if (!isString(characters)) return undefined;
    const set = new Set(characters);
    const points = Array.from(x);
    let [from, to] = [0, points.length];
    while (ends.start && from < to && set.has(points[from] ?? '')) from++;
    while (ends.end && from < to && set.has(points[to - 1] ?? '')) to--;
    return points.slice(from, to).join('');
  };

function repeat(value: string, times: number): Value {
  if (times < 0 || value.length * times > MAX_STRING) return undefined;
  return value.repeat(Math.trunc(times));
}

/** The texts with a separator between them; undefined when that is too long for a string. */
export function joined(list: readonly string[], separator: string): Value {
  const length = list.reduce(
    (sum, part) => sum + part.length,
    separator.length * Math.max(0, list.length - 1),
  );
  return length > MAX_STRING ? undefined : list.join(separator);
}

const replaced = (x: string, from: string, to: string): Value =>
  from === '' ? x : joined(x.split(from), to);

function lastIndex(x: string, y: string, from: Value): number {
  if (!isNumber(from)) return x.lastIndexOf(y);
  // The occurrence must not go beyond where the search begins.
  return from < y.length - 1 ? -1 : x.lastIndexOf(y, from - y.length + 1);
}

function toText(value: Value): Value {
  if (value === undefined || isString(value)) return value;
  const written = JSON.stringify(value);
  return written.length > MAX_STRING ? undefined : written;
}

function parse(value: string, accept: (parsed: Value) => boolean): Value {
  try {
    const parsed: Value = JSON.parse(value);
    return accept(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

export const TEXT_FUNCTIONS: Readonly<Record<string, SqlFunction>> = {
  LOWER: text((x) => x.toLowerCase()),
  UPPER: text((x) => x.toUpperCase()),
  TRIM: trimmed((x) => x.trim(), { start: true, end: true }),
  LTRIM: trimmed((x) => x.trimStart(), { start: true, end: false }),
  RTRIM: trimmed((x) => x.trimEnd(), { start: false, end: true }),
  REVERSE: text((x) => Array.from(x).reverse().join('')),
  LENGTH: text((x) => Array.from(x).length),
  CONCAT: (args) => (args.every(isString) ? joined(args, '') : undefined),
  STARTSWITH: textTest((x, y) => x.startsWith(y)),
  ENDSWITH: textTest((x, y) => x.endsWith(y)),
  CONTAINS: textTest((x, y) => x.includes(y)),
  CONTAINS_ALL_CI: containsSeveral(allTrue, true),
  CONTAINS_ALL_CS: containsSeveral(allTrue, false),
  CONTAINS_ANY_CI: containsSeveral(anyTrue, true),
  CONTAINS_ANY_CS: containsSeveral(anyTrue, false),
  STRINGEQUALS: textTest((x, y) => x === y),
  INDEX_OF: ([x, y, from]) =>
    isString(x) && isString(y) ? x.indexOf(y, isNumber(from) ? from : 0) : undefined,
  LASTINDEXOF: ([x, y, from]) => (isString(x) && isString(y) ? lastIndex(x, y, from) : undefined),
  LEFT: ([x, n]) => (isString(x) && isNumber(n) ? x.slice(0, Math.max(0, n)) : undefined),
  RIGHT: ([x, n]) => (isString(x) && isNumber(n) ? (n <= 0 ? '' : x.slice(-n)) : undefined),
  SUBSTRING: ([x, from, n]) =>
    isString(x) && isNumber(from) && isNumber(n)
      ? x.slice(Math.max(0, from), Math.max(0, from) + Math.max(0, n))
      : undefined,
  REPLACE: ([x, from, to]) =>
    isString(x) && isString(from) && isString(to) ? replaced(x, from, to) : undefined,
  REPLICATE: ([x, n]) => (isString(x) && isNumber(n) ? repeat(x, n) : undefined),
  STRINGJOIN: ([list, separator]) =>
    isArray(list) && list.every(isString) && isString(separator) ? joined(list, separator) : undefined,
  STRINGSPLIT: ([x, separator]) => (isString(x) && isString(separator) ? x.split(separator) : undefined),
  STRINGTOARRAY: text((x) => parse(x, isArray)),
  STRINGTOBOOLEAN: text((x) => parse(x, (value) => typeof value === 'boolean')),
  STRINGTONULL: text((x) => parse(x, (value) => value === null)),
  STRINGTONUMBER: text((x) => parse(x, isNumber)),
  STRINGTOOBJECT: text((x) => parse(x, isJsonObject)),
  TOSTRING: ([x]) => toText(x),
};
