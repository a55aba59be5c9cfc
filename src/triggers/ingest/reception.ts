import type { HttpRequest } from '@azure/functions';
import { sha256 } from '../../domain/content';
import type { DataSet } from '../../domain/dataset';
import type { BatchHeader, Format, OnInvalid } from '../../domain/ingest/batch';
import { frame } from '../../domain/ingest/framing';
import { Problem } from '../../domain/problem';
import type { Config } from '../../config';
import { choiceParameter } from '../http';

const FORMATS: Readonly<Record<string, Format>> = {
  'application/json': 'json',
  'application/x-ndjson': 'ndjson',
  'application/ndjson': 'ndjson',
  'application/jsonl': 'ndjson',
};

/** A body that was read, framed and found good. */
export interface Reception extends Omit<BatchHeader, 'id' | 'receivedAt'> {
  readonly body: Buffer;
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

function formatOf(request: HttpRequest): Format {
  const type = (request.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  const supported = Object.keys(FORMATS);
  const encoding = request.headers.get('content-encoding')?.trim().toLowerCase();
  if (encoding !== undefined && encoding !== '' && encoding !== 'identity') {
    throw new Problem(
      'unsupported-media-type',
      `The content encoding "${encoding}" is not supported. Send the body as it is.`,
      { supported },
    );
  }
  const format = Object.hasOwn(FORMATS, type) ? FORMATS[type] : undefined;
  if (format) return format;
  throw new Problem(
    'unsupported-media-type',
    `The content type "${type}" is not supported. Send one of ${supported.join(', ')}.`,
    { supported },
  );
}

function tooLarge(what: string, limit: number, unit: string): Problem {
  return new Problem(
    'batch-too-large',
    `${what} At most ${limit} ${unit} are allowed; send several batches.`,
    { limit, unit },
  );
}

async function bodyOf(request: HttpRequest, maxBytes: number): Promise<Buffer> {
  const declared = Number(request.headers.get('content-length') ?? 0);
  if (declared > maxBytes) throw tooLarge(`The body is ${declared} bytes long.`, maxBytes, 'bytes');
  const body = Buffer.from(await request.arrayBuffer());
  if (body.length > maxBytes) throw tooLarge(`The body is ${body.length} bytes long.`, maxBytes, 'bytes');
  return body;
}

/**
 * Reads a posted batch: what is wrong with it is told here, before anything is stored.
 * @throws Problem `invalid-parameter`, `unsupported-media-type`, `batch-too-large`, `malformed-body`, `empty-batch`
 */
export async function receive(
  request: HttpRequest,
  dataset: DataSet,
  limits: Config['limits'],
): Promise<Reception> {
  const onInvalid: OnInvalid =
    choiceParameter(request, 'onInvalid', ['quarantine', 'reject']) ?? 'quarantine';
  const format = formatOf(request);
  const body = await bodyOf(request, limits.batchBytes);
  const framed = frame(body, format, limits.batchRecords);
  if (!framed.ok) {
    const { reason, line, record } = framed.fault;
    const where = line !== undefined ? `Line ${line}: ` : record !== undefined ? `Record ${record}: ` : '';
    throw new Problem('malformed-body', where + reason, { ...framed.fault });
  }
  const accepted = framed.records.length;
  if (accepted === 0) throw new Problem('empty-batch', 'Send at least one record.');
  if (accepted > limits.batchRecords)
    throw tooLarge('The batch holds more records than that.', limits.batchRecords, 'records');
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
