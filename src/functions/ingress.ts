import { app, type EventHubFunctionOptions } from '@azure/functions';
import { createGetHealth } from '../triggers/ingress/getHealth';
import { createGetRecord } from '../triggers/ingress/getRecord';
import type { IngressTriggerDeps } from '../triggers/ingress/deps';
import { createPostRecords } from '../triggers/ingress/postRecords';
import { createRecordsArrived } from '../triggers/ingress/recordsArrived';
import { createSweepIngress } from '../triggers/ingress/sweepIngress';
import { durableClient, http } from './http';
import { RETRY_FOR_EVER } from './retry';

/** Registers the records door, and what makes batches of the records. */
export function registerIngress(deps: IngressTriggerDeps): void {
  const { config } = deps.ingest;
  http('postRecords', 'keyed', 'POST', 'datasets/{dataset}/records', createPostRecords(deps), []);
  http('getHealth', 'signed', 'GET', 'health', createGetHealth(deps.pressure, deps.priority), []);
  http('getRecord', 'keyed', 'GET', 'records/{recordId}', createGetRecord(deps), []);

  // Bytes: the types do not know of it, the platform does
  // (https://learn.microsoft.com/azure/azure-functions/functions-bindings-event-hubs-trigger).
  const trigger: EventHubFunctionOptions & { dataType: 'binary' } = {
    connection: 'EventHubs',
    eventHubName: config.ingress.hub,
    consumerGroup: config.ingress.consumerGroup,
    cardinality: 'many',
    dataType: 'binary',
    // Else the events would be left to the sweep.
    retry: RETRY_FOR_EVER,
    extraInputs: [durableClient],
    handler: createRecordsArrived(deps),
  };
  app.eventHub('recordsArrived', trigger);
  app.timer('sweepIngress', {
    schedule: config.sweepSchedule,
    extraInputs: [durableClient],
    handler: createSweepIngress(deps),
  });
}
