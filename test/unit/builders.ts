import { parseDataSet, type DataSet } from '../../src/domain/dataset';
import type { ValidRecord } from '../../src/domain/ingest/validation';

/** A schema file with this `x-headwater` block. */
export function schemaText(block: object, schema: object = { type: 'object' }): string {
  return JSON.stringify({ 'x-headwater': { version: 1, key: '/id', ...block }, ...schema });
}

/** A data set of readings: keyed by `/id`, ordered by `/at`, deleted by `/gone`. */
export function readings(block: object = {}): DataSet {
  const eventTime = { pointer: '/at', format: 'date-time', allowedSkewSeconds: 60 };
  const deletion = { pointer: '/gone', equals: true };
  return parseDataSet('readings', schemaText({ eventTime, deletion, ...block }));
}

/** A record as validation passes it on. `content` decides its hash. */
export function validRecord(
  record: Partial<ValidRecord> & { readonly key: string; readonly content?: string | number },
): ValidRecord {
  const { content = 'content', ...given } = record;
  const deleted = given.deleted ?? false;
  return {
    index: 0,
    group: 0,
    eventTime: 0,
    deleted,
    hash: `hash of ${content}`,
    data: { content },
    ...given,
  };
}
