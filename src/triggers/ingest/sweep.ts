import type { InvocationContext } from '@azure/functions';
import { getClient, type DurableClient } from 'durable-functions';
import { createCloseBatch } from '../../activities/ingest/closeBatch';
import type { SeenBatch } from '../../activities/ingest/openBatch';
import type { ListedBlob } from '../../clients/blobs';
import type { Claims } from '../../clients/claims';
import { mapLimited } from '../../clients/once';
import { headerOf, isClosed, type BatchStatus, type Failure } from '../../domain/ingest/batch';
import { inboxName } from '../../domain/ingest/names';
import { bodyName, CLAIM_OF_BODY } from '../../domain/ingress/claim';
import type { TriggerDeps } from './deps';
import { instanceStatus } from './instances';
import { INGEST_BATCH } from './acceptance';

/** Batches looked at in one run; the next run goes on. */
const SLICE = 100;

/** Older than any request can live: an inbox blob that no batch names by then never will be. */
const ORPHAN_AGE_MS = 3_600_000;

const REMOVALS_AT_A_TIME = 8;

/** One run's time, well below the interval of its timer. */
const INBOX_SWEEP_MS = 60_000;

type Handler = (timer: unknown, context: InvocationContext) => Promise<void>;

/**
 * Looks after batches that were left behind: starts those whose start failed, and closes those whose instance ended
 * without closing them (terminated, failed, purged). May run twice, and beside the batches.
 */
export function createSweepBatches(deps: TriggerDeps): Handler {
  const closeBatch = createCloseBatch(deps);
  // Goes round, so that batches which run for long do not keep younger ones waiting.
  let after = '';
  return async (_timer, context) => {
    const client = getClient(context);
    const before = new Date(deps.now().getTime() - deps.config.sweepAfterMs);
    const slice = await deps.batches.open(after, before, SLICE);
    after = slice.length < SLICE ? '' : (slice.at(-1)?.batch.receivedAt ?? '');
    for (const { batch, etag } of slice) {
      try {
        const seen: SeenBatch = { header: headerOf(batch), etag };
        const failure = await tend(client, batch.status, seen);
        // It may have been closed in the ordinary way since the list was read.
        if (!failure || (await isClosedNow(deps, batch.id))) continue;
        context.warn(`Closing batch ${batch.id}: ${failure.message}`);
        await closeBatch(batch.id, failure);
      } catch (error) {
        // One batch that cannot be tended must not keep the others waiting.
        context.error(`Batch ${batch.id} could not be tended: ${String(error)}`);
      }
    }
  };
}

async function isClosedNow({ batches }: TriggerDeps, id: string): Promise<boolean> {
  const found = await batches.read(id);
  return !found || isClosed(found.batch.status);
}

/** Starts the batch if it was not; says why it has to be closed, if it has. */
async function tend(
  client: DurableClient,
  batchStatus: BatchStatus,
  seen: SeenBatch,
): Promise<Failure | undefined> {
  const status = await instanceStatus(client, seen.header.id);
  if (!status) {
    if (batchStatus !== 'accepted')
      return { code: 'orchestration-lost', message: 'The orchestration is gone.' };
    await client.startNew(INGEST_BATCH, { instanceId: seen.header.id, input: seen satisfies SeenBatch });
    return undefined;
  }
  const { output } = status;
  const runtimeStatus: string = status.runtimeStatus;
  if (runtimeStatus === 'Terminated') {
    return { code: 'terminated', message: `The batch was terminated${reasonIn(output)}.` };
  }
  if (runtimeStatus === 'Failed')
    return { code: 'orchestration-failed', message: `The orchestration failed${reasonIn(output)}.` };
  if (runtimeStatus === 'Completed' || runtimeStatus === 'Canceled') {
    return {
      code: 'orchestration-lost',
      message: `The orchestration is ${runtimeStatus}, but did not close the batch.`,
    };
  }
  return undefined;
}

const reasonIn = (output: unknown): string =>
  typeof output === 'string' && output !== '' ? `: ${output.slice(0, 1000)}` : '';

/**
 * Removes inbox blobs that no open batch needs: of batches that are closed, or of requests that were cut off before the
 * reservation. A body that was stored for a claim of the hub stays until it is certain that the claim names another one, or
 * its batch is closed: however long whoever stored it stood still meanwhile. Works for a bounded time; the next run goes on.
 */
export function createSweepInbox(deps: TriggerDeps, claims: Pick<Claims, 'byId'>): Handler {
  return async () => {
    const begun = deps.now().getTime();
    let slice: ListedBlob[] = [];
    const sweep = async (): Promise<void> => {
      await mapLimited(slice, REMOVALS_AT_A_TIME, (blob) => removeUnlessNeeded(deps, claims, blob));
      slice = [];
    };
    for await (const blob of deps.blobs.list('inbox', '')) {
      if (blob.modifiedOn.getTime() > begun - ORPHAN_AGE_MS) continue;
      if (slice.push(blob) === SLICE) await sweep();
      if (deps.now().getTime() - begun > INBOX_SWEEP_MS) return;
    }
    await sweep();
  };
}

async function removeUnlessNeeded(
  { batches, blobs }: TriggerDeps,
  claims: Pick<Claims, 'byId'>,
  { name, modifiedOn, metadata }: ListedBlob,
): Promise<void> {
  const [id = ''] = name.split('/');
  const found = await batches.read(id);
  if (found && !isClosed(found.batch.status) && inboxName(id, found.batch.contentHash) === name) return;
  if (!found && (await mayBeReserved(claims, name, metadata[CLAIM_OF_BODY]))) return;
  // Between the look at the batch and this, a request with the same content may have come: it renewed the blob.
  await blobs.remove('inbox', name, modifiedOn);
}

/** Whether a blob was stored for a claim which is not there yet, or which names it. */
async function mayBeReserved(
  claims: Pick<Claims, 'byId'>,
  name: string,
  claimedAs: string | undefined,
): Promise<boolean> {
  if (claimedAs === undefined) return false;
  const claim = await claims.byId(claimedAs);
  return claim?.parts.some((part) => bodyName(claim, part) === name) ?? true;
}
