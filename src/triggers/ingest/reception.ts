import { promisify } from 'node:util';
import { brotliDecompress, gunzip } from 'node:zlib';
import type { HttpRequest } from '@azure/functions';
import { sha256 } from '../../domain/content';
import type { DataSet } from '../../domain/dataset';
import type { BatchHeader, Encoding, Format, OnInvalid } from '../../domain/ingest/batch';
import { frame } from '../../domain/ingest/framing/framing';
import type { RawRecord } from '../../domain/ingest/framing/raw';
import { Problem } from '../../domain/problem';
import type { Config } from '../../config';
import { choiceParameter } from '../http';

const FORMATS: Readonly<Record<string, Format>> = {
  'application/json': 'json',
  'application/x-ndjson': 'ndjson',
  'application/ndjson': 'ndjson',
  'application/jsonl': 'ndjson',
  'text/csv': 'csv',
};

const ENCODINGS: Readonly<Record<string, Encoding | undefined>> = {
  '': undefined,
  identity: undefined,
  gzip: 'gzip',
  'x-gzip': 'gzip',
  br: 'br',
};

/** What is fixed about a batch by its request, but for the body. */
export interface Reception extends Omit<BatchHeader, 'id' | 'receivedAt'> {
  /** Absent: it lies in an upload. */
  readonly body?: Buffer;
}

/**
 * The data set of a route.
 * @throws Problem `unknown-dataset`, naming those that exist
 */
export function datasetOf(request: HttpRequest, all: ReadonlyMap<string, DataSet>): DataSet {
  const name = request.params['dataset'] ?? '';
  const dataset = all.get(name);
  if (dataset) return dataset;
  const datasets = [...all.keys()];
  throw new Problem(
    'unknown-dataset',
    `There is no data set "${name.slice(0, 100)}". There are: ${datasets.join(', ')}.`,
    { datasets },
  );
}

/**
 * The idempotency key, or undefined without one.
 * @throws Problem `invalid-parameter`
 */
export function idempotencyKey(request: HttpRequest): string | undefined {
  const key = request.headers.get('idempotency-key') ?? undefined;
  if (key === undefined || /^[\x20-\x7e]{1,255}$/.test(key)) return key;
  throw new Problem(
    'invalid-parameter',
    'The Idempotency-Key header must hold 1 to 255 printable ASCII characters.',
    {
      parameter: 'Idempotency-Key',
    },
  );
}

/**
 * `?onInvalid=`
 * @throws Problem `invalid-parameter`
 */
export function onInvalidOf(request: HttpRequest): OnInvalid {
  return choiceParameter(request, 'onInvalid', ['quarantine', 'reject']) ?? 'quarantine';
}

/**
 * The format that the content type names.
 * @param allowed those that the route takes
 * @throws Problem `unsupported-media-type`
 */
export function formatOf(
  request: HttpRequest,
  allowed: readonly Format[] = ['json', 'ndjson', 'csv'],
): Format {
  const type = (request.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  const format = Object.hasOwn(FORMATS, type) ? FORMATS[type] : undefined;
  if (format !== undefined && allowed.includes(format)) return format;
  const supported = Object.entries(FORMATS).flatMap(([name, one]) => (allowed.includes(one) ? [name] : []));
  throw new Problem(
    'unsupported-media-type',
    `The content type "${type.slice(0, 100)}" is not supported. Send one of ${supported.join(', ')}.`,
    { supported },
  );
}

/**
 * How the body is compressed; undefined when it is not.
 * @throws Problem `unsupported-media-type`
 */
export function encodingOf(request: HttpRequest): Encoding | undefined {
  const encoding = request.headers.get('content-encoding')?.trim().toLowerCase() ?? '';
  if (Object.hasOwn(ENCODINGS, encoding)) return ENCODINGS[encoding];
  const supported = ['gzip', 'br', 'identity'];
  throw new Problem(
    'unsupported-media-type',
    `The content encoding "${encoding.slice(0, 100)}" is not supported. Send one of ${supported.join(', ')}.`,
    { supported },
  );
}

export function tooLarge(what: string, limit: number, unit: string): Problem {
  return new Problem(
    'batch-too-large',
    `${what} At most ${limit} ${unit} are allowed; send several batches.`,
    { limit, unit },
  );
}

type Decompress = (body: Buffer, options: object) => Promise<unknown>;

const decompressors: Readonly<Record<Encoding, Decompress>> = {
  gzip: promisify(gunzip),
  br: promisify(brotliDecompress),
};

/** What is wrong with bytes behind the end of what is compressed. */
const JUNK = 'Something follows the end of the compressed stream';

/** Stops at the limit: what a small body expands to is never in memory. */
async function decompress(body: Buffer, encoding: Encoding, maxBytes: number): Promise<Buffer> {
  try {
    // https://nodejs.org/api/zlib.html#class-options
    const options = { maxOutputLength: maxBytes, info: true };
    const { buffer, engine } = (await decompressors[encoding](body, options)) as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    // What follows the end would be lost without a word. The option that rejects it also rejects the further members that
    // gzip may have (RFC 1952, section 2.2).
    if (engine.bytesWritten < body.length) throw new Error(JUNK);
    return buffer;
  } catch (error) {
    const { code, message } = error as { code?: unknown; message: string };
    if (code === 'ERR_BUFFER_TOO_LARGE')
      throw tooLarge('The body is longer than that when decompressed.', maxBytes, 'bytes');
    throw new Problem('malformed-body', `The body cannot be decompressed as ${encoding}: ${message}.`, {
      reason: message,
    });
  }
}

/**
 * The request's body, decompressed.
 * @param maxBytes of the body, as it is sent and decompressed
 * @throws Problem `batch-too-large`, `malformed-body`, `unsupported-media-type`
 */
export async function bodyOf(request: HttpRequest, maxBytes: number): Promise<Buffer> {
  const encoding = encodingOf(request);
  const declared = Number(request.headers.get('content-length') ?? 0);
  if (declared > maxBytes) throw tooLarge(`The body is ${declared} bytes long.`, maxBytes, 'bytes');
  const body = await bytesOf(request);
  if (body.length > maxBytes) throw tooLarge(`The body is ${body.length} bytes long.`, maxBytes, 'bytes');
  return encoding === undefined || body.length === 0 ? body : decompress(body, encoding, maxBytes);
}

/** The body as it came. `arrayBuffer()` would copy it once more. */
async function bytesOf({ body }: HttpRequest): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of (body ?? []) as AsyncIterable<Uint8Array>)
    pieces.push(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength));
  const [only, more] = pieces;
  return only && !more ? only : Buffer.concat(pieces);
}

/**
 * Cuts a body into records.
 * @throws Problem `malformed-body`, `empty-batch`, `batch-too-large`
 */
export function recordsOf(
  body: Buffer,
  format: Format,
  dataset: DataSet,
  maxRecords: number,
): readonly RawRecord[] {
  const framed = frame(body, format, dataset.schema, maxRecords);
  if (!framed.ok) throw new Problem('malformed-body', framed.malformed.text, { ...framed.malformed.fault });
  if (framed.records.length === 0) throw new Problem('empty-batch', 'Send at least one record.');
  if (framed.records.length > maxRecords)
    throw tooLarge('The batch holds more records than that.', maxRecords, 'records');
  return framed.records;
}

/**
 * Reads a posted batch: what is wrong with it is told here, before anything is stored.
 * @throws Problem `invalid-parameter`, `unsupported-media-type`, `batch-too-large`, `malformed-body`, `empty-batch`
 */
export async function receive(
  request: HttpRequest,
  dataset: DataSet,
  limits: Config['limits'],
): Promise<Reception & { body: Buffer }> {
  const onInvalid = onInvalidOf(request);
  const format = formatOf(request);
  const body = await bodyOf(request, limits.batchBytes);
  const accepted = recordsOf(body, format, dataset, limits.batchRecords).length;
  const bodySha256 = sha256(body);
  return {
    dataset: dataset.name,
    schemaVersion: dataset.schemaVersion,
    format,
    onInvalid,
    contentHash: sha256(`${bodySha256}\n${format}\n${onInvalid}`),
    bodySha256,
    bytes: body.length,
    accepted,
    body,
  };
}
