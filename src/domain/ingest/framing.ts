import { isUtf8 } from 'node:buffer';
import { unwritable, type Json } from '../json';
import type { Format } from './batch';
import { cutArray, isNestedDeeper, TOO_DEEP } from './cut';

/** Why a body cannot be read: what is wrong, and where. */
export interface FramingFault {
  readonly reason: string;
  /** 1-based line of an NDJSON body */
  readonly line?: number;
  /** 0-based index of the record */
  readonly record?: number;
}

export type Framed =
  | { readonly ok: true; readonly records: readonly Json[] }
  | { readonly ok: false; readonly fault: FramingFault };

/** Nesting that cannot be read without risking the stack; what lies between this and the data sets' bound is quarantined. */
const MAX_READABLE_DEPTH = 1000;

/** A line shorter than this cannot be nested so deeply that reading it costs much. */
const HARMLESS_BYTES = 64 * 1024;

const NEWLINE = 10;
const BOM = '\uFEFF';
const BOM_BYTES = Buffer.from(BOM);

/**
 * Cuts a body into records. Both the starter and the split use it, so that what was accepted is what is split.
 * - `ndjson`: one JSON value a line; CR before the line feed and blank lines are allowed
 *   (https://github.com/ndjson/ndjson-spec)
 * - `json`: one JSON array
 * A byte order mark at the beginning is skipped. Invalid UTF-8 is a fault, not replaced.
 * @param maxRecords stops reading there: the result then has `maxRecords + 1` records
 */
export function frame(body: Buffer, format: Format, maxRecords: number): Framed {
  const known = framed.get(body);
  if (known?.format === format && known.result.records.length <= maxRecords) return known.result;
  const result = format === 'ndjson' ? frameLines(body, maxRecords) : frameArray(body, maxRecords);
  if (result.ok) framed.set(body, { format, result });
  return result;
}

/** The starter has just framed what the split frames again: the same buffer, as long as somebody keeps it. */
const framed = new WeakMap<Buffer, { format: Format; result: Framed & { ok: true } }>();

function frameLines(body: Buffer, maxRecords: number): Framed {
  const records: Json[] = [];
  let start = 0;
  for (let line = 1; start < body.length; line++) {
    const end = body.indexOf(NEWLINE, start);
    const bytes = body.subarray(start, end === -1 ? body.length : end);
    start = end === -1 ? body.length : end + 1;
    const parsed = parseLine(bytes, line === 1);
    if ('blank' in parsed) continue;
    if ('reason' in parsed)
      return { ok: false, fault: { reason: parsed.reason, line, record: records.length } };
    records.push(parsed.value);
    if (records.length > maxRecords) break;
  }
  return { ok: true, records };
}

function parseLine(bytes: Buffer, first: boolean): { value: Json } | { blank: true } | { reason: string } {
  if (!isUtf8(bytes)) return { reason: 'The line is not valid UTF-8.' };
  if (bytes.length > HARMLESS_BYTES && isNestedDeeper(bytes, MAX_READABLE_DEPTH)) return { reason: TOO_DEEP };
  const raw = bytes.toString('utf8');
  const text = first && raw.startsWith(BOM) ? raw.slice(1) : raw;
  if (text.trim() === '') return { blank: true };
  return parse(text, 'line');
}

function frameArray(body: Buffer, maxRecords: number): Framed {
  if (!isUtf8(body)) return { ok: false, fault: { reason: 'The body is not valid UTF-8.' } };
  const start = body.subarray(0, BOM_BYTES.length).equals(BOM_BYTES) ? BOM_BYTES.length : 0;
  const cut = cutArray(body, start, maxRecords, MAX_READABLE_DEPTH);
  if (!cut.ok) {
    const { ok: _, ...fault } = cut;
    return { ok: false, fault };
  }
  const records: Json[] = [];
  for (const slice of cut.slices) {
    const parsed = parse(body.toString('utf8', slice.start, slice.end), 'record');
    if ('reason' in parsed) return { ok: false, fault: { reason: parsed.reason, record: records.length } };
    records.push(parsed.value);
  }
  return { ok: true, records };
}

/** The value, or why it is none. */
function parse(text: string, what: 'line' | 'record'): { value: Json } | { reason: string } {
  try {
    const value = JSON.parse(text) as Json;
    const reason = unwritable(value, MAX_READABLE_DEPTH);
    return reason ? { reason } : { value };
  } catch (error) {
    return { reason: `The ${what} is not a JSON value: ${(error as Error).message}` };
  }
}
