import { fail, ok, type Failure, type Outcome } from '../errors';
import { isJsonObject, splitPath, type JsonObject, type PartitionKeyDefinition } from '../partition-key';
import type { ContainerDefinition, UniqueKey } from '../store/resources';
import { checkResourceId } from './feed';
import { checkTtl } from './content';

const MAX_KEY_PATHS = 3;

function badPath(path: unknown): Failure | undefined {
  if (typeof path !== 'string' || !path.startsWith('/') || path.length < 2) {
    return fail(
      'BadRequest',
      `The partition key component definition path '${String(path)}' could not be accepted, failed near position '0'.`,
    );
  }
  if (!/^(?:\/(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^/"'][^/]*|))+$/.test(path)) {
    return fail(
      'BadRequest',
      `The partition key component definition path '${path}' could not be accepted, failed near position '1'.`,
    );
  }
  if (path.endsWith('/') || path.includes('*') || splitPath(path).includes('')) {
    return fail(
      'BadRequest',
      'Partition key paths must contain only valid characters and not contain a trailing slash or wildcard character.',
    );
  }
  return undefined;
}

function checkPartitionKey(input: unknown): Outcome<PartitionKeyDefinition> {
  if (input === undefined)
    return ok({ paths: ['/_partitionKey'], kind: 'Hash', version: 2, systemKey: true });
  if (!isJsonObject(input)) return fail('BadRequest', 'The partition key definition must be an object.');
  const { paths, kind = 'Hash', version } = input;
  if (!Array.isArray(paths) || paths.length === 0)
    return fail('BadRequest', 'The partition key needs paths.');
  for (const path of paths as unknown[]) {
    const failure = badPath(path);
    if (failure) return failure;
  }
  if (kind !== 'Hash' && kind !== 'MultiHash') {
    return fail('BadRequest', `The partition key kind "${String(kind)}" is not known.`);
  }
  if (paths.length > (kind === 'Hash' ? 1 : MAX_KEY_PATHS)) {
    return fail('BadRequest', 'Too many partition key paths for this kind.');
  }
  if (version !== undefined && version !== 1 && version !== 2) {
    return fail('BadRequest', 'The partition key version must be 1 or 2.');
  }
  return ok({ paths: paths as string[], kind, ...(version !== undefined && { version }) });
}

const ETAG_PATH = { path: '/"_etag"/?' };

const INDEXING_MODES: ReadonlySet<string> = new Set(['consistent', 'lazy', 'none']);

function isPathList(list: unknown): boolean {
  const isPath = (entry: unknown): boolean =>
    isJsonObject(entry) && typeof entry['path'] === 'string' && entry['path'].startsWith('/');
  return Array.isArray(list) && list.every(isPath);
}

/** Fills in the defaults that the service shows. */
function normalizeIndexing(input: unknown): Outcome<JsonObject> {
  const policy = isJsonObject(input) ? { ...input } : {};
  const { indexingMode = 'consistent' } = policy;
  const mode = typeof indexingMode === 'string' ? indexingMode.toLowerCase() : '';
  if (!INDEXING_MODES.has(mode)) {
    return fail('BadRequest', 'The indexing mode must be "consistent", "lazy" or "none".');
  }
  policy['indexingMode'] = mode;
  policy['automatic'] = mode === 'none' ? false : (policy['automatic'] ?? true);
  if (mode === 'none') return ok(policy);
  policy['includedPaths'] ??= [{ path: '/*' }];
  for (const name of ['includedPaths', 'excludedPaths', 'spatialIndexes']) {
    if (!isPathList(policy[name] ?? [])) {
      return fail('BadRequest', `"${name}" of an indexing policy must be a list of paths.`);
    }
  }
  const excluded = (policy['excludedPaths'] ?? []) as unknown[];
  const hasEtag = excluded.some((entry) => isJsonObject(entry) && entry['path'] === ETAG_PATH.path);
  policy['excludedPaths'] = hasEtag ? excluded : [...excluded, ETAG_PATH];
  return ok(policy);
}

const isPolicy = (input: unknown): input is JsonObject | undefined | null =>
  input === undefined || input === null || isJsonObject(input);

/** Checks what is kept as it is given, and the retention of the change feed. */
function checkPolicies(input: JsonObject): Failure | undefined {
  for (const name of [
    'indexingPolicy',
    'conflictResolutionPolicy',
    'vectorEmbeddingPolicy',
    'fullTextPolicy',
    'geospatialConfig',
  ]) {
    if (!isPolicy(input[name])) return fail('BadRequest', `"${name}" must be an object.`);
  }
  const { changeFeedPolicy } = input;
  const minutes = isPolicy(changeFeedPolicy) ? (changeFeedPolicy?.['retentionDuration'] ?? 0) : -1;
  if (typeof minutes !== 'number' || !Number.isInteger(minutes) || minutes < 0) {
    return fail('BadRequest', 'The retention of the change feed must be a whole number of minutes.');
  }
  return undefined;
}

// https://learn.microsoft.com/azure/cosmos-db/concepts-limits#per-container-limits
const MAX_UNIQUE_KEYS = 10;
const MAX_UNIQUE_PATHS = 16;

function checkUniqueKey(input: unknown): Outcome<UniqueKey> {
  const paths = isJsonObject(input) ? input['paths'] : undefined;
  if (!Array.isArray(paths) || paths.length === 0 || paths.length > MAX_UNIQUE_PATHS) {
    return fail('BadRequest', `A unique key has between one and ${MAX_UNIQUE_PATHS} paths.`);
  }
  for (const path of paths as unknown[]) {
    if (badPath(path)) return fail('BadRequest', `The unique key path '${String(path)}' is invalid.`);
  }
  return ok({ paths: paths as string[] });
}

function checkUniqueKeys(input: unknown): Outcome<{ uniqueKeys: UniqueKey[] } | undefined> {
  if (!isPolicy(input)) return fail('BadRequest', 'The policy of unique keys must be an object.');
  const keys = input?.['uniqueKeys'] ?? [];
  if (!Array.isArray(keys) || keys.length > MAX_UNIQUE_KEYS) {
    return fail('BadRequest', `A container has at most ${MAX_UNIQUE_KEYS} unique keys.`);
  }
  const uniqueKeys: UniqueKey[] = [];
  for (const key of keys as unknown[]) {
    const checked = checkUniqueKey(key);
    if (!checked.ok) return checked;
    uniqueKeys.push(checked.value);
  }
  return ok(uniqueKeys.length === 0 ? undefined : { uniqueKeys });
}

const KEPT = [
  'conflictResolutionPolicy',
  'computedProperties',
  'vectorEmbeddingPolicy',
  'fullTextPolicy',
  'changeFeedPolicy',
] as const;

/** What a container would silently be without. */
const MISSING: Readonly<Record<string, string>> = {
  computedProperties: 'Computed properties are',
  clientEncryptionPolicy: 'Client encryption is',
  materializedViewDefinition: 'Materialised views are',
  analyticalStorageTtl: 'The analytical store is',
};

function checkMissing(input: JsonObject): Failure | undefined {
  for (const [name, what] of Object.entries(MISSING)) {
    const value = input[name];
    const isOff = value === undefined || value === null || value === 0;
    if (!isOff && !(Array.isArray(value) && value.length === 0)) {
      return fail('NotImplemented', `${what} not implemented.`);
    }
  }
  return undefined;
}

/** Checks and normalises the definition with which a container is created or replaced. */
export function checkDefinition(input: unknown): Outcome<ContainerDefinition> {
  if (!isJsonObject(input)) return fail('BadRequest', 'The container definition must be an object.');
  const id = checkResourceId(input['id']);
  if (!id.ok) return id;
  const partitionKey = checkPartitionKey(input['partitionKey']);
  if (!partitionKey.ok) return partitionKey;
  const ttl = checkTtl(input['defaultTtl']);
  if (!ttl.ok) return ttl;
  const policies = checkPolicies(input);
  if (policies) return policies;
  const unique = checkUniqueKeys(input['uniqueKeyPolicy']);
  if (!unique.ok) return unique;
  const missing = checkMissing(input);
  if (missing) return missing;
  const geospatial = isJsonObject(input['geospatialConfig'])
    ? input['geospatialConfig']['type']
    : 'Geography';
  if (geospatial !== 'Geography') {
    return fail('NotImplemented', 'Only the geospatial configuration "Geography" is implemented.');
  }
  const indexingPolicy = normalizeIndexing(input['indexingPolicy']);
  if (!indexingPolicy.ok) return indexingPolicy;
  const kept = Object.fromEntries(KEPT.filter((name) => name in input).map((name) => [name, input[name]]));
  return ok({
    ...kept,
    ...(unique.value && { uniqueKeyPolicy: unique.value }),
    id: id.value,
    indexingPolicy: indexingPolicy.value,
    partitionKey: partitionKey.value,
    ...(ttl.value !== null && { defaultTtl: ttl.value }),
    conflictResolutionPolicy: kept['conflictResolutionPolicy'] ?? {
      mode: 'LastWriterWins',
      conflictResolutionPath: '/_ts',
      conflictResolutionProcedure: '',
    },
    geospatialConfig: { type: geospatial },
  });
}
