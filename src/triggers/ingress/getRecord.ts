import { bodyOf } from '../../activities/ingest/body';
import { listVerdicts, readQuarantine, readVerdicts } from '../../activities/ingest/verdictFile';
import type { Batch } from '../../domain/ingest/batch';
import { chunkName } from '../../domain/ingest/names';
import type { QuarantinedRecord } from '../../domain/ingest/validation';
import type { RecordVerdict } from '../../domain/ingest/verdict';
import { lineOfRecord } from '../../domain/ingress/packet';
import { readRecordId, type RecordPlace } from '../../domain/ingress/recordId';
import { Problem } from '../../domain/problem';
import { json, type Handler } from '../http';
import { describeVerdict } from '../ingest/getRecords';
import type { IngressTriggerDeps } from './deps';

/**
 * `GET /api/records/{id}`: what became of a record that came by the records door. Its id tells partition and time of
 * receipt, by which the claims are found that it may be in: mostly one. Its place in the body of the claim's batch is its
 * index there. Without a claim it is on its way, or the hub never got it and the request was not answered with 202.
 * @throws Problem `unknown-record`
 */
export function createGetRecord(deps: IngressTriggerDeps): Handler {
  return async (request) => {
    const id = request.params['recordId'] ?? '';
    const place = readRecordId(deps.ingest.config.signingKey, id);
    if (!place) throw new Problem('unknown-record', `No record was given the id "${id.slice(0, 100)}".`);
    const found = await find(deps, id, place);
    if (!found) return json(200, { id, verdict: 'inFlight' });
    const { batch, index, verdict, quarantined } = found;
    const where = { id, dataset: batch.dataset, batchId: batch.id };
    return json(
      200,
      verdict
        ? { ...where, ...describeVerdict(verdict, quarantined) }
        : { ...where, index, verdict: 'inFlight' },
    );
  };
}

interface Found {
  readonly batch: Batch;
  readonly index: number;
  /** Absent: it has none yet. */
  readonly verdict?: RecordVerdict;
  readonly quarantined?: QuarantinedRecord;
}

async function find(
  { ingest, ingress }: IngressTriggerDeps,
  id: string,
  { partition, receivedAt }: RecordPlace,
): Promise<Found | undefined> {
  for (const claim of await ingress.claims.around(partition, receivedAt)) {
    for (const part of claim.parts) {
      if (receivedAt < part.from || receivedAt > part.to) continue;
      const batch = (await ingest.batches.read(part.batchId))?.batch;
      const index = batch && lineOfRecord(await bodyOf(ingest.blobs, batch), id);
      if (!batch || index === undefined) continue;
      return { batch, index, ...(await verdictOf(ingest.blobs, batch.id, index)) };
    }
  }
  return undefined;
}

async function verdictOf(
  blobs: IngressTriggerDeps['ingest']['blobs'],
  batchId: string,
  index: number,
): Promise<Pick<Found, 'verdict' | 'quarantined'>> {
  for (const { chunk, counts } of await listVerdicts(blobs, batchId)) {
    const name = chunkName(batchId, chunk);
    const verdict = (await readVerdicts(blobs, name)).find((one) => one.index === index);
    if (!verdict) continue;
    const quarantine = counts.quarantined > 0 ? await readQuarantine(blobs, name) : [];
    const quarantined = quarantine.find((one) => one.index === index);
    return { verdict, ...(quarantined ? { quarantined } : {}) };
  }
  return {};
}
