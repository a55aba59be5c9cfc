/**
 * What a body says, by the documentation and read in the plainest way: the whole text by `JSON.parse`, CSV by a parser of
 * its own. What the app answers, stores and lists is held against it.
 */
import { isUtf8 } from 'node:buffer';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { csvMeaning } from './csv-meaning';
import { holds, refused, type Expected, type Limits, type Meaning } from './expected';
import type { Members, Value } from './good';

/** Nesting of a record that is read (docs/errors.md, `malformed-body`). */
const MAX_DEPTH = 1000;

const NEWLINE = 10;
const BOM = '\ufeff';

const FORMATS: Readonly<Record<string, 'json' | 'ndjson' | 'csv'>> = {
  'application/json': 'json',
  'application/x-ndjson': 'ndjson',
  'application/ndjson': 'ndjson',
  'application/jsonl': 'ndjson',
  'text/csv': 'csv',
};

export interface Sent {
  readonly bytes: Buffer;
  readonly contentType: string | undefined;
  readonly contentEncoding: string | undefined;
}

/** A header's value as the other side gets it. */
const trimmed = (value: string | undefined): string => (value ?? '').trim().toLowerCase();

/** What a batch with this body and these headers says. */
export function batchMeaning(sent: Sent, limits: Limits): Meaning {
  const type = trimmed(sent.contentType?.split(';')[0]);
  const format = Object.hasOwn(FORMATS, type) ? FORMATS[type] : undefined;
  if (!format) return refused('unsupported-media-type', 'batch-too-large');
  const plain = decoded(sent, limits);
  if ('refusals' in plain) return plain;
  if (plain.length > limits.bytes) return refused('batch-too-large');
  return { json: arrayMeaning, ndjson: linesMeaning, csv: csvMeaning }[format](plain, limits);
}

/** https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1 */
const DECOMPRESS: Readonly<Record<string, typeof gunzipSync>> = {
  gzip: gunzipSync,
  'x-gzip': gunzipSync,
  br: brotliDecompressSync,
};

/** The body as it was before it was compressed. No bytes at all are an empty body, whatever they are said to be. */
function decoded({ bytes, contentEncoding }: Sent, limits: Limits): Meaning | Buffer {
  const coding = trimmed(contentEncoding);
  if (coding === '' || coding === 'identity') return bytes;
  const decompress = Object.hasOwn(DECOMPRESS, coding) ? DECOMPRESS[coding] : undefined;
  if (!decompress) return refused('unsupported-media-type', 'batch-too-large');
  if (bytes.length > limits.bytes) return refused('batch-too-large');
  if (bytes.length === 0) return bytes;
  try {
    const options = { maxOutputLength: limits.bytes, info: true };
    const { buffer, engine } = decompress(bytes, options) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    // What follows the end of the stream would be lost.
    return engine.bytesWritten < bytes.length ? refused('malformed-body') : buffer;
  } catch (error) {
    const isLarge = (error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE';
    return refused(isLarge ? 'batch-too-large' : 'malformed-body');
  }
}

/** How deep it is, and whether all its numbers are; without recursion, since nesting is what is tested. */
export function measure(value: Value): { depth: number; finite: boolean } {
  let depth = 0;
  let finite = true;
  const open: { value: Value; level: number }[] = [{ value, level: 0 }];
  for (let next = open.pop(); next; next = open.pop()) {
    const { value, level } = next;
    if (typeof value === 'number') finite &&= Number.isFinite(value);
    if (typeof value !== 'object' || value === null) continue;
    depth = Math.max(depth, level + 1);
    for (const item of Array.isArray(value) ? value : Object.values(value))
      open.push({ value: item, level: level + 1 });
  }
  return { depth, finite };
}

const isReadable = (record: Value): boolean => {
  const { depth, finite } = measure(record);
  return depth <= MAX_DEPTH && finite;
};

/** Undefined when it is no JSON. */
export function parsed(text: string): Value | undefined {
  try {
    return JSON.parse(text) as Value;
  } catch {
    return undefined;
  }
}

function arrayMeaning(bytes: Buffer, limits: Limits): Meaning {
  const text = isUtf8(bytes) ? bytes.toString('utf8') : undefined;
  const value = text === undefined ? undefined : parsed(text.startsWith(BOM) ? text.slice(1) : text);
  // Something wrong may lie behind more records than are looked at.
  const maybeMany = bytes.filter((byte) => byte === 0x2c).length >= limits.records ? ['batch-too-large'] : [];
  if (!Array.isArray(value)) return refused('malformed-body', ...maybeMany);
  if (value.length > limits.records) return refused('batch-too-large');
  if (!value.every(isReadable)) return refused('malformed-body', ...maybeMany);
  return value.length === 0 ? refused('empty-batch') : holds(value.map((record) => ({ value: record })));
}

function linesMeaning(bytes: Buffer, limits: Limits): Meaning {
  const records: Expected[] = [];
  for (let start = 0, first = true; start < bytes.length; first = false) {
    const end = bytes.indexOf(NEWLINE, start);
    const line = bytes.subarray(start, end === -1 ? bytes.length : end);
    start = end === -1 ? bytes.length : end + 1;
    if (!isUtf8(line)) return refused('malformed-body');
    const raw = line.toString('utf8');
    const text = first && raw.startsWith(BOM) ? raw.slice(1) : raw;
    if (text.trim() === '') continue;
    const value = parsed(text);
    if (value === undefined || !isReadable(value)) return refused('malformed-body');
    if (records.push({ value }) > limits.records) return refused('batch-too-large');
  }
  return records.length === 0 ? refused('empty-batch') : holds(records);
}

/** The object that a request about a subscription carries, or why it has to be refused before it is looked at. */
export function objectMeaning(
  sent: Sent,
  types: readonly string[],
): { refusals: string[] } | { object: Members } {
  if (sent.bytes.length > MAX_OBJECT_BYTES) return { refusals: ['body-too-large'] };
  if (!types.includes(trimmed(sent.contentType?.split(';')[0])))
    return { refusals: ['unsupported-media-type'] };
  const value = isUtf8(sent.bytes) ? parsed(sent.bytes.toString('utf8')) : undefined;
  if (value === undefined) return { refusals: ['malformed-body'] };
  const { depth, finite } = measure(value);
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject && finite && depth <= MAX_OBJECT_DEPTH
    ? { object: value }
    : { refusals: ['malformed-body'] };
}

/** docs/api.md: at most 32 KiB. */
const MAX_OBJECT_BYTES = 32 * 1024;
const MAX_OBJECT_DEPTH = 64;
