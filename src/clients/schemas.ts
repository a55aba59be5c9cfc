import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv2020, { type ErrorObject, type ValidateFunction } from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import { parseDataSet, type DataSet } from '../domain/dataset';
import type { SchemaCheck } from '../domain/ingest/validation';
import type { JsonObject } from '../domain/json';
import type { Blobs } from './blobs';

/** A data set at one version of its schema, and the compiled check. */
export interface CompiledDataSet {
  readonly dataset: DataSet;
  readonly check: SchemaCheck;
}

/** The data sets, also in versions that the deployed schemas no longer are. */
export interface Schemas {
  /** The deployed data sets, by name. */
  readonly all: ReadonlyMap<string, DataSet>;
  /** Keeps the deployed version, so that batches accepted under it are validated by it whatever is deployed later. */
  keep(dataset: DataSet): Promise<void>;
  /** The data set at the version that a batch was accepted under. */
  at(dataset: string, schemaVersion: string): Promise<CompiledDataSet>;
  /** The schema's file as it is deployed or was kept; undefined for a version that is neither. */
  text(dataset: string, schemaVersion: string): Promise<Buffer | undefined>;
}

/** Blobs of the data set's kept schemas begin with it. */
export const keptPrefix = (dataset: string): string => `${dataset}/`;

/** The version of a kept schema, by its blob's name. */
export const versionOf = (blob: string): string => blob.slice(blob.indexOf('/') + 1, -'.json'.length);

const blobName = (dataset: string, schemaVersion: string): string =>
  `${keptPrefix(dataset)}${schemaVersion}.json`;

/**
 * Of a longer record only the first error is looked for: looking for all of them goes on after a bound was found
 * broken (https://ajv.js.org/security.html#security-risks-of-trusted-schemas), and `uniqueItems` over 450,000 items takes minutes.
 */
const ALL_ERRORS_BYTES = 16 * 1024;

function validator(schema: JsonObject, allErrors: boolean): ValidateFunction {
  // One instance a schema: two versions of a data set have the same $id.
  const ajv = new Ajv2020({ allErrors, strict: true, allowUnionTypes: true });
  ajv.addKeyword({ keyword: 'x-headwater', schemaType: 'object' });
  addFormats(ajv);
  return ajv.compile(schema);
}

function compile(dataset: DataSet): CompiledDataSet {
  const first = validator(dataset.schema, false);
  // Compiled when the first record fails: most never do, and the start need not wait for it.
  let all: ValidateFunction | undefined;
  const check: SchemaCheck = (record, bytes) => {
    if (first(record)) return [];
    if (bytes > ALL_ERRORS_BYTES) return reasons(first.errors ?? []).map(toError);
    all ??= validator(dataset.schema, true);
    all(record);
    return reasons(all.errors ?? []).map(toError);
  };
  return { dataset, check };
}

/** `if` only says that one of its branches failed, and the branch says why. */
function reasons(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  const without = errors.filter(({ keyword }) => keyword !== 'if');
  return without.length > 0 ? without : errors;
}

function toError({ instancePath, keyword, message, params }: ErrorObject): {
  pointer: string;
  keyword: string;
  message: string;
} {
  const extra = (params as { additionalProperty?: string }).additionalProperty;
  const detail = extra === undefined ? '' : `: "${extra.slice(0, 100)}"`;
  return { pointer: instancePath, keyword, message: `${message ?? 'is not valid'}${detail}` };
}

/**
 * Loads and compiles every schema of a folder; adding a data set is adding a file.
 * @throws Error naming the file and what is wrong in it
 */
export function loadSchemas(folder: string, blobs: Pick<Blobs, 'create' | 'read'>): Schemas {
  const texts = new Map<string, string>();
  const compiled = new Map<string, CompiledDataSet>();
  const all = new Map<string, DataSet>();
  for (const file of readdirSync(folder).toSorted()) {
    if (!file.endsWith('.json')) continue;
    const text = readFileSync(join(folder, file), 'utf8');
    const dataset = parseDataSet(file.slice(0, -'.json'.length), text);
    const name = blobName(dataset.name, dataset.schemaVersion);
    texts.set(name, text);
    compiled.set(name, compileOrExplain(dataset));
    all.set(dataset.name, dataset);
  }
  const kept = new Set<string>();
  return {
    all,

    async keep({ name, schemaVersion }) {
      const blob = blobName(name, schemaVersion);
      if (kept.has(blob)) return;
      await blobs.create('schemas', blob, Buffer.from(texts.get(blob) ?? ''), {
        contentType: 'application/schema+json',
      });
      kept.add(blob);
    },

    async at(name, schemaVersion) {
      const blob = blobName(name, schemaVersion);
      const known = compiled.get(blob);
      if (known) return known;
      const content = await blobs.read('schemas', blob);
      if (!content) throw new Error(`The schema ${blob} is neither deployed nor kept.`);
      const dataset = compileOrExplain({ ...parseDataSet(name, content.toString('utf8')), schemaVersion });
      compiled.set(blob, dataset);
      return dataset;
    },

    async text(name, schemaVersion) {
      const blob = blobName(name, schemaVersion);
      const deployed = texts.get(blob);
      return deployed === undefined ? blobs.read('schemas', blob) : Buffer.from(deployed);
    },
  };
}

function compileOrExplain(dataset: DataSet): CompiledDataSet {
  try {
    return compile(dataset);
  } catch (error) {
    throw new Error(`schemas/${dataset.name}.json does not compile: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
