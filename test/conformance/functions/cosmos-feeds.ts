import { type Container, CosmosClient } from '@azure/cosmos';
import { cosmosConnectionString, startCosmos } from '../../../local/cosmos/server';
import type { Service } from '../../../local/shared/child';
import { startSampleHost, temporaryFolder } from '../../support/functions-host';
import { until } from '../../support/until';
import { Sink } from '../../support/sink';

/** What a function of the sample app tells of a run. */
export interface Report<T> {
  readonly name: string;
  readonly batch: T[];
  readonly retry?: { readonly retryCount: number; readonly maxRetryCount: number };
  readonly metadata?: Record<string, unknown>;
}

export interface Lease {
  readonly id: string;
  readonly LeaseToken: string;
  readonly ContinuationToken: string | null;
}

const KEY = Buffer.from('a key for tests only').toString('base64');

/** A store with a database, a host of the sample app that reads its container `items`, and what the functions tell. */
export class CosmosFeeds<T extends { readonly id?: string }> {
  readonly sink = new Sink<Report<T>>();
  private readonly storeDir = temporaryFolder();
  private sinkUrl = '';
  private running: Service | undefined;
  private client: CosmosClient | undefined;
  private host: Awaited<ReturnType<typeof startSampleHost>> | undefined;

  static async start<T extends { readonly id?: string }>(): Promise<CosmosFeeds<T>> {
    const feeds = new CosmosFeeds<T>();
    feeds.running = await feeds.openStore(0);
    feeds.client = new CosmosClient(feeds.connectionString);
    await feeds.client.databases.create({ id: 'db' });
    feeds.sinkUrl = await feeds.sink.start();
    return feeds;
  }

  private openStore(port: number): Promise<Service> {
    return startCosmos({ dataDir: this.storeDir, port, key: KEY });
  }

  get store(): Service {
    if (!this.running) throw new Error('The store is not started.');
    return this.running;
  }

  private get connectionString(): string {
    return cosmosConnectionString({ port: this.store.port, key: KEY });
  }

  private get database(): ReturnType<CosmosClient['database']> {
    if (!this.client) throw new Error('The store is not started.');
    return this.client.database('db');
  }

  /** Stops the store, does something without it, and starts it again. */
  async restartStore(meanwhile: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    const { port } = this.store;
    await this.store.dispose();
    await meanwhile();
    this.running = await this.openStore(port);
  }

  async newContainer(throughput = 400): Promise<Container> {
    const { container } = await this.database.containers.create({
      id: 'items',
      partitionKey: { paths: ['/id'], version: 2 },
      throughput,
    });
    return container;
  }

  environment(further: Record<string, string> = {}): Record<string, string> {
    return { Cosmos: this.connectionString, FEED_CONTAINER: 'items', SINK: this.sinkUrl, ...further };
  }

  async startHost(further: Record<string, string> = {}, appDir?: string): Promise<typeof this.host & object> {
    this.host = await startSampleHost({
      environment: this.environment(further),
      ...(appDir ? { appDir } : {}),
    });
    return this.host;
  }

  async stopHost(): Promise<void> {
    await this.host?.dispose();
    this.host = undefined;
  }

  reports(name: string): Report<T>[] {
    return this.sink.reports.filter((report) => report.name === name);
  }

  seen(name: string): string[] {
    return this.reports(name).flatMap(idsOf);
  }

  untilSeen(name: string, ids: readonly string[]): Promise<void> {
    return until(() => {
      const all = new Set(this.seen(name));
      return ids.every((id) => all.has(id));
    });
  }

  async leases(name: string): Promise<Lease[]> {
    const { resources } = await this.database
      .container('feed-leases')
      .items.query<Lease>({
        query: 'SELECT * FROM c WHERE STARTSWITH(c.id, @name) ORDER BY c.id',
        parameters: [{ name: '@name', value: `${name}-` }],
      })
      .fetchAll();
    return resources;
  }

  hasLease(name: string): Promise<void> {
    return until(async () => (await this.leases(name).catch(() => [])).length > 0);
  }

  untilMoved(name: string): Promise<void> {
    return until(
      async () => typeof (await this.leases(name).catch(() => []))[0]?.ContinuationToken === 'string',
    );
  }

  async dispose(): Promise<void> {
    await this.stopHost();
    this.client?.dispose();
    this.sink.close();
    await this.running?.dispose();
  }
}

export function idsOf<T extends { readonly id?: string }>(report: Report<T> | undefined): string[] {
  return report?.batch.map(({ id = '' }) => id) ?? [];
}

/** Up to which change the lease says that its function has come. */
export function lsnOf(lease: Lease | undefined): number {
  return Number(JSON.parse(lease?.ContinuationToken ?? '"0"'));
}
