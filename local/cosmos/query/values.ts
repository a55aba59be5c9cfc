import { isJsonObject, type JsonObject } from '../partition-key';

/** What an expression yields; `undefined` is the language's undefined. */
export type Value = unknown;

/** The order of types in ORDER BY, MIN and MAX. */
function typeRank(value: Value): number {
  if (value === undefined) return 0;
  if (value === null) return 1;
  if (typeof value === 'boolean') return 2;
  if (typeof value === 'number') return 3;
  if (typeof value === 'string') return 4;
  return Array.isArray(value) ? 5 : 6;
}

const SURROGATES = 0xd800;
const isHigh = (unit: number): boolean => unit >= SURROGATES && unit < 0xdc00;
const isLow = (unit: number): boolean => unit >= 0xdc00 && unit < 0xe000;

/** Compares by code point, as UTF-8 does (and SQLite): JavaScript's own order differs above U+FFFF. */
export function compareStrings(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    if (x < SURROGATES || y < SURROGATES) return x - y;
    // What differs may be the second half of a pair.
    const start = (isLow(x) || isLow(y)) && i > 0 && isHigh(a.charCodeAt(i - 1)) ? i - 1 : i;
    return (a.codePointAt(start) ?? 0) - (b.codePointAt(start) ?? 0);
  }
  return a.length - b.length;
}

/** Total order over all values: by type first, then within the type. */
export function compareValues(a: Value, b: Value): number {
  const rank = typeRank(a) - typeRank(b);
  if (rank !== 0) return rank;
  if (typeof a === 'string') return compareStrings(a, b as string);
  if (typeof a === 'number') return a - (b as number);
  if (typeof a === 'boolean') return Number(a) - Number(b);
  if (a === undefined || a === null) return 0;
  return compareStrings(canonical(a), canonical(b));
}

/** Deep equality; property order does not matter. */
export function equalValues(a: Value, b: Value): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, i) => equalValues(item, b[i]));
  }
  if (!isJsonObject(a) || !isJsonObject(b)) return false;
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every((name) => Object.hasOwn(b, name) && equalValues(a[name], b[name]));
}

/** A text that is equal for equal values, and for those only. */
export function canonical(value: Value): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (isJsonObject(value)) {
    const names = Object.keys(value).sort(compareStrings);
    return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(',')}}`;
  }
  return JSON.stringify(value) ?? 'undefined';
}

/** A property of an object or an element of an array; anything else is undefined. */
export function member(of: Value, name: Value): Value {
  if (typeof name === 'string') {
    return isJsonObject(of) && Object.hasOwn(of, name) ? of[name] : undefined;
  }
  return Array.isArray(of) && typeof name === 'number' ? (of as unknown[])[name] : undefined;
}

/** Sets a property whatever its name is (`__proto__` included). */
export function setProperty(object: JsonObject, name: string, value: Value): void {
  if (name === '__proto__') {
    Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
  } else object[name] = value;
}
