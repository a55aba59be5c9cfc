import { isUtf8 } from 'node:buffer';
import { createSecretKey, randomUUID } from 'node:crypto';
import { BOM, parseJson } from '../../domain/ingest/framing/raw';
import { checkRecord, validateRecord, type RecordError } from '../../domain/ingest/validation';
import { recordLine } from '../../domain/ingress/packet';
import { makeRecordId, type Secret } from '../../domain/ingress/recordId';
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
 *   `invalid-records`, `overloaded`, `store-unavailable`
 */
export function createPostRecords(deps: IngressTriggerDeps): Handler {
  const { ingest, packets, pressure, priority } = deps;
  const secret = createSecretKey(ingest.config.signingKey, 'utf8');
  return async (request) => {
    const dataset = datasetOf(request, ingest.schemas.all);
    formatOf(request, ['json']);
    priority.note();
    pressure.admit();
    const { value, text } = parse(await bodyOf(request, MAX_BYTES));
    const records = Array.isArray(value) ? value : [value];
    if (records.length === 0) throw new Problem('empty-batch', 'Send at least one record.');
    if (records.length > MAX_RECORDS) throw tooLarge(`These are ${records.length}.`, MAX_RECORDS, 'records');
    await ingest.schemas.keep(dataset);
    const { schemaVersion } = dataset;
    const receivedAt = ingest.now().getTime();
    const single = !Array.isArray(value) && !/[\r\n]/.test(text) ? text : undefined;
    const accepted = await acceptAll(deps, secret, dataset.name, schemaVersion, receivedAt, records, single);
    const to = { dataset: dataset.name, schemaVersion, receivedAt };
    await published(accepted.map(({ line, partition }) => packets.publish({ ...to, partition, line })));
    const ids = accepted.map(({ id }) => id);
    return json(202, Array.isArray(value) ? { ids } : { id: ids[0] });
  };
}

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

function parse(body: Buffer): { readonly value: Json; readonly text: string } {
  if (!isUtf8(body)) throw new Problem('malformed-body', 'It is not valid UTF-8.');
  const whole = body.toString('utf8');
  const text = whole.startsWith(BOM) ? whole.slice(1) : whole;
  const parsed = parseJson(text, 'record');
  if ('reason' in parsed) throw new Problem('malformed-body', parsed.reason);
  return { value: parsed.value, text };
}

/** How a lone surrogate is written in JSON. */
const SURROGATE = /\\u[dD][89a-fA-F]/;

/**
 * @param text of the only record, where it is on one line: it need not be written again
 * @throws Problem `invalid-records`, naming every error of every record
 */
async function acceptAll(
  { ingest, ingress }: IngressTriggerDeps,
  secret: Secret,
  name: string,
  schemaVersion: string,
  receivedAt: number,
  records: readonly Json[],
  text: string | undefined,
): Promise<Accepted[]> {
  const { dataset, check } = await ingest.schemas.at(name, schemaVersion);
  const partitions = await ingress.hub.partitions().catch((error: unknown) => {
    throw unavailable(error);
  });
  const time = new Date(receivedAt).toISOString();
  const invalid: { readonly index: number; readonly errors: readonly RecordError[] }[] = [];
  const accepted = records.flatMap((record, index): Accepted[] => {
    const line = text ?? JSON.stringify(record);
    const raw = { record };
    // Without one, the canonical form has nothing to say, and most of the work would be to make it.
    const validated = SURROGATE.test(line)
      ? validateRecord(raw, { index, group: 0 }, dataset, receivedAt, check)
      : { valid: checkRecord(raw, dataset, receivedAt, check) };
    const found = 'valid' in validated ? validated.valid : validated;
    if ('errors' in found) {
      invalid.push({ index, errors: found.errors });
      return [];
    }
    const partition = partitions[bucketOf(found.key) % partitions.length] as string;
    const id = makeRecordId(secret, { receivedAt, partition }, randomUUID());
    const whole = recordLine(id, time, line);
    const bytes = Buffer.byteLength(whole);
    if (bytes > MAX_LINE_BYTES)
      throw tooLarge(`Record ${index} is ${bytes} bytes long as it is stored.`, MAX_LINE_BYTES, 'bytes');
    return [{ id, partition, line: whole }];
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
