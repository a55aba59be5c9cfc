import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { BOM, parseJson } from '../../domain/ingest/framing/raw';
import { validateRecord, type RecordError } from '../../domain/ingest/validation';
import { recordLine } from '../../domain/ingress/packet';
import { makeRecordId } from '../../domain/ingress/recordId';
import type { Json } from '../../domain/json';
import { bucketOf } from '../../domain/keys';
import { Problem } from '../../domain/problem';
import { json, type Handler } from '../http';
import { bodyOf, datasetOf, formatOf, tooLarge } from '../ingest/reception';
import type { IngressTriggerDeps } from './deps';

/** Records of one request. */
export const MAX_RECORDS = 100;

/** Bytes of one request. */
export const MAX_BYTES = 1_000_000;

/**
 * Bytes of a record's line: an event of Event Hubs holds 1 MiB with its properties
 * (https://learn.microsoft.com/azure/event-hubs/event-hubs-quotas). A line may be longer than what was sent, such as that
 * of 1e20. One that does not fit would fail with all that travel with it, and each time it is sent again.
 */
export const MAX_LINE_BYTES = 1_020_000;

/** Bytes that may wait for the hub before requests are refused: they are in memory. */
export const MAX_WAITING_BYTES = 32 * 1024 * 1024;

interface Accepted {
  readonly line: string;
  readonly id: string;
  readonly partition: string;
}

/**
 * `POST /api/datasets/{dataset}/records`: one record, or up to a hundred. They are validated here, and accepted when the
 * hub has stored them: then, and not before, they are answered. All of them or none; of a request that ends without an
 * answer some may be accepted.
 * @throws Problem `unknown-dataset`, `unsupported-media-type`, `malformed-body`, `empty-batch`, `batch-too-large`,
 *   `invalid-records`, `too-many-records`, `store-unavailable`
 */
export function createPostRecords(deps: IngressTriggerDeps): Handler {
  const { ingest, packets } = deps;
  return async (request) => {
    if (packets.waiting > MAX_WAITING_BYTES) throw overloaded(packets.waiting);
    const dataset = datasetOf(request, ingest.schemas.all);
    formatOf(request, ['json']);
    const body = parse(await bodyOf(request, MAX_BYTES));
    const records = Array.isArray(body) ? body : [body];
    if (records.length === 0) throw new Problem('empty-batch', 'Send at least one record.');
    if (records.length > MAX_RECORDS) throw tooLarge(`These are ${records.length}.`, MAX_RECORDS, 'records');
    await ingest.schemas.keep(dataset);
    const { schemaVersion } = dataset;
    const receivedAt = ingest.now().getTime();
    const accepted = await acceptAll(deps, dataset.name, schemaVersion, receivedAt, records);
    const to = { dataset: dataset.name, schemaVersion, receivedAt };
    await published(accepted.map(({ line, partition }) => packets.publish({ ...to, partition, line })));
    const ids = accepted.map(({ id }) => id);
    return json(202, Array.isArray(body) ? { ids } : { id: ids[0] });
  };
}

const overloaded = (waiting: number): Problem =>
  new Problem(
    'too-many-records',
    `${waiting} bytes wait for the hub; no more are taken while there are more than ${MAX_WAITING_BYTES}.`,
    { limit: MAX_WAITING_BYTES },
    { 'Retry-After': '1' },
  );

/** @throws Problem `store-unavailable` when the hub may not have all of them */
async function published(sends: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(sends);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw unavailable(failed.reason);
}

function unavailable(reason: unknown): Problem {
  const { code } = (reason ?? {}) as { code?: unknown };
  return new Problem(
    'store-unavailable',
    `The hub did not answer (${String(code ?? reason)}). Send the request again: what was stored all the same is the same content once more.`,
    {},
    { 'Retry-After': '1' },
  );
}

function parse(body: Buffer): Json {
  if (!isUtf8(body)) throw new Problem('malformed-body', 'It is not valid UTF-8.');
  const text = body.toString('utf8');
  const parsed = parseJson(text.startsWith(BOM) ? text.slice(1) : text, 'record');
  if ('reason' in parsed) throw new Problem('malformed-body', parsed.reason);
  return parsed.value;
}

/** @throws Problem `invalid-records`, naming every error of every record */
async function acceptAll(
  { ingest, ingress }: IngressTriggerDeps,
  name: string,
  schemaVersion: string,
  receivedAt: number,
  records: readonly Json[],
): Promise<Accepted[]> {
  const { dataset, check } = await ingest.schemas.at(name, schemaVersion);
  const partitions = await ingress.hub.partitions().catch((error: unknown) => {
    throw unavailable(error);
  });
  const time = new Date(receivedAt).toISOString();
  const invalid: { readonly index: number; readonly errors: readonly RecordError[] }[] = [];
  const accepted = records.flatMap((record, index): Accepted[] => {
    const result = validateRecord({ record }, { index, group: 0 }, dataset, receivedAt, check);
    if (!('valid' in result)) {
      invalid.push({ index, errors: result.errors });
      return [];
    }
    const partition = partitions[bucketOf(result.valid.key) % partitions.length] as string;
    const id = makeRecordId(ingest.config.signingKey, { receivedAt, partition }, randomUUID());
    const line = recordLine(id, time, JSON.stringify(record));
    const bytes = Buffer.byteLength(line);
    if (bytes > MAX_LINE_BYTES)
      throw tooLarge(`Record ${index} is ${bytes} bytes long as it is stored.`, MAX_LINE_BYTES, 'bytes');
    return [{ id, partition, line }];
  });
  if (invalid.length === 0) return accepted;
  const [first] = invalid;
  const reason = first?.errors[0];
  throw new Problem(
    'invalid-records',
    `${invalid.length} of ${records.length} records are not valid, so none was accepted. Record ${first?.index}: ${reason?.pointer || 'it'} ${reason?.message}.`,
    { records: invalid },
  );
}
