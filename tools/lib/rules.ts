import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv2020, { type ValidateFunction } from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import { APP_DIR } from './paths';
import type { DataSetRules } from './verdicts';

/** The schema of a data set, as the app gets it. */
export interface DataSetSchema {
  readonly properties: Readonly<Record<string, { readonly type?: string | readonly string[] }>>;
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

/** The rules of a data set, from its schema. */
export function rulesOf(dataset: string): DataSetRules {
  const schema = schemaOf(dataset);
  const { key, eventTime, deletion, media = [] } = schema['x-headwater'];
  return {
    keyProperty: key.slice(1),
    eventTimeProperty: eventTime.pointer.slice(1),
    eventTimeOf: timeReader(eventTime.format),
    ...(deletion ? { deletionProperty: deletion.pointer.slice(1) } : {}),
    allowedSkewMs: eventTime.allowedSkewSeconds * 1_000,
    jpegProperties: media.map(({ pointer }) => pointer.slice(1)),
    valid: compiled(schema),
  };
}

/** How event times of a format are read; the schema has said already that the value has it. */
function timeReader(format: string): DataSetRules['eventTimeOf'] {
  // A day without a time is read as its midnight in UTC (https://tc39.es/ecma262/#sec-date-time-string-format).
  if (format === 'date' || format === 'date-time') return (value) => Date.parse(String(value));
  if (format === 'epoch-seconds') return (value) => Number(value) * 1_000;
  throw new Error(`No sample has event times in the format ${format}.`);
}
