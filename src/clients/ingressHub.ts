import {
  EventHubConsumerClient,
  EventHubProducerClient,
  type EventDataBatch,
  type EventHubClientOptions,
  type ReceivedEventData,
} from '@azure/event-hubs';
import { bytesOf, type IngressEvent, type Packet } from '../domain/ingress/packet';
import { managedIdentity, type Connection } from './connection';
import { once } from './once';

/** What numbers a partition holds. */
export interface Extent {
  /** The oldest that has not expired. */
  readonly begin: number;
  /** -1: none was ever sent. */
  readonly last: number;
}

/** The hub `ingress`: the way of single records into batches. */
export interface IngressHub {
  partitions(): Promise<readonly string[]>;
  /** Sends packets to a partition. Resolves when the hub has stored them all; otherwise some may be stored. */
  send(partition: string, packets: readonly Packet[]): Promise<void>;
  /** When the hub was made. Asked anew each time. */
  createdOn(): Promise<Date>;
  extent(partition: string): Promise<Extent>;
  /**
   * The events from number `from` to `to`, in order; fewer when they are many: then those from `from` on.
   * @throws when the hub has more of them and does not give them in time
   */
  read(partition: string, from: number, to: number): Promise<IngressEvent[]>;
  close(): Promise<void>;
}

type Message = Extract<Parameters<EventDataBatch['tryAdd']>[0], { bodyType?: unknown }>;

// A send whose connection is lost waits for its whole time-out, and a request with it.
const OPTIONS: EventHubClientOptions = {
  retryOptions: { timeoutInMs: 10_000, maxRetries: 2, retryDelayInMs: 300 },
};

/** Bytes that are read at once, before what was read is claimed. */
const READ_BYTES = 8 * 1024 * 1024;

/** How long the hub may take (ms) to give the next of the events that it has. */
const READ_STALL_MS = 10_000;

/** Events on the way at a time: each may have 1 MiB, and {@link READ_BYTES} is held against what has arrived. */
const READ_BATCH = 16;

export function createIngressHub(
  connection: Connection & { readonly hub: string; readonly readGroup: string },
): IngressHub {
  const { hub, readGroup } = connection;
  const producer =
    connection.type === 'connectionString'
      ? new EventHubProducerClient(connection.connectionString, hub, OPTIONS)
      : new EventHubProducerClient(connection.endpoint, hub, managedIdentity(), OPTIONS);
  const consumer = (): EventHubConsumerClient =>
    connection.type === 'connectionString'
      ? new EventHubConsumerClient(readGroup, connection.connectionString, hub, OPTIONS)
      : new EventHubConsumerClient(readGroup, connection.endpoint, hub, managedIdentity(), OPTIONS);
  const partitions = once(() => producer.getPartitionIds());

  return {
    partitions,

    async send(partitionId, packets) {
      let batch = await producer.createBatch({ partitionId });
      for (const packet of packets) {
        const message = messageOf(packet);
        if (batch.tryAdd(message)) continue;
        await producer.sendBatch(batch);
        batch = await producer.createBatch({ partitionId });
        if (!batch.tryAdd(message)) throw new Error(`A packet of ${packet.body.length} bytes is too large.`);
      }
      await producer.sendBatch(batch);
    },

    async createdOn() {
      return (await producer.getEventHubProperties()).createdOn;
    },

    async extent(partition) {
      const { beginningSequenceNumber, lastEnqueuedSequenceNumber } =
        await producer.getPartitionProperties(partition);
      return { begin: beginningSequenceNumber, last: lastEnqueuedSequenceNumber };
    },

    async read(partition, from, to) {
      const client = consumer();
      try {
        return await collect(client, partition, from, to);
      } finally {
        await client.close();
      }
    },

    close: () => producer.close(),
  };
}

function messageOf({ body, properties }: Packet): Message {
  return {
    body,
    bodyType: 'data',
    properties: { contentType: 'application/x-ndjson' },
    applicationProperties: { ...properties },
  };
}

const toEvent = (event: ReceivedEventData): IngressEvent => ({
  sequenceNumber: event.sequenceNumber,
  enqueuedAt: event.enqueuedTimeUtc.getTime(),
  body: bytesOf(event.body),
  properties: event.properties ?? {},
});

/** Reads until the last number is passed, or enough bytes are there. */
async function collect(
  client: EventHubConsumerClient,
  partition: string,
  from: number,
  to: number,
): Promise<IngressEvent[]> {
  const events: IngressEvent[] = [];
  let bytes = 0;
  const done = Promise.withResolvers<undefined>();
  const stall = setTimeout(
    () => done.reject(new Error(`Partition ${partition} does not give events ${from} to ${to}.`)),
    READ_STALL_MS,
  );
  const subscription = client.subscribe(
    partition,
    {
      async processEvents(received) {
        for (const event of received) {
          if (event.sequenceNumber > to) break;
          events.push(toEvent(event));
          bytes += events.at(-1)?.body.length ?? 0;
        }
        if (received.length > 0) stall.refresh();
        if ((received.at(-1)?.sequenceNumber ?? -1) < to && bytes < READ_BYTES) return;
        done.resolve(undefined);
        // Nothing is taken any more: the subscription is being closed.
        await closed.promise;
      },
      async processError(error) {
        done.reject(error);
      },
    },
    {
      startPosition: { sequenceNumber: from, isInclusive: true },
      maxBatchSize: READ_BATCH,
      prefetchCount: READ_BATCH,
      maxWaitTimeInSeconds: 1,
      skipParsingBodyAsJson: true,
    },
  );
  const closed = Promise.withResolvers<undefined>();
  try {
    await done.promise;
    return events;
  } finally {
    clearTimeout(stall);
    closed.resolve(undefined);
    await subscription.close();
  }
}
