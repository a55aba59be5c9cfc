import { createHash } from 'node:crypto';
import { CosmosClient } from '@azure/cosmos';
import { earliestEventPosition, EventHubConsumerClient, type ReceivedEventData } from '@azure/event-hubs';
import { BlobServiceClient } from '@azure/storage-blob';

/** A document as Cosmos DB holds it. */
export interface StoredDocument {
  readonly id: string;
  readonly pk: string;
  readonly data: Record<string, unknown>;
  readonly _hw: {
    readonly key: string;
    readonly version: number;
    readonly deleted: boolean;
    readonly hash: string;
    readonly maker: { readonly batchId: string; readonly index: number; readonly schemaVersion: string };
    readonly newest: {
      readonly eventTime: number;
      readonly receivedAt: number;
      readonly batchId: string;
      readonly index: number;
    };
  };
}

const text = (settings: Readonly<Record<string, string>>, name: string): string => {
  const value = settings[name];
  if (value === undefined) throw new Error(`The setting ${name} is missing.`);
  return value;
};

/** Counts again what the app says, straight from the services through their own SDKs. */
export class Recount {
  private readonly cosmos: CosmosClient;
  private readonly blobs: BlobServiceClient;

  /** @param settings the app's settings, with its connection strings */
  constructor(private readonly settings: Readonly<Record<string, string>>) {
    this.cosmos = new CosmosClient(text(settings, 'Cosmos'));
    this.blobs = BlobServiceClient.fromConnectionString(text(settings, 'AzureWebJobsStorage'));
  }

  /** Every document, tombstones included; no markers. */
  async documents(): Promise<StoredDocument[]> {
    const query = 'SELECT * FROM c WHERE IS_DEFINED(c._hw)';
    const { resources } = await this.container('documents').items.query<StoredDocument>(query).fetchAll();
    return resources;
  }

  /** Every batch document; the claims of the records door lie beside them. */
  async batches(): Promise<Record<string, unknown>[]> {
    const { resources } = await this.container('batches')
      .items.query<Record<string, unknown>>('SELECT * FROM c WHERE IS_DEFINED(c.accepted)')
      .fetchAll();
    return resources;
  }

  /** Whether no batch was ever accepted. */
  async isEmpty(): Promise<boolean> {
    const { resources: databases } = await this.cosmos.databases.readAll().fetchAll();
    if (!databases.some(({ id }) => id === 'headwater')) return true;
    const { resources: containers } = await this.cosmos.database('headwater').containers.readAll().fetchAll();
    if (!containers.some(({ id }) => id === 'batches')) return true;
    const { resources } = await this.container('batches')
      .items.query<string>('SELECT VALUE c.id FROM c WHERE IS_DEFINED(c.accepted) OFFSET 0 LIMIT 1')
      .fetchAll();
    return resources.length === 0;
  }

  /** How many events were ever sent to the hub. */
  async hubSize(hub = 'records'): Promise<number> {
    const client = this.consumer(hub);
    try {
      const ids = await client.getPartitionIds();
      const partitions = await Promise.all(ids.map((id) => client.getPartitionProperties(id)));
      return partitions.reduce(
        (total, one) => total + (one.isEmpty ? 0 : one.lastEnqueuedSequenceNumber + 1),
        0,
      );
    } finally {
      await client.close();
    }
  }

  /** How often each event id is in the hub. */
  async events(hub = 'records'): Promise<Map<string, number>> {
    const client = this.consumer(hub);
    const counts = new Map<string, number>();
    try {
      for (const partition of await client.getPartitionIds()) {
        for (const event of await readPartition(client, partition)) {
          const id = String(event.messageId);
          counts.set(id, (counts.get(id) ?? 0) + 1);
        }
      }
    } finally {
      await client.close();
    }
    return counts;
  }

  /** SHA-256 and size of an archived body, or undefined when it is not there. */
  async archived(path: string): Promise<{ sha256: string; bytes: number } | undefined> {
    const content = await this.blob(path);
    return content && { sha256: createHash('sha256').update(content).digest('hex'), bytes: content.length };
  }

  /** The content of a blob, by container and name. */
  async blob(path: string): Promise<Buffer | undefined> {
    const slash = path.indexOf('/');
    const client = this.blobs.getContainerClient(path.slice(0, slash)).getBlobClient(path.slice(slash + 1));
    return (await client.exists()) ? client.downloadToBuffer() : undefined;
  }

  /** Names of the blobs of a container that begin with `prefix`. */
  async blobNames(container: string, prefix = ''): Promise<string[]> {
    const client = this.blobs.getContainerClient(container);
    if (!(await client.exists())) return [];
    const names: string[] = [];
    for await (const { name } of client.listBlobsFlat({ prefix })) names.push(name);
    return names;
  }

  private consumer(hub: string): EventHubConsumerClient {
    const group = EventHubConsumerClient.defaultConsumerGroupName;
    return new EventHubConsumerClient(group, text(this.settings, 'EventHubs'), hub);
  }

  private container(id: string) {
    return this.cosmos.database('headwater').container(id);
  }
}

/** Reads a partition from its beginning to what is its end now. */
async function readPartition(
  client: EventHubConsumerClient,
  partition: string,
): Promise<ReceivedEventData[]> {
  const { isEmpty, lastEnqueuedSequenceNumber: last } = await client.getPartitionProperties(partition);
  if (isEmpty) return [];
  const events: ReceivedEventData[] = [];
  await new Promise<void>((resolve, reject) => {
    const subscription = client.subscribe(
      partition,
      {
        processEvents: async (received) => {
          events.push(...received);
          if ((events.at(-1)?.sequenceNumber ?? -1) >= last) await subscription.close().then(resolve, reject);
        },
        processError: async (error) => {
          await subscription.close();
          reject(error);
        },
      },
      {
        startPosition: earliestEventPosition,
        maxBatchSize: 500,
        prefetchCount: 2000,
        maxWaitTimeInSeconds: 5,
      },
    );
  });
  return events;
}
