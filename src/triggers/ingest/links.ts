import type { HttpRequest, HttpResponseInit } from '@azure/functions';
import { getClient, type DurableOrchestrationStatus } from 'durable-functions';
import { createCloseBatch } from '../../activities/ingest/closeBatch';
import { isClosed, type Batch, type Failure } from '../../domain/ingest/batch';
import { isSignedFor, type LinkOperation } from '../../domain/links';
import { Problem } from '../../domain/problem';
import { json, type Handler } from '../http';
import type { TriggerDeps } from './deps';
import { batchOf } from './getBatch';
import { hasEnded, instanceStatus, terminateInstance } from './instances';
import { INGEST_BATCH } from './acceptance';

/** Durable's own interval for pollers, in seconds. */
const POLL_AFTER = '5';

const MAX_REASON = 500;

function checkSignature(request: HttpRequest, { config }: TriggerDeps, operation: LinkOperation): string {
  const id = request.params['batchId'] ?? '';
  if (isSignedFor(config.signingKey, operation, id, request.query.get('sig') ?? '')) return id;
  throw new Problem(
    'invalid-signature',
    `The signature was not made for the ${operation} of this batch. Use the link of its 202 answer as it is.`,
  );
}

/** `GET /api/batches/{batchId}/status?sig=`: the status JSON and codes of the Durable HTTP API, for this batch only. */
export function createGetStatus(deps: TriggerDeps): Handler {
  return async (request, context) => {
    const id = checkSignature(request, deps, 'status');
    const { batch } = await batchOf(request, deps);
    const status = await instanceStatus(getClient(context), id);
    if (status) return answer(request, describe(status));
    // Purged since, or not started yet (the sweep will).
    return answer(request, isClosed(batch.status) ? purged(batch) : pending(batch));
  };
}

/** `POST /api/batches/{batchId}/terminate?sig=&reason=`: ends a batch that runs; what has not landed will not. */
export function createTerminate(deps: TriggerDeps): Handler {
  const closeBatch = createCloseBatch(deps);
  return async (request, context) => {
    const id = checkSignature(request, deps, 'terminate');
    const { batch } = await batchOf(request, deps);
    if (isClosed(batch.status))
      throw new Problem('batch-closed', `Batch ${id} is ${batch.status}.`, { batchStatus: batch.status });
    const reason = (request.query.get('reason') ?? '').slice(0, MAX_REASON);
    if (await terminateInstance(getClient(context), id, reason)) return { status: 202 };
    // Accepted but not started: nobody but us would close it, and a late start then ends without effect.
    const message = `The batch was terminated before it started: ${reason}`;
    await closeBatch(id, { code: 'terminated', message });
    return { status: 202 };
  };
}

const seconds = (time: Date | string): string => new Date(time).toISOString().replace(/\.\d+Z$/, 'Z');

function pending({ id, receivedAt }: Batch): Record<string, unknown> {
  const at = seconds(receivedAt);
  return {
    name: INGEST_BATCH,
    instanceId: id,
    runtimeStatus: 'Pending',
    input: null,
    customStatus: null,
    output: null,
    createdTime: at,
    lastUpdatedTime: at,
  };
}

/** Of a closed batch: what its instance said before it was purged, but for its input and its custom status. */
function purged(batch: Batch): Record<string, unknown> {
  const { receivedAt, completedAt, failure, status, counts } = batch;
  const runtimeStatus = endedAs(failure?.code);
  return {
    ...pending(batch),
    runtimeStatus,
    output: runtimeStatus === 'Completed' ? { status, ...(counts ? { counts } : {}) } : failure?.message,
    lastUpdatedTime: seconds(completedAt ?? receivedAt),
  };
}

/** How the instance ended of a batch with this failure. An upload that cannot be read is an outcome like any other. */
function endedAs(code: Failure['code'] | undefined): 'Completed' | 'Failed' | 'Terminated' {
  if (code === 'terminated') return 'Terminated';
  return code === 'orchestration-failed' || code === 'orchestration-lost' ? 'Failed' : 'Completed';
}

function describe(status: DurableOrchestrationStatus): Record<string, unknown> {
  const { name, instanceId, runtimeStatus, customStatus, output, createdTime, lastUpdatedTime } = status;
  return {
    name,
    instanceId,
    runtimeStatus,
    input: status.input ?? null,
    customStatus: customStatus ?? null,
    output: output ?? null,
    createdTime: seconds(createdTime),
    lastUpdatedTime: seconds(lastUpdatedTime),
  };
}

function answer(request: HttpRequest, status: Record<string, unknown>): HttpResponseInit {
  if (hasEnded(String(status['runtimeStatus']))) return json(200, status);
  return json(202, status, { Location: request.url, 'Retry-After': POLL_AFTER });
}
