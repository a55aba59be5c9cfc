import { isJsonObject } from '../partition-key';
import { DATE_FUNCTIONS } from './date-functions';
import { isArray, isNumber, isString, type SqlFunction } from './function-types';
import { SPATIAL_FUNCTIONS } from './spatial-functions';
import { compareValues, equalValues, type Value } from './values';

/** What is no number at all (a division by zero, a root of -1) is undefined in the language. */
const finite = (value: number): Value => (Number.isFinite(value) ? value : undefined);

const math =
  (compute: (x: number) => number): SqlFunction =>
  ([x]) =>
    isNumber(x) ? finite(compute(x)) : undefined;

const math2 =
  (compute: (x: number, y: number) => number): SqlFunction =>
  ([x, y]) =>
    isNumber(x) && isNumber(y) ? finite(compute(x, y)) : undefined;

/** On integers of 64 bits. */
const bits =
  (compute: (x: bigint, y: bigint) => bigint): SqlFunction =>
  ([x, y]) =>
    Number.isSafeInteger(x) && Number.isSafeInteger(y)
      ? Number(BigInt.asIntN(64, compute(BigInt(x as number), BigInt(y as number))))
      : undefined;

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

const typeTest =
  (test: (value: Value) => boolean): SqlFunction =>
  ([value]) =>
    test(value);

/** Whether every property of `part` is, deeply, in `whole`. */
function covers(whole: Value, part: Value): boolean {
  if (!isJsonObject(whole) || !isJsonObject(part)) return equalValues(whole, part);
  return Object.keys(part).every((name) => Object.hasOwn(whole, name) && covers(whole[name], part[name]));
}

const contains = (list: readonly Value[], value: Value, partial: boolean): boolean =>
  list.some((item) => (partial ? covers(item, value) : equalValues(item, value)));

function unique(list: readonly Value[]): Value[] {
  const found: Value[] = [];
  for (const item of list) if (!contains(found, item, false)) found.push(item);
  return found;
}

/** https://learn.microsoft.com/azure/cosmos-db/concepts-limits#sql-query-limits */
const MAX_STRING = 2 * 1024 * 1024;

function repeat(value: string, times: number): Value {
  if (times < 0 || value.length * times > MAX_STRING) return undefined;
  return value.repeat(Math.trunc(times));
}

function joined(list: readonly string[], separator: string): Value {
  const length = list.reduce((sum, part) => sum + part.length, separator.length * list.length);
  return length > MAX_STRING ? undefined : list.join(separator);
}

function toText(value: Value): Value {
  if (value === undefined || isString(value)) return value;
  return JSON.stringify(value);
}

function parse(value: string, accept: (parsed: Value) => boolean): Value {
  try {
    const parsed: Value = JSON.parse(value);
    return accept(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

const isPrimitive = (value: Value): boolean =>
  value !== undefined && (value === null || typeof value !== 'object');

/** Rounds half away from zero; `digits` decimals. */
function round(x: number, digits: number): number {
  const factor = 10 ** digits;
  return (Math.sign(x) * Math.round(Math.abs(x) * factor)) / factor;
}

/** The built-in functions; aggregates are not among them. */
export const FUNCTIONS: Readonly<Record<string, SqlFunction>> = {
  ABS: math(Math.abs),
  CEILING: math(Math.ceil),
  FLOOR: math(Math.floor),
  ROUND: ([x, digits]) => (isNumber(x) ? finite(round(x, isNumber(digits) ? digits : 0)) : undefined),
  TRUNC: math(Math.trunc),
  SIGN: math(Math.sign),
  SQRT: math(Math.sqrt),
  SQUARE: math((x) => x * x),
  EXP: math(Math.exp),
  LOG: ([x, base]) => {
    if (!isNumber(x)) return undefined;
    return finite(isNumber(base) ? Math.log(x) / Math.log(base) : Math.log(x));
  },
  LOG10: math(Math.log10),
  POWER: math2(Math.pow),
  SIN: math(Math.sin),
  COS: math(Math.cos),
  TAN: math(Math.tan),
  ASIN: math(Math.asin),
  ACOS: math(Math.acos),
  ATAN: math(Math.atan),
  ATN2: math2(Math.atan2),
  PI: () => Math.PI,
  DEGREES: math((x) => (x * 180) / Math.PI),
  RADIANS: math((x) => (x * Math.PI) / 180),
  COT: math((x) => 1 / Math.tan(x)),
  RAND: () => Math.random(),
  NUMBERBIN: ([x, size = 1]) =>
    isNumber(x) && isNumber(size) && size > 0 ? finite(Math.floor(x / size) * size) : undefined,
  INTBITAND: bits((x, y) => x & y),
  INTBITOR: bits((x, y) => x | y),
  INTBITXOR: bits((x, y) => x ^ y),
  INTBITNOT: ([x]) => (Number.isSafeInteger(x) ? -1 - (x as number) : undefined),
  INTBITLEFTSHIFT: bits((x, y) => x << (y & 63n)),
  INTBITRIGHTSHIFT: bits((x, y) => x >> (y & 63n)),
  INTADD: math2((x, y) => x + y),
  INTSUB: math2((x, y) => x - y),
  INTMUL: math2((x, y) => x * y),
  INTDIV: math2((x, y) => Math.trunc(x / y)),
  INTMOD: math2((x, y) => x % y),

  LOWER: text((x) => x.toLowerCase()),
  UPPER: text((x) => x.toUpperCase()),
  TRIM: text((x) => x.trim()),
  LTRIM: text((x) => x.trimStart()),
  RTRIM: text((x) => x.trimEnd()),
  REVERSE: text((x) => Array.from(x).reverse().join('')),
  LENGTH: text((x) => Array.from(x).length),
  CONCAT: (args) => (args.every(isString) ? args.join('') : undefined),
  STARTSWITH: textTest((x, y) => x.startsWith(y)),
  ENDSWITH: textTest((x, y) => x.endsWith(y)),
  CONTAINS: textTest((x, y) => x.includes(y)),
  STRINGEQUALS: textTest((x, y) => x === y),
  INDEX_OF: ([x, y, from]) =>
    isString(x) && isString(y) ? x.indexOf(y, isNumber(from) ? from : 0) : undefined,
  LEFT: ([x, n]) => (isString(x) && isNumber(n) ? x.slice(0, Math.max(0, n)) : undefined),
  RIGHT: ([x, n]) => (isString(x) && isNumber(n) ? (n <= 0 ? '' : x.slice(-n)) : undefined),
  SUBSTRING: ([x, from, n]) =>
    isString(x) && isNumber(from) && isNumber(n)
      ? x.slice(Math.max(0, from), Math.max(0, from) + Math.max(0, n))
      : undefined,
  REPLACE: ([x, from, to]) =>
    isString(x) && isString(from) && isString(to) ? (from === '' ? x : x.split(from).join(to)) : undefined,
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

  IS_DEFINED: typeTest((x) => x !== undefined),
  IS_NULL: typeTest((x) => x === null),
  IS_BOOL: typeTest((x) => typeof x === 'boolean'),
  IS_NUMBER: typeTest(isNumber),
  IS_FINITE_NUMBER: typeTest((x) => isNumber(x) && Number.isFinite(x)),
  IS_INTEGER: typeTest((x) => Number.isSafeInteger(x)),
  IS_STRING: typeTest(isString),
  IS_ARRAY: typeTest(isArray),
  IS_OBJECT: typeTest(isJsonObject),
  IS_PRIMITIVE: typeTest(isPrimitive),

  ARRAY_LENGTH: ([list]) => (isArray(list) ? list.length : undefined),
  ARRAY_CONCAT: (lists) => (lists.every(isArray) ? lists.flat(1) : undefined),
  ARRAY_SLICE: ([list, from, n]) => {
    if (!isArray(list) || !isNumber(from)) return undefined;
    const start = from < 0 ? Math.max(0, list.length + from) : from;
    return list.slice(start, isNumber(n) ? start + Math.max(0, n) : undefined);
  },
  ARRAY_CONTAINS: ([list, value, partial]) =>
    isArray(list) && value !== undefined ? contains(list, value, partial === true) : undefined,
  ARRAY_CONTAINS_ANY: ([list, ...values]) =>
    isArray(list) ? values.some((value) => contains(list, value, false)) : undefined,
  ARRAY_CONTAINS_ALL: ([list, ...values]) =>
    isArray(list) ? values.every((value) => contains(list, value, false)) : undefined,
  SETINTERSECT: ([a, b]) =>
    isArray(a) && isArray(b) ? unique(a.filter((item) => contains(b, item, false))) : undefined,
  SETUNION: ([a, b]) => (isArray(a) && isArray(b) ? unique([...a, ...b]) : undefined),
  SETDIFFERENCE: ([a, b]) =>
    isArray(a) && isArray(b) ? unique(a.filter((item) => !contains(b, item, false))) : undefined,
  OBJECTTOARRAY: ([x]) => (isJsonObject(x) ? Object.entries(x).map(([k, v]) => ({ k, v })) : undefined),
  IIF: ([condition, then, otherwise]) => (condition === true ? then : otherwise),

  CHOOSE: ([index, ...values]) => (isNumber(index) ? values[index - 1] : undefined),
  ...DATE_FUNCTIONS,
  ...SPATIAL_FUNCTIONS,
};

export type AggregateName = 'COUNT' | 'SUM' | 'AVG' | 'MIN' | 'MAX';

export const AGGREGATES: ReadonlySet<string> = new Set<AggregateName>(['COUNT', 'SUM', 'AVG', 'MIN', 'MAX']);

/** Adds up one aggregate over the rows of a group. */
export interface Accumulator {
  add(value: Value): void;
  result(): Value;
}

/** A value of a wrong type makes SUM and AVG undefined; missing values do not count. */
export function createAccumulator(name: AggregateName): Accumulator {
  let count = 0;
  let sum: number | undefined = 0;
  let best: Value;
  const keepBest = (sign: 1 | -1) => ({
    add(value: Value) {
      if (value === undefined) return;
      if (count++ === 0 || sign * compareValues(value, best) > 0) best = value;
    },
    result: () => best,
  });
  const addNumber = (value: Value): void => {
    if (value === undefined) return;
    count++;
    sum = isNumber(value) && sum !== undefined ? sum + value : undefined;
  };
  switch (name) {
    case 'COUNT':
      return { add: (value) => void (value === undefined || count++), result: () => count };
    case 'SUM':
      return { add: addNumber, result: () => sum };
    case 'AVG':
      return { add: addNumber, result: () => (count === 0 || sum === undefined ? undefined : sum / count) };
    case 'MIN':
      return keepBest(-1);
    case 'MAX':
      return keepBest(1);
    default:
      return name satisfies never;
  }
}
