import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import Ajv2020 from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import type { JsonObject } from '../../src/domain/json';
import { ApiError, type Api } from './api';
import { compareSchemas } from './schemas/compare';
import { isObject } from './schemas/document';
import type { Breaks, SchemaChange } from './schemas/finding';

/** A version of a data set's schema, as `GET /api/datasets/{dataset}/schemas` lists it. */
export interface SchemaVersion {
  readonly schemaVersion: string;
  readonly current: boolean;
  readonly documents: number;
  readonly keptAt: string | null;
}

/** What a schema breaks, seen from one version that is in use. */
export interface VersionCheck {
  readonly schemaVersion: string;
  readonly current: boolean;
  readonly documents: number;
  /** Whether `x-headwater.version` is higher than that of this version; null: it is this version. */
  readonly versionRaised: boolean | null;
  readonly breaks: Breaks;
  readonly changes: readonly SchemaChange[];
}

export interface SchemaCheckResult {
  readonly dataset: string;
  /** Of the file that was checked. */
  readonly schemaVersion: string;
  readonly breaks: Breaks;
  readonly against: readonly VersionCheck[];
  /** Versions in use of which there is no text to compare with. */
  readonly notCompared: readonly { readonly schemaVersion: string; readonly why: string }[];
}

/** A schema that the app could be deployed with. */
export interface SchemaFile {
  readonly schema: JsonObject;
  readonly schemaVersion: string;
}

/** Why nothing could be checked: of the file, the address, the key or the names. */
export class NotChecked extends Error {}

const declared = (schemaVersion: string): number => Number(schemaVersion.split('+')[0]);

/**
 * Reads a schema as the app does when it starts.
 * @throws NotChecked when the app would not start with it
 */
export function readSchemaFile(path: string): SchemaFile {
  const text = attempt(`${path} cannot be read`, () => readFileSync(path, 'utf8'));
  const schema = attempt(`${path} is not JSON`, () => JSON.parse(text) as unknown);
  const block = isObject(schema) ? schema['x-headwater'] : undefined;
  if (!isObject(schema) || !isObject(block) || !Number.isSafeInteger(block['version']))
    throw new NotChecked(`${path} has no x-headwater block with a whole version.`);
  attempt(`${path} does not compile`, () => {
    const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
    ajv.addKeyword({ keyword: 'x-headwater', schemaType: 'object' });
    return addFormats(ajv).compile(schema);
  });
  const version = Number(block['version']);
  return { schema, schemaVersion: `${version}+${hash('sha256', text).slice(0, 8)}` };
}

function attempt<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw new NotChecked(`${what}: ${(error as Error).message}`, { cause: error });
  }
}

/** @throws NotChecked when the API refuses, or does not answer */
export async function listVersions(api: Api, dataset: string): Promise<SchemaVersion[]> {
  const { value } = await asked(api, () =>
    api.get<{ value: SchemaVersion[] }>(`/api/datasets/${encodeURIComponent(dataset)}/schemas`),
  );
  return value;
}

/** @throws NotChecked when the API refuses, or does not answer */
export async function listDatasets(api: Api): Promise<string[]> {
  const { value } = await asked(api, () => api.get<{ value: { name: string }[] }>('/api/datasets'));
  return value.map(({ name }) => name);
}

async function asked<T>(api: Api, request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    if (error instanceof ApiError && error.status === 401)
      throw new NotChecked(`${api.url} does not take the key: --key names another one.`, { cause: error });
    if (error instanceof ApiError) throw new NotChecked(error.message, { cause: error });
    const cause = (error as Error).cause ?? error;
    throw new NotChecked(`${api.url} does not answer: ${String(cause)}`, { cause: error });
  }
}

/** The text of a version, or why there is none. */
async function schemaOf(
  api: Api,
  dataset: string,
  schemaVersion: string,
): Promise<{ schema: JsonObject } | { why: string }> {
  const path = `/api/datasets/${encodeURIComponent(dataset)}/schemas/${encodeURIComponent(schemaVersion)}`;
  const response = await asked(api, () => api.request(path));
  const text = await response.text();
  if (response.status === 404) return { why: 'documents carry it, and no schema of this version was kept.' };
  if (!response.ok) throw new NotChecked(new ApiError(response.status, text).message);
  const schema = attempt(`The kept schema ${schemaVersion} is not JSON`, () => JSON.parse(text) as unknown);
  return isObject(schema) ? { schema } : { why: 'what was kept is no schema.' };
}

/** Of several, whom they break together. */
export function together(breaks: readonly Breaks[]): Breaks {
  const [producers, consumers] = (['producers', 'consumers'] as const).map((whom) =>
    breaks.some((one) => one === whom || one === 'both'),
  );
  if (producers && consumers) return 'both';
  return producers ? 'producers' : consumers ? 'consumers' : 'nobody';
}

/**
 * Compares a schema with the versions in use: the deployed one and those that stored documents carry.
 * @param against only with this version
 * @throws NotChecked when the versions cannot be read
 */
export async function checkSchema(
  api: Api,
  dataset: string,
  file: SchemaFile,
  against?: string,
): Promise<SchemaCheckResult> {
  const versions = await listVersions(api, dataset);
  const chosen = versions.filter(({ schemaVersion, current, documents }) =>
    against === undefined ? current || documents > 0 : schemaVersion === against,
  );
  if (chosen.length === 0) {
    const known = versions.map(({ schemaVersion }) => schemaVersion).join(', ');
    throw new NotChecked(`${dataset} has no version ${against ?? ''}. There are: ${known}.`);
  }
  const checks: VersionCheck[] = [];
  const notCompared: { schemaVersion: string; why: string }[] = [];
  for (const { schemaVersion, current, documents } of chosen) {
    const same = schemaVersion === file.schemaVersion;
    const earlier = same ? file : await schemaOf(api, dataset, schemaVersion);
    if ('why' in earlier) {
      notCompared.push({ schemaVersion, why: earlier.why });
      continue;
    }
    const changes = compareSchemas(earlier.schema, file.schema);
    checks.push({
      schemaVersion,
      current,
      documents,
      versionRaised: same ? null : declared(file.schemaVersion) > declared(schemaVersion),
      breaks: together(changes.map(({ breaks }) => breaks)),
      changes,
    });
  }
  const breaks = together(checks.map((check) => check.breaks));
  return { dataset, schemaVersion: file.schemaVersion, breaks, against: checks, notCompared };
}

/** 0: nothing breaks; 1: something does; 2: that cannot be said, because a version could not be compared. */
export function exitCodeOf({ breaks, notCompared }: SchemaCheckResult): 0 | 1 | 2 {
  if (breaks !== 'nobody') return 1;
  return notCompared.length > 0 ? 2 : 0;
}
