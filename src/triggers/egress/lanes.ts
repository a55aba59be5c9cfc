import type { InvocationContext } from '@azure/functions';
import { getClient, type DurableClient } from 'durable-functions';
import type { EgressDeps } from '../../activities/egress/deps';
import { laneInstance, laneOf, type LaneTask } from '../../domain/egress/lane';
import { shardOf, SHARDS, shardPartition } from '../../domain/egress/row';
import { hasEnded, instanceStatus } from '../ingest/instances';
import type { SubscriptionHandler } from './deps';

/** The name the orchestrator is registered under. */
export const DELIVER_CHANGES = 'deliverChanges';

/** Starts the drain of a lane, unless it runs. */
async function startLane(client: DurableClient, task: LaneTask): Promise<void> {
  try {
    await client.startNew(DELIVER_CHANGES, { instanceId: laneInstance(task), input: task });
  } catch (error) {
    if (!isRunning(error)) throw error;
  }
}

/** Whether each lane has its drain, which finds what is due by itself. */
export async function allLanesRun(client: DurableClient, lanes: number): Promise<boolean> {
  const drains = Array.from({ length: lanes }, (_, lane) =>
    instanceStatus(client, laneInstance({ lane, lanes })),
  );
  return (await Promise.all(drains)).every((drain) => drain !== undefined && !hasEnded(drain.runtimeStatus));
}

/** Whether a start failed because the instance runs (409). The SDK tells that only in an error's text. */
export function isRunning(error: unknown): boolean {
  return error instanceof Error && /already exists|status code: 409/i.test(error.message);
}

/** Tells drains that something is due: those of this process at once; others are started, unless they run. */
export class LaneCalls {
  private readonly asleep = new Set<number>();

  constructor(
    private readonly deps: Pick<EgressDeps, 'egress' | 'wake'>,
    private readonly context: InvocationContext,
  ) {}

  /** Something is due in this partition of rows. */
  raised(pk: string): void {
    const lane = laneOf(shardOf(pk).subscription, this.deps.egress.lanes);
    if (!this.deps.wake.notify(lane, pk)) this.asleep.add(lane);
  }

  /** Something may be due anywhere among the rows of this subscription. */
  raisedAnywhere(subscription: string): void {
    for (let shard = 0; shard < SHARDS; shard++) this.raised(shardPartition(subscription, shard));
  }

  /** Starts the drains that do not run in this process. What is owed is stored: the sweep starts one that fails to. */
  async startOthers(): Promise<void> {
    const { lanes } = this.deps.egress;
    for (const lane of this.asleep) {
      await startLane(getClient(this.context), { lane, lanes }).catch((error: unknown) => {
        this.context.warn(`Lane ${lane} was not started; the sweep will start it. ${String(error)}`);
      });
    }
    this.asleep.clear();
  }
}

/** Tells the drain of one subscription to look. */
export async function wakeLane(
  deps: Pick<EgressDeps, 'egress' | 'wake'>,
  context: InvocationContext,
  subscription: string,
): Promise<void> {
  const calls = new LaneCalls(deps, context);
  calls.raisedAnywhere(subscription);
  await calls.startOthers();
}

/** A handler after which the subscription's drain is told to look. */
export function waking(
  deps: Pick<EgressDeps, 'egress' | 'wake'>,
  handler: SubscriptionHandler,
): SubscriptionHandler {
  return async (stored, request, context) => {
    const answer = await handler(stored, request, context);
    await wakeLane(deps, context, stored.subscription.id);
    return answer;
  };
}
