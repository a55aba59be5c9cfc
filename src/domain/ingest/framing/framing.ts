import type { JsonObject } from '../../json';
import type { Format } from '../batch';
import { ArrayFramer } from './array';
import { CsvFramer } from './csv';
import { ndjsonFramer, recordsFramer, redriveFramer } from './ndjson';
import { MalformedBody, type Emit, type Framer, type RawRecord } from './raw';

export type Framed =
  | { readonly ok: true; readonly records: readonly RawRecord[] }
  | { readonly ok: false; readonly malformed: MalformedBody };

/**
 * What cuts a body into records. The starter, the split and the dry run all use it, so that what was accepted is what is
 * split.
 * - `ndjson`: one JSON value a line
 * - `json`: one JSON array
 * - `csv`: a header, then one record a row
 * - `redrive`, `records`: what the app writes when records are re-driven, and when they come by the records door
 *
 * A byte order mark at the beginning is skipped. Invalid UTF-8 is a fault, not replaced.
 * @param schema of a record: the cells of a CSV body get its types
 * @param whole the body comes in one piece that stays as it is: records may refer to it
 */
export function framerOf(format: Format, schema: JsonObject, emit: Emit, whole = false): Framer {
  return FRAMERS[format](schema, emit, whole);
}

const FRAMERS: Readonly<Record<Format, (schema: JsonObject, emit: Emit, whole: boolean) => Framer>> = {
  json: (_, emit, whole) => new ArrayFramer(emit, whole),
  ndjson: (_, emit, whole) => ndjsonFramer(emit, whole),
  csv: (schema, emit) => new CsvFramer(schema, emit),
  redrive: (_, emit) => redriveFramer(emit),
  records: (_, emit) => recordsFramer(emit),
};

class Enough extends Error {}

/**
 * Cuts a body that is in memory into records.
 * @param maxRecords stops reading there: the result then has `maxRecords + 1` records
 */
export function frame(body: Buffer, format: Format, schema: JsonObject, maxRecords: number): Framed {
  const known = framed.get(body);
  if (known?.format === format && known.schema === schema && known.result.records.length <= maxRecords)
    return known.result;
  const records: RawRecord[] = [];
  const framer = framerOf(
    format,
    schema,
    (raw) => {
      records.push(raw);
      if (records.length > maxRecords) throw new Enough();
    },
    true,
  );
  try {
    framer.write(body);
    framer.end();
  } catch (error) {
    if (error instanceof MalformedBody) return { ok: false, malformed: error };
    if (!(error instanceof Enough)) throw error;
  }
  const result = { ok: true, records } as const;
  framed.set(body, { format, schema, result });
  return result;
}

/** The starter has just framed what the split frames again: the same buffer, as long as somebody keeps it. */
const framed = new WeakMap<Buffer, { format: Format; schema: JsonObject; result: Framed & { ok: true } }>();
