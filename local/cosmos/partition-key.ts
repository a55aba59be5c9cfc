import { fail, ok, type Outcome } from './errors';

/** One component of a partition key; `undefined` for an item that lacks the path. */
export type KeyComponent = string | number | boolean | null | undefined;
export type PartitionKey = readonly KeyComponent[];

export type JsonObject = { [key: string]: unknown };

export interface PartitionKeyDefinition {
  readonly paths: readonly string[];
  readonly kind: 'Hash' | 'MultiHash';
  /** Hash version; absent stays absent and means 1. */
  readonly version?: number;
  readonly systemKey?: boolean;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Cuts `/a/"b c"/d` into its names; quoted names may hold slashes. */
export function splitPath(path: string): string[] {
  const names: string[] = [];
  const pattern = /\/(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^/]*))/gy;
  for (let match = pattern.exec(path); match; match = pattern.exec(path)) {
    names.push(match[1] ?? match[2] ?? match[3] ?? '');
    if (pattern.lastIndex >= path.length) break;
  }
  return names;
}

function componentAt(item: JsonObject, names: readonly string[]): Outcome<KeyComponent> {
  let value: unknown = item;
  for (const name of names) {
    value = isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  }
  return toComponent(value);
}

function toComponent(value: unknown): Outcome<KeyComponent> {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return ok(value);
  if (value === undefined || value === null) return ok(value);
  // The SDKs write "no value" as an empty object.
  if (isJsonObject(value) && Object.keys(value).length === 0) return ok(undefined);
  return fail('BadRequest', 'A partition key value must be a string, a number, a boolean or null.');
}

const pathCache = new Map<string, string[]>();

function namesOf(path: string): string[] {
  let names = pathCache.get(path);
  if (!names) {
    names = splitPath(path);
    if (pathCache.size < 1_000) pathCache.set(path, names);
  }
  return names;
}

/** The partition key an item has under this definition. */
export function extractKey(item: JsonObject, definition: PartitionKeyDefinition): Outcome<PartitionKey> {
  if (definition.systemKey) return ok([]);
  const key: KeyComponent[] = [];
  for (const path of definition.paths) {
    const component = componentAt(item, namesOf(path));
    if (!component.ok) return component;
    key.push(component.value);
  }
  return ok(key);
}

/** Reads the JSON array of `x-ms-documentdb-partitionkey`, or of an operation of a bulk request. */
export function parseKey(text: string, definition: PartitionKeyDefinition): Outcome<PartitionKey> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = undefined;
  }
  if (!Array.isArray(parsed)) return fail('BadRequest', 'The partition key supplied is no JSON array.');
  if (parsed.length > definition.paths.length) {
    return fail('BadRequest', 'The partition key has more components than the container defines.');
  }
  const key: KeyComponent[] = [];
  for (const value of parsed) {
    const component = toComponent(value);
    if (!component.ok) return component;
    key.push(component.value);
  }
  return ok(key);
}

/** The text under which a key is stored: equal keys and only those have equal texts. */
export function keyText(key: PartitionKey): string {
  return JSON.stringify(key.map((component) => (component === undefined ? {} : component)));
}

/** The key's paths without their leading slash, as the change feed names them. */
export function keyNames({ paths, systemKey }: PartitionKeyDefinition): string[] {
  return systemKey ? [] : paths.map((path) => namesOf(path).join('/'));
}

/** Whether the key names one logical partition, and not a prefix of a hierarchical key. */
export function isFullKey(key: PartitionKey, definition: PartitionKeyDefinition): boolean {
  return definition.systemKey === true || key.length === definition.paths.length;
}
