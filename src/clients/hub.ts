import { EventHubProducerClient, type EventData, type EventHubClientOptions } from '@azure/event-hubs';
import { managedIdentity, type Connection } from './connection';
import { once } from './once';

/** One record as an event. */
export interface RecordEvent {
  /** `{batchId}/{index}`: the same however often it is sent. */
  readonly id: string;
  readonly bucket: number;
  /** JSON */
  readonly body: Buffer;
  readonly properties: Readonly<Record<string, string | number | boolean>>;
}

/** The log of valid records. */
export interface RecordsHub {
  /**
   * Publishes events, those of one bucket in order to one partition. Resolves when the hub has them all.
   * @returns the number of sends
   */
  publish(events: readonly RecordEvent[]): Promise<number>;
  close(): Promise<void>;
}

// A send whose connection is lost waits for its whole time-out: keep it short, the activity is retried anyway.
const OPTIONS: EventHubClientOptions = {
  retryOptions: { timeoutInMs: 10_000, maxRetries: 2, retryDelayInMs: 300 },
};

export function createRecordsHub(connection: Connection & { readonly hub: string }): RecordsHub {
  const client =
    connection.type === 'connectionString'
      ? new EventHubProducerClient(connection.connectionString, connection.hub, OPTIONS)
      : new EventHubProducerClient(connection.endpoint, connection.hub, managedIdentity(), OPTIONS);
  const partitions = once(() => client.getPartitionIds());

  const send = async (partitionId: string, events: readonly EventData[]): Promise<number> => {
    let sends = 0;
    let batch = await client.createBatch({ partitionId });
    for (const event of events) {
      if (batch.tryAdd(event)) continue;
      await client.sendBatch(batch);
      sends++;
      batch = await client.createBatch({ partitionId });
      if (!batch.tryAdd(event))
        throw new Error(`The event ${String(event.messageId)} is larger than the hub allows.`);
    }
    await client.sendBatch(batch);
    return sends + 1;
  };

  return {
    async publish(events) {
      const ids = await partitions();
      const byPartition = new Map<string, EventData[]>();
      for (const { id, bucket, body, properties } of events) {
        const partition = ids[bucket % ids.length] as string;
        const event = { messageId: id, contentType: 'application/json', body, properties: { ...properties } };
        const list = byPartition.get(partition);
        if (list) list.push(event);
        else byPartition.set(partition, [event]);
      }
      const sends = await Promise.all(Array.from(byPartition, ([partition, list]) => send(partition, list)));
      return sends.reduce((total, count) => total + count, 0);
    },
    close: () => client.close(),
  };
}
