import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv2020, { type ValidateFunction } from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import { APP_DIR } from './paths';

/** The schema of a data set, as the app gets it. */
export interface DataSetSchema {
  readonly 'x-headwater': {
    readonly key: string;
    readonly eventTime: {
      readonly pointer: string;
      readonly format: string;
      readonly allowedSkewSeconds: number;
    };
    readonly deletion?: { readonly pointer: string };
    readonly media?: readonly { readonly pointer: string; readonly contentType: string }[];
  };
}

/** `schemas/{dataset}.json` of the project. */
export function schemaOf(dataset: string): DataSetSchema {
  return JSON.parse(readFileSync(join(APP_DIR, 'schemas', `${dataset}.json`), 'utf8')) as DataSetSchema;
}

/** The check of a schema, which throws when the schema does not compile in strict mode. */
export function compiled(schema: object, { allErrors = false } = {}): ValidateFunction {
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors });
  addFormats(ajv);
  ajv.addKeyword('x-headwater');
  return ajv.compile(schema);
}
