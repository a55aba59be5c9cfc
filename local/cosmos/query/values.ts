import { isJsonObject, type JsonObject } from '../partition-key';
import { MAX_CANONICAL } from './bounds';
import { QueryError } from './lexer';

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

/** Writes a value so that equal ones have equal texts. */
class CanonicalText {
  text = '';

  write(value: Value): void {
    if (this.text.length > MAX_CANONICAL)
      throw new QueryError('The query compares a value that is too large.');
    if (Array.isArray(value)) this.list(value as readonly Value[]);
    else if (isJsonObject(value)) this.object(value);
    else this.text += JSON.stringify(value) ?? 'undefined';
  }

  private list(values: readonly Value[]): void {
    this.text += '[';
    for (let i = 0; i < values.length; i++) {
      if (i > 0) this.text += ',';
      this.write(values[i]);
    }
    this.text += ']';
  }

  private object(value: JsonObject): void {
    let separator = '{';
    for (const name of Object.keys(value).sort(compareStrings)) {
      this.text += `${separator}${JSON.stringify(name)}:`;
      this.write(value[name]);
      separator = ',';
    }
    this.text += separator === '{' ? '{}' : '}';
  }
}

/** A text that is equal for equal values, and for those only. @throws QueryError when it would be too long */
export function canonical(value: Value): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined';
  const writer = new CanonicalText();
  writer.write(value);
  return writer.text;
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
