import type { HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import { getClient, type DurableClient } from 'durable-functions';
import { OPEN, type Admission } from '../../activities/ingress/pressure';
import type { SeenBatch } from '../../activities/ingest/openBatch';
import type { StoredBatch } from '../../clients/batches';
import type { DataSet } from '../../domain/dataset';
import { headerOf } from '../../domain/ingest/batch';
import { signLink, type LinkOperation } from '../../domain/links';
import { Problem } from '../../domain/problem';
import { apiBase, json } from '../http';
import type { TriggerDeps } from './deps';
import { InFlightLimit } from './inFlight';
import { idempotencyKey, type Reception } from './reception';
import { reserve, type Reservation } from './reservation';

/** Seconds after which asking for a batch's status makes sense. */
const RETRY_AFTER = '2';

/** The name the orchestrator is registered under. */
export const INGEST_BATCH = 'ingestBatch';

/** Accepts a batch: reserves it, starts its orchestration, and answers 202. */
export type Accept = (
  request: HttpRequest,
  context: InvocationContext,
  dataset: DataSet,
  receive: () => Promise<Reception>,
) => Promise<HttpResponseInit>;

/**
 * The one way in which batches are accepted, whatever door they come by.
 * @throws Problem (the result) `idempotency-key-in-use`, `idempotency-key-reused`, `too-many-batches`, `overloaded`, and what
 *   `receive` throws
 */
export function createAccept(deps: TriggerDeps, admission: Admission = OPEN): Accept {
  const inFlight = new InFlightLimit(deps.batches, deps.config.limits.batchesInFlight, deps.now);
  const receiving = new Set<string>();
  return async (request, context, dataset, receive) => {
    const key = idempotencyKey(request);
    const name = key === undefined ? undefined : `${dataset.name}\n${key}`;
    if (name !== undefined && receiving.has(name)) throw keyInUse();
    if (name !== undefined) receiving.add(name);
    try {
      admission.admit();
      const reception = await receive();
      if (!(await inFlight.admit()))
        throw heldBack(deps.config.limits.batchesInFlight, admission.batchRetryAfter());
      await deps.schemas.keep(dataset);
      const reservation = await reserve(deps, reception, key);
      const client = getClient(context);
      if (!reservation.replayed) await start(client, reservation, context);
      return accepted(request, deps, reservation, client);
    } finally {
      if (name !== undefined) receiving.delete(name);
    }
  };
}

/** A batch that is reserved will run: when its start fails, a timer starts it. */
async function start(
  client: DurableClient,
  { batch, etag }: StoredBatch,
  context: InvocationContext,
): Promise<void> {
  const { id } = batch;
  const input: SeenBatch = { header: headerOf(batch), etag };
  try {
    await client.startNew(INGEST_BATCH, { instanceId: id, input });
  } catch (error) {
    context.warn(`Batch ${id} was accepted, but not started; the sweep will start it. ${String(error)}`);
  }
}

function accepted(
  request: HttpRequest,
  { config }: TriggerDeps,
  { batch, replayed }: Reservation,
  client: DurableClient,
): HttpResponseInit {
  const { id, dataset, upload, chunks, redriveOf } = batch;
  const base = `${apiBase(request)}/batches/${id}`;
  const signed = (operation: LinkOperation): string =>
    `${base}/${operation}?sig=${signLink(config.signingKey, operation, id)}`;
  const management: Record<string, string> = config.nativeManagementPayload
    ? Object.fromEntries(Object.entries(client.createHttpManagementPayload(id)) as [string, string][])
    : { id, statusQueryGetUri: signed('status'), terminatePostUri: `${signed('terminate')}&reason={text}` };
  // How many records an upload holds is known when it was split.
  const records = upload && !chunks ? null : batch.accepted;
  const others = redriveOf === undefined ? {} : { redriveOf };
  return json(
    202,
    { ...management, batchId: id, dataset, accepted: records, ...others },
    {
      Location: String(management['statusQueryGetUri']),
      'Retry-After': RETRY_AFTER,
      ...(replayed ? { 'Idempotency-Replayed': 'true' } : {}),
    },
  );
}

const keyInUse = (): Problem =>
  new Problem(
    'idempotency-key-in-use',
    'A request with this Idempotency-Key is being received. Send this one again when it is answered.',
    {},
    { 'Retry-After': '1' },
  );

const heldBack = (limit: number, retryAfter: number): Problem =>
  new Problem(
    'too-many-batches',
    `${limit} batches are in flight. Send this one again later.`,
    { limit },
    { 'Retry-After': String(retryAfter) },
  );
