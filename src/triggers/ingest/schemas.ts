import { keptPrefix, versionOf } from '../../clients/schemas';
import { Problem } from '../../domain/problem';
import { page, type Handler } from '../http';
import type { TriggerDeps } from './deps';
import { datasetOf } from './reception';

/** One version of a data set's schema. */
interface SchemaVersion {
  readonly schemaVersion: string;
  /** It is the deployed one. */
  readonly current: boolean;
  /** Made under it, tombstones among them. */
  readonly documents: number;
  /** Null: no batch was accepted under it yet. */
  readonly keptAt: string | null;
}

/** The deployed one first, then the last one kept. */
const byAge = (one: SchemaVersion, other: SchemaVersion): number =>
  Number(other.current) - Number(one.current) ||
  (other.keptAt ?? '').localeCompare(one.keptAt ?? '') ||
  one.schemaVersion.localeCompare(other.schemaVersion);

/** `GET /api/datasets/{dataset}/schemas`: every version that is deployed, was kept, or that a document carries. */
export function createListSchemas({
  schemas,
  blobs,
  documents,
}: Pick<TriggerDeps, 'schemas' | 'blobs' | 'documents'>): Handler {
  return async (request) => {
    const { name, schemaVersion: current } = datasetOf(request, schemas.all);
    const kept = new Map<string, string>();
    for await (const blob of blobs.list('schemas', keptPrefix(name)))
      kept.set(versionOf(blob.name), blob.modifiedOn.toISOString());
    const made = await documents.countBySchema(name);
    const versions = new Set([current, ...kept.keys(), ...made.keys()]);
    const value = Array.from(versions, (schemaVersion): SchemaVersion => ({
      schemaVersion,
      current: schemaVersion === current,
      documents: made.get(schemaVersion) ?? 0,
      keptAt: kept.get(schemaVersion) ?? null,
    }));
    return page(value.toSorted(byAge));
  };
}

/** See `schemaVersion` of a data set. Nothing else may become part of a blob's name. */
const VERSION = /^\d{1,16}\+[0-9a-f]{8}$/;

/** `GET /api/datasets/{dataset}/schemas/{schemaVersion}`: the schema's file, byte for byte. */
export function createGetSchema({ schemas }: Pick<TriggerDeps, 'schemas'>): Handler {
  return async (request) => {
    const { name } = datasetOf(request, schemas.all);
    const schemaVersion = versionIn(request.url);
    const text = VERSION.test(schemaVersion) ? await schemas.text(name, schemaVersion) : undefined;
    if (!text)
      throw new Problem(
        'unknown-schema',
        `The data set ${name} has no schema of the version "${schemaVersion.slice(0, 100)}". ` +
          `In a path its "+" is written as %2B; GET /api/datasets/${name}/schemas lists those that there are.`,
      );
    return {
      status: 200,
      headers: { 'Content-Type': 'application/schema+json; charset=utf-8' },
      body: text,
    };
  };
}

/** From the URL itself: platforms differ in how they decode a route's parameters. A plain "+" is itself in a path. */
function versionIn(url: string): string {
  const [, segment = ''] = /\/schemas\/([^/]*)$/i.exec(new URL(url).pathname) ?? [];
  try {
    return decodeURIComponent(segment);
  } catch {
    return '';
  }
}
