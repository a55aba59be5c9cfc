/** Any JSON value, as `JSON.parse` gives it. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

export type JsonObject = { [name: string]: Json };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Splits a JSON Pointer (RFC 6901) into its reference tokens; `''` is the whole document. */
export function pointerTokens(pointer: string): string[] {
  if (pointer === '') return [];
  if (!pointer.startsWith('/'))
    throw new RangeError(`"${pointer}" is no JSON Pointer: it must begin with "/" (RFC 6901).`);
  return pointer
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** The JSON Pointer of reference tokens. */
export function pointerOf(tokens: readonly string[]): string {
  return tokens.map((token) => `/${token.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** An array's members are its items; `length` is none (RFC 6901, section 4). */
const ARRAY_INDEX = /^(?:0|[1-9]\d*)$/;

/** The value at the tokens, or undefined. Only own properties count: a record cannot reach a prototype. */
export function valueAt(value: Json | undefined, tokens: readonly string[]): Json | undefined {
  let current = value;
  for (const token of tokens) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, token)) return undefined;
    if (Array.isArray(current) && !ARRAY_INDEX.test(token)) return undefined;
    current = (current as JsonObject)[token];
  }
  return current;
}

/** A copy of `value` in which the value at `tokens` is `replacement`, or is left out when that is undefined. */
export function withValueAt(value: Json, tokens: readonly string[], replacement: Json | undefined): Json {
  const [token, ...rest] = tokens;
  if (token === undefined) return replacement ?? null;
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, token)) return value;
  const inner =
    rest.length === 0 ? replacement : withValueAt((value as JsonObject)[token] as Json, rest, replacement);
  if (Array.isArray(value))
    return value.map((item, index) => (String(index) === token ? (inner ?? null) : item));
  if (inner === undefined) {
    const { [token]: _, ...others } = value;
    return others;
  }
  // `fromEntries` keeps an own "__proto__" as data; assignment would set the prototype instead.
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, name === token ? inner : item]),
  );
}

/** Whether arrays and objects are nested deeper than `limit` levels. */
export function isDeeperThan(value: Json, limit: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (limit === 0) return true;
  for (const item of Array.isArray(value) ? value : Object.values(value)) {
    if (typeof item === 'object' && isDeeperThan(item, limit - 1)) return true;
  }
  return false;
}

/**
 * Why a parsed value cannot be written as JSON again without loss or failure: a number beyond the range of a
 * double (parsed as infinity), or nesting deeper than `maxDepth` levels. Undefined when it can.
 */
export function unwritable(value: Json, maxDepth: number): string | undefined {
  if (typeof value === 'number')
    return Number.isFinite(value) ? undefined : 'A number is beyond the range of a double.';
  if (typeof value !== 'object' || value === null) return undefined;
  if (maxDepth === 0) return 'It is nested too deeply.';
  for (const item of Array.isArray(value) ? value : Object.values(value)) {
    if (typeof item === 'string') continue;
    const fault = unwritable(item, maxDepth - 1);
    if (fault) return fault;
  }
  return undefined;
}
