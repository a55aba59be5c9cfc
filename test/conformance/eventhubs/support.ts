import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  earliestEventPosition,
  EventHubBufferedProducerClient,
  type EventHubBufferedProducerClientOptions,
  EventHubConsumerClient,
  EventHubProducerClient,
  type EventPosition,
  type LastEnqueuedEventProperties,
  type ReceivedEventData,
  type SubscribeOptions,
} from '@azure/event-hubs';
import {
  type EventHubsOptions,
  eventHubsConnectionString,
  startEventHubs,
} from '../../../local/eventhubs/server';
import type { Service } from '../../../local/shared/child';

export const CREDENTIAL = { keyName: 'RootManageSharedAccessKey', key: 'c2VjcmV0LWZvci10ZXN0cw==' };
/** No retries: a test wants to see the first answer. */
export const ONCE = { retryOptions: { maxRetries: 0, timeoutInMs: 15_000 } };
export const HUBS = { orders: { partitions: 4, consumerGroups: ['audit'] } };

/** Makes clients of a hub, and closes them. */
export class Clients {
  private readonly clients: { close(): Promise<void> }[] = [];
  constructor(
    /** Where the hub is, as its port is now. */
    readonly connectionString: () => string,
    readonly hub: string,
  ) {}

  producer(hub = this.hub, connectionString = this.connectionString()): EventHubProducerClient {
    return this.closedLater(new EventHubProducerClient(connectionString, hub, ONCE));
  }

  consumer(
    group = '$Default',
    hub = this.hub,
    connectionString = this.connectionString(),
  ): EventHubConsumerClient {
    return this.closedLater(new EventHubConsumerClient(group, connectionString, hub, ONCE));
  }

  /** A producer that numbers its events. The SDK offers that to its buffered producer only. */
  idempotentProducer(partitions: Record<string, PublishingOptions> = {}): IdempotentProducer {
    const client = this.producer() as unknown as IdempotentProducer;
    client._enableIdempotentRetries = true;
    client._partitionOptions = partitions;
    return client;
  }

  bufferedProducer(options: EventHubBufferedProducerClientOptions): EventHubBufferedProducerClient {
    const client = new EventHubBufferedProducerClient(this.connectionString(), this.hub, {
      ...ONCE,
      ...options,
    });
    // Its timer outlives `close`, and would keep the process of the tests for 10 s.
    (client as unknown as { _backgroundManagementInterval: number })._backgroundManagementInterval = 200;
    return this.closedLater(client);
  }

  async closeClients(): Promise<void> {
    await Promise.all(this.clients.splice(0).map((client) => client.close()));
  }

  private closedLater<T extends { close(): Promise<void> }>(client: T): T {
    this.clients.push(client);
    return client;
  }
}

export interface PublishingOptions {
  readonly ownerLevel?: number | undefined;
  readonly producerGroupId?: number | undefined;
  readonly startingSequenceNumber?: number | undefined;
}

/** What the producer client of the SDK keeps to itself. */
export interface IdempotentProducer extends Pick<
  EventHubProducerClient,
  'sendBatch' | 'createBatch' | 'close'
> {
  _enableIdempotentRetries: boolean;
  _partitionOptions: Record<string, PublishingOptions>;
  getPartitionPublishingProperties(partitionId: string): Promise<{
    isIdempotentPublishingEnabled: boolean;
    partitionId: string;
    ownerLevel?: number;
    producerGroupId?: number;
    lastPublishedSequenceNumber?: number;
  }>;
}

/** The state that another producer of the group can go on with. */
export async function stateOf(producer: IdempotentProducer, partitionId = '0'): Promise<PublishingOptions> {
  const properties = await producer.getPartitionPublishingProperties(partitionId);
  return {
    ownerLevel: properties.ownerLevel,
    producerGroupId: properties.producerGroupId,
    startingSequenceNumber: properties.lastPublishedSequenceNumber,
  };
}

/** An endpoint with a folder of its own, and the clients made for it; all of it goes with `dispose`. */
export class Endpoint extends Clients {
  private constructor(
    readonly dataDir: string,
    private service: Service,
    private readonly options: Partial<EventHubsOptions>,
  ) {
    super(() => eventHubsConnectionString({ port: this.port, ...CREDENTIAL }), 'orders');
  }

  static async start(options: Partial<EventHubsOptions> = {}): Promise<Endpoint> {
    const dataDir = await mkdtemp(join(tmpdir(), 'eventhubs-'));
    return new Endpoint(dataDir, await open(dataDir, options), options);
  }

  get port(): number {
    return this.service.port;
  }

  /** Stops the endpoint and starts it again on the same data. */
  async restart(options: Partial<EventHubsOptions> = {}): Promise<void> {
    await this.stop();
    await this.start(options);
  }

  async start(options: Partial<EventHubsOptions> = {}): Promise<void> {
    this.service = await open(this.dataDir, { ...this.options, ...options });
  }

  async stop(): Promise<void> {
    await this.closeClients();
    await this.service.dispose();
  }

  async dispose(): Promise<void> {
    await this.stop();
    await rm(this.dataDir, { recursive: true, force: true });
  }
}

function open(dataDir: string, options: Partial<EventHubsOptions>): Promise<Service> {
  return startEventHubs({ dataDir, port: 0, ...CREDENTIAL, hubs: HUBS, ...options });
}

export interface Received {
  readonly events: ReceivedEventData[];
  readonly last: LastEnqueuedEventProperties | undefined;
}

/** Receives from one partition until there are `count` events. Rejects with the error that the client reports. */
export async function receive(
  client: EventHubConsumerClient,
  partitionId: string,
  count: number,
  startPosition: EventPosition,
  options: SubscribeOptions = {},
): Promise<Received> {
  const events: ReceivedEventData[] = [];
  let last: LastEnqueuedEventProperties | undefined;
  let close: () => Promise<void> = () => Promise.resolve();
  try {
    await new Promise<void>((resolve, reject) => {
      const subscription = client.subscribe(
        partitionId,
        {
          processEvents: async (batch, context) => {
            events.push(...batch);
            last = context.lastEnqueuedEventProperties;
            if (events.length >= count) resolve();
          },
          processError: async (error) => reject(error),
        },
        { startPosition, maxBatchSize: 1_000, skipParsingBodyAsJson: false, ...options },
      );
      close = () => subscription.close();
    });
  } finally {
    await close();
  }
  return { events, last };
}

/** All events that a partition holds. */
export async function receiveAll(clients: Clients, partitionId: string): Promise<ReceivedEventData[]> {
  const producer = clients.producer();
  const { beginningSequenceNumber, lastEnqueuedSequenceNumber } =
    await producer.getPartitionProperties(partitionId);
  const count = lastEnqueuedSequenceNumber - beginningSequenceNumber + 1;
  if (lastEnqueuedSequenceNumber < 0 || count === 0) return [];
  return (await receive(clients.consumer(), partitionId, count, earliestEventPosition)).events;
}

/** Bodies in the order of arrival. */
export function bodies({ events }: Received): unknown[] {
  return events.map(({ body }) => body as unknown);
}

/** Awaits a rejection and gives the error with the code that the SDK put on it. */
export async function failure(work: Promise<unknown>): Promise<{ code?: string; message: string }> {
  const outcome = await work.then(
    () => undefined,
    (error: unknown) => error as { code?: string; message: string },
  );
  if (!outcome) throw new Error('It succeeded.');
  return outcome;
}
