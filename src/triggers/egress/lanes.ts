import type { DurableClient } from 'durable-functions';
import { laneInstance, type LaneTask } from '../../domain/egress/lane';

/** The name the orchestrator is registered under. */
export const DELIVER_CHANGES = 'deliverChanges';

/** Starts the drain of a lane, unless it runs. */
export async function startLane(client: DurableClient, task: LaneTask): Promise<void> {
  try {
    await client.startNew(DELIVER_CHANGES, { instanceId: laneInstance(task), input: task });
  } catch (error) {
    if (!isRunning(error)) throw error;
  }
}

/** Whether a start failed because the instance runs (409). The SDK tells that only in an error's text. */
export function isRunning(error: unknown): boolean {
  return error instanceof Error && /already exists|status code: 409/i.test(error.message);
}
