import { app } from '@azure/functions';
import * as df from 'durable-functions';
import type { Claims } from '../clients/claims';
import { createIngestActivities } from '../activities/ingest';
import type { Admission } from '../activities/ingress/pressure';
import { ingestBatch } from '../orchestrators/ingest/ingestBatch';
import { createGetDataset, createGetDocument, createListDatasets } from '../triggers/ingest/datasets';
import type { TriggerDeps } from '../triggers/ingest/deps';
import { createGetBatch } from '../triggers/ingest/getBatch';
import { createGetRecords } from '../triggers/ingest/getRecords';
import { createGetSchema, createListSchemas } from '../triggers/ingest/schemas';
import { createGetStatus, createTerminate } from '../triggers/ingest/links';
import { createAccept, INGEST_BATCH } from '../triggers/ingest/acceptance';
import { createPostBatch } from '../triggers/ingest/postBatch';
import { createRedrive } from '../triggers/ingest/redrive';
import { createPostUpload } from '../triggers/ingest/postUpload';
import { createSweepBatches, createSweepInbox } from '../triggers/ingest/sweep';
import { createSweepUploads } from '../triggers/ingest/sweepUploads';
import { createSweepVerdicts } from '../triggers/ingest/sweepVerdicts';
import { durableClient, http } from './http';

/** Registers what takes in batches. */
export function registerIngest(deps: TriggerDeps, claims: Claims, admission: Admission): void {
  const accept = createAccept(deps, admission);
  http('postBatch', 'keyed', 'POST', 'datasets/{dataset}/batches', createPostBatch(deps, accept));
  http('redrive', 'keyed', 'POST', 'batches/{batchId}/redrive', createRedrive(deps, accept));
  http('postUpload', 'keyed', 'POST', 'datasets/{dataset}/uploads', createPostUpload(deps));
  http('getBatch', 'keyed', 'GET', 'batches/{batchId}', createGetBatch(deps));
  http('getRecords', 'keyed', 'GET', 'batches/{batchId}/records', createGetRecords(deps));
  http('getStatus', 'signed', 'GET', 'batches/{batchId}/status', createGetStatus(deps));
  http('terminate', 'signed', 'POST', 'batches/{batchId}/terminate', createTerminate(deps));
  http('listDatasets', 'keyed', 'GET', 'datasets', createListDatasets(deps));
  http('getDataset', 'keyed', 'GET', 'datasets/{dataset}', createGetDataset(deps));
  http('listSchemas', 'keyed', 'GET', 'datasets/{dataset}/schemas', createListSchemas(deps));
  http('getSchema', 'keyed', 'GET', 'datasets/{dataset}/schemas/{schemaVersion}', createGetSchema(deps));
  http('getDocument', 'keyed', 'GET', 'datasets/{dataset}/documents/{*key}', createGetDocument(deps));

  df.app.orchestration(INGEST_BATCH, ingestBatch);
  for (const [name, handler] of Object.entries(createIngestActivities(deps)))
    df.app.activity(name, { handler });

  app.timer('sweepBatches', {
    schedule: deps.config.sweepSchedule,
    extraInputs: [durableClient],
    handler: createSweepBatches(deps),
  });
  app.timer('sweepVerdicts', { schedule: deps.config.repairSchedule, handler: createSweepVerdicts(deps) });
  app.timer('sweepInbox', { schedule: '0 */5 * * * *', handler: createSweepInbox(deps, claims) });
  app.timer('sweepUploads', { schedule: '15 */10 * * * *', handler: createSweepUploads(deps) });
}
