import type { InvocationContext } from '@azure/functions';
import { getClient, type DurableClient } from 'durable-functions';
import type { Instances, UpkeepDeps } from '../../activities/upkeep/deps';
import { createPurgeBlobs } from '../../activities/upkeep/purgeBlobs';
import { createPurgeInstances } from '../../activities/upkeep/purgeInstances';
import { createPurgeRepairs } from '../../activities/upkeep/purgeRepairs';
import { hasEnded, instanceStatus, purgeInstance } from '../ingest/instances';

/** One step's time in a run, ms: all of them together are well below the interval of the timer. */
const STEP_MS = 8_000;

/**
 * Purges what closed batches and ended repairs leave that nobody needs any more: orchestration instances, chunks and
 * validated chunks. A run is bounded; the next one goes on. May run twice, and beside the batches.
 *
 * What answers for a batch stays: its document, archive, quarantine, verdict files and media. Media are named by their
 * content, and other batches may refer to the same, so those of rejected batches stay, too.
 */
export function createPurge(deps: UpkeepDeps): (timer: unknown, context: InvocationContext) => Promise<void> {
  const steps = [
    createPurgeBlobs(deps, 'chunks'),
    createPurgeBlobs(deps, 'validated'),
    createPurgeInstances(deps),
    createPurgeRepairs(deps),
  ];
  return async (_timer, context) => {
    const instances = instancesOf(getClient(context));
    const report = (text: string): void => context.error(text);
    for (const step of steps) {
      try {
        await step({ instances, report, until: deps.now().getTime() + STEP_MS });
      } catch (error) {
        // One that cannot be done must not keep the others waiting.
        report(`A purge was broken off; the next run goes on: ${String(error)}`);
      }
    }
  };
}

function instancesOf(client: DurableClient): Instances {
  return {
    purge: (id) => purgeInstance(client, id),
    async endedAt(id) {
      const status = await instanceStatus(client, id);
      return status && hasEnded(status.runtimeStatus) ? new Date(status.lastUpdatedTime) : undefined;
    },
  };
}
