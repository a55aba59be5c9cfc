import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob';

/** Up to where a partition has been processed. */
export interface Checkpoint {
  offset: string;
  sequenceNumber: number;
}

/** What the checkpoints of a hub belong to. */
export interface HubIdentity {
  /** Authority of the endpoint, with its port: on one machine that is what tells two of them apart. */
  namespace: string;
  hub: string;
  consumerGroup: string;
  /** When the hub was made: one made anew under the same name numbers its events anew. */
  createdOn: Date;
}

/** The container of the platform's Event Hubs extension. */
const CONTAINER = 'azure-webjobs-eventhub';

/**
 * Checkpoints in Blob Storage, in the layout of the SDKs' checkpoint stores: an empty blob
 * `<namespace>/<hub>/<consumer group>/checkpoint/<partition>` with `offset` and `sequencenumber` as metadata. Ours hold
 * `hubcreated` besides.
 */
export class Checkpoints {
  private readonly container: ContainerClient;
  private readonly prefix: string;
  private readonly created: string;

  constructor(storage: string, { namespace, hub, consumerGroup, createdOn }: HubIdentity) {
    const options = { retryOptions: { maxTries: 1 } };
    this.container = BlobServiceClient.fromConnectionString(storage, options).getContainerClient(CONTAINER);
    this.prefix = `${namespace}/${hub}/${consumerGroup}/checkpoint/`.toLowerCase();
    this.created = createdOn.toISOString();
  }

  /** @throws when the store cannot be reached. */
  async prepare(): Promise<void> {
    await this.container.createIfNotExists();
  }

  /** The checkpoint of a partition; 'foreign' when it is one of an earlier hub of the same name. */
  async read(partitionId: string): Promise<Checkpoint | 'foreign' | undefined> {
    try {
      const { metadata = {} } = await this.blob(partitionId).getProperties();
      const { offset, sequencenumber, hubcreated } = metadata;
      if (offset === undefined || sequencenumber === undefined) return undefined;
      if (hubcreated !== undefined && hubcreated !== this.created) return 'foreign';
      return { offset, sequenceNumber: Number(sequencenumber) };
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** @throws when the checkpoint could not be stored. */
  async write(partitionId: string, { offset, sequenceNumber }: Checkpoint): Promise<void> {
    const metadata = { offset, sequencenumber: String(sequenceNumber), hubcreated: this.created };
    try {
      await this.blob(partitionId).setMetadata(metadata);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      await this.container.createIfNotExists();
      await this.blob(partitionId).upload('', 0, { metadata });
    }
  }

  private blob(partitionId: string): ReturnType<ContainerClient['getBlockBlobClient']> {
    return this.container.getBlockBlobClient(this.prefix + partitionId);
  }
}

function isNotFound(error: unknown): boolean {
  return (error as { statusCode?: unknown }).statusCode === 404;
}

/** The authority in a connection string: host, and port if it has one. */
export function namespaceOf(connectionString: string): string {
  return /Endpoint=\w+:\/\/([^/;]+)/i.exec(connectionString)?.[1] ?? '';
}
