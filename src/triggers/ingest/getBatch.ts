import type { HttpRequest } from '@azure/functions';
import { listVerdicts } from '../../activities/ingest/verdictFile';
import type { StoredBatch } from '../../clients/batches';
import { countsOf, isClosed, type Batch } from '../../domain/ingest/batch';
import type { Counts } from '../../domain/ingest/verdict';
import { Problem } from '../../domain/problem';
import { apiBase, json, type Handler } from '../http';
import type { TriggerDeps } from './deps';

const BATCH_ID = /^[0-9a-f]{32}$/;

/**
 * The batch of a route.
 * @throws Problem `unknown-batch`
 */
export async function batchOf(
  request: HttpRequest,
  { batches }: Pick<TriggerDeps, 'batches'>,
): Promise<StoredBatch> {
  const id = request.params['batchId'] ?? '';
  const found = BATCH_ID.test(id) ? await batches.read(id) : undefined;
  if (found) return found;
  throw new Problem('unknown-batch', `There is no batch "${id.slice(0, 100)}".`);
}

/** `GET /api/batches/{batchId}`: what became of a batch so far. */
export function createGetBatch(deps: TriggerDeps): Handler {
  return async (request) => {
    const { batch } = await batchOf(request, deps);
    // What lands after the batch was read is told as landed, since its files are listed afterwards. Before the split
    // there is none.
    const isRunning = !isClosed(batch.status) && batch.chunks !== undefined;
    const files = isRunning ? await listVerdicts(deps.blobs, batch.id) : [];
    const counts: Counts = batch.counts
      ? { accepted: batch.accepted, ...batch.counts, inFlight: 0 }
      : countsOf(batch, files);
    const charge = batch.requestCharge ?? files.reduce((total, file) => total + file.requestCharge, 0);
    // Only a batch that has left records behind can have been re-driven.
    const left = counts.quarantined + counts.deadLettered + counts.notApplied;
    const redrives = isClosed(batch.status) && left > 0 ? await deps.batches.redrivesOf(batch.id) : [];
    return json(200, describe(batch, counts, charge, redrives, apiBase(request)));
  };
}

function describe(
  batch: Batch,
  counts: Counts,
  requestCharge: number,
  redrives: readonly string[],
  base: string,
): Record<string, unknown> {
  const { id, dataset, onInvalid, status, receivedAt, completedAt, archive, failure, schemaVersion } = batch;
  const { format, redriveOf } = batch;
  return {
    batchId: id,
    dataset,
    schemaVersion,
    format,
    onInvalid,
    status,
    receivedAt,
    completedAt: completedAt ?? null,
    counts,
    requestCharge: Math.round(requestCharge * 100) / 100,
    archive: archive ?? null,
    ...(failure ? { failure } : {}),
    ...(redriveOf === undefined ? {} : { redriveOf }),
    ...(redrives.length > 0 ? { redrives } : {}),
    links: {
      self: `${base}/batches/${id}`,
      records: `${base}/batches/${id}/records`,
      quarantined: `${base}/batches/${id}/records?verdict=quarantined`,
      redrive: `${base}/batches/${id}/redrive`,
      dataset: `${base}/datasets/${dataset}`,
    },
  };
}
