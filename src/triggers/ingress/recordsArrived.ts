import type { InvocationContext } from '@azure/functions';
import { getClient, type DurableClient } from 'durable-functions';
import type { StartBatch } from '../../activities/ingress/deps';
import { bytesOf, type IngressEvent } from '../../domain/ingress/packet';
import { INGEST_BATCH } from '../ingest/acceptance';
import type { IngressTriggerDeps } from './deps';

/** What the platform tells of a group of events; the SDK writes the first letters small. */
interface GroupMetadata {
  readonly partitionContext?: { readonly partitionId?: string };
  readonly sequenceNumberArray?: readonly number[];
  readonly enqueuedTimeUtcArray?: readonly string[];
  readonly propertiesArray?: readonly Record<string, unknown>[];
}

/**
 * Claims a group of events that the platform has delivered. What it throws makes the platform deliver the group again:
 * it is registered with a retry that does not end.
 */
export function createRecordsArrived({ chains, priority }: Pick<IngressTriggerDeps, 'chains' | 'priority'>) {
  return async (messages: unknown, context: InvocationContext): Promise<void> => {
    const metadata = context.triggerMetadata as GroupMetadata;
    const partition = metadata.partitionContext?.partitionId;
    if (partition === undefined) throw new Error('The platform does not tell the partition.');
    const events = eventsOf(messages, metadata);
    priority.note();
    await chains.claimEvents(partition, events, starter(getClient(context), context));
  };
}

function eventsOf(messages: unknown, metadata: GroupMetadata): IngressEvent[] {
  return (messages as readonly unknown[]).map((body, at) => {
    const sequenceNumber = metadata.sequenceNumberArray?.[at];
    const enqueuedAt = Date.parse(metadata.enqueuedTimeUtcArray?.[at] ?? '');
    if (sequenceNumber === undefined || Number.isNaN(enqueuedAt))
      throw new Error('The platform does not tell number and time of the events.');
    return {
      sequenceNumber,
      enqueuedAt,
      body: bytesOf(body),
      properties: metadata.propertiesArray?.[at] ?? {},
    };
  });
}

/** Starts batches through the platform. */
export function starter(client: DurableClient, context: InvocationContext): StartBatch {
  return async (seen) => {
    const { id } = seen.header;
    try {
      await client.startNew(INGEST_BATCH, { instanceId: id, input: seen });
    } catch (error) {
      // Somebody else came to the same claim.
      if (error instanceof Error && error.message.includes('409')) return;
      context.warn(`Batch ${id} was reserved, but not started; the sweep will start it. ${String(error)}`);
      throw error;
    }
  };
}
