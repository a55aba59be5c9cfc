import type * as CosmosModule from '@azure/cosmos';
import type * as EventHubsModule from '@azure/event-hubs';
import type * as BlobModule from '@azure/storage-blob';
import type { BindingOptions } from './binding-options';
import { PathTemplate, type ExpressionValues } from './path-template';
import type { OutputData } from './protocol';

/** Where one output binding writes to. */
export interface Writer {
  /** Resolves when all of it is stored. */
  write(data: OutputData, values: ExpressionValues): Promise<void>;
  close(): Promise<void>;
}

/** The endpoint is on this machine: it answers soon, or not at all. */
const HUB_RETRIES = { maxRetries: 3, retryDelayInMs: 250, timeoutInMs: 5_000 };
const STORAGE = 'AzureWebJobsStorage';

/** @throws with the reason when the options cannot be used. */
export function createWriter(type: string, options: BindingOptions): Writer {
  if (type === 'eventhub') return new HubWriter(options);
  return type === 'cosmosdb' ? new CosmosWriter(options) : new BlobWriter(options);
}

/** One item, or those of an array; texts and bytes as they are, anything else as JSON. */
function itemsOf(data: OutputData): (string | Uint8Array)[] {
  if (!('json' in data)) return [bytesOrText(data)];
  const value: unknown = JSON.parse(data.json ?? 'null');
  const items: unknown[] = Array.isArray(value) ? value : [value];
  return items.map((item) => (typeof item === 'string' ? item : JSON.stringify(item)));
}

function bytesOrText(data: OutputData): string | Uint8Array {
  if ('bytes' in data) return data.bytes;
  if ('string' in data) return data.string;
  if ('int' in data) return String(data.int);
  if ('double' in data) return String(data.double);
  if ('json' in data) return data.json ?? 'null';
  throw new Error('an answer to a request is nothing that can be stored');
}

/** https://learn.microsoft.com/azure/azure-functions/functions-bindings-event-hubs-output */
class HubWriter implements Writer {
  private readonly connection: string;
  private readonly hub: string | undefined;
  private client: EventHubsModule.EventHubProducerClient | undefined;

  constructor(options: BindingOptions) {
    this.connection = options.connectionString('connection');
    // A hub that the connection string names comes first.
    this.hub = /(?:^|;)\s*EntityPath=/i.test(this.connection)
      ? undefined
      : options.requiredText('eventHubName');
  }

  async write(data: OutputData): Promise<void> {
    const client = (this.client ??= this.connect());
    let batch = await client.createBatch();
    for (const item of itemsOf(data)) {
      const event = { body: Buffer.from(item as string) };
      if (batch.tryAdd(event)) continue;
      await client.sendBatch(batch);
      batch = await client.createBatch();
      if (!batch.tryAdd(event)) throw new Error('an event is larger than the hub takes');
    }
    if (batch.count > 0) await client.sendBatch(batch);
  }

  async close(): Promise<void> {
    await this.client?.close();
  }

  private connect(): EventHubsModule.EventHubProducerClient {
    const { EventHubProducerClient } = require('@azure/event-hubs') as typeof EventHubsModule;
    const retry = { retryOptions: HUB_RETRIES };
    return this.hub === undefined
      ? new EventHubProducerClient(this.connection, retry)
      : new EventHubProducerClient(this.connection, this.hub, retry);
  }
}

/** https://learn.microsoft.com/azure/azure-functions/functions-bindings-cosmosdb-v2-output */
class CosmosWriter implements Writer {
  private readonly connection: string;
  private readonly database: string;
  private readonly container: string;
  private readonly create: boolean;
  private readonly partitionKey: string | undefined;
  private readonly throughput: number | undefined;
  private client: CosmosModule.CosmosClient | undefined;
  private created = false;

  constructor(options: BindingOptions) {
    this.connection = options.connectionString('connection');
    this.database = options.requiredText('databaseName');
    this.container = options.requiredText('containerName');
    this.create = options.flag('createIfNotExists');
    this.partitionKey = options.text('partitionKey');
    this.throughput = options.integer('containerThroughput', 1);
  }

  async write(data: OutputData): Promise<void> {
    const documents = itemsOf(data).map(documentOf);
    const { CosmosClient } = require('@azure/cosmos') as typeof CosmosModule;
    this.client ??= new CosmosClient(this.connection);
    if (this.create && !this.created) await this.createContainer(this.client);
    const { items } = this.client.database(this.database).container(this.container);
    // The platform makes no ids either.
    for (const document of documents) await items.upsert(document, { disableAutomaticIdGeneration: true });
  }

  close(): Promise<void> {
    this.client?.dispose();
    return Promise.resolve();
  }

  private async createContainer(client: CosmosModule.CosmosClient): Promise<void> {
    const { database } = await client.databases.createIfNotExists({ id: this.database });
    const { container: id, partitionKey, throughput } = this;
    await database.containers.createIfNotExists({
      id,
      ...(partitionKey === undefined ? {} : { partitionKey }),
      ...(throughput === undefined ? {} : { throughput }),
    });
    this.created = true;
  }
}

function documentOf(item: string | Uint8Array): object {
  const value: unknown = JSON.parse(typeof item === 'string' ? item : Buffer.from(item).toString());
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new Error('a document must be an object');
}

/** https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-blob-output */
class BlobWriter implements Writer {
  private readonly connection: string;
  private readonly path: PathTemplate;
  private client: BlobModule.BlobServiceClient | undefined;

  constructor(options: BindingOptions) {
    this.connection = options.connectionString('connection', STORAGE);
    const path = options.requiredText('path');
    if (!/^[^/{}]+\/./.test(path)) throw new Error(`its path "${path}" is not of the form container/blob`);
    this.path = new PathTemplate(path);
  }

  async write(data: OutputData, values: ExpressionValues): Promise<void> {
    const { BlobServiceClient } = require('@azure/storage-blob') as typeof BlobModule;
    this.client ??= BlobServiceClient.fromConnectionString(this.connection);
    const path = this.path.resolve(values);
    const slash = path.indexOf('/');
    const container = this.client.getContainerClient(path.slice(0, slash));
    const bytes = Buffer.from(bytesOrText(data) as string);
    const upload = (): Promise<unknown> =>
      container.getBlockBlobClient(path.slice(slash + 1)).uploadData(bytes);
    await upload().catch(async (error: { code?: unknown }) => {
      if (error.code !== 'ContainerNotFound') throw error;
      await container.createIfNotExists();
      await upload();
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
