import { randomUUID } from 'node:crypto';
import { CosmosClient, type Container, type FeedRange, type PartitionKeyRange } from '@azure/cosmos';
import { statusOf } from './cosmos-errors';
import { ContainerGoneError, FeedReader, type FeedPage } from './cosmos-feed';
import { FeedHttpClient } from './cosmos-feed-http';
import { Leases, type Lease } from './cosmos-leases';
import type { ContainerReference, CosmosTrigger } from './cosmos-options';
import { Lifetime, LONGEST_STORE_PAUSE_MS, Outage, pauseAfter } from './lifetime';
import type { Deliver } from './retry';
import { log } from '../shared/log';

/** A request without an answer for so long has failed (ms). */
const REQUEST_TIMEOUT_MS = 30_000;
/** Partition key of the lease container, as the platform wants it. */
const LEASE_KEY = '/id';

/** One opened feed: all ranges of one container, until it ends. */
interface Feed {
  readonly life: Lifetime;
  readonly ranges: { id: string; reader: FeedReader; lease: Lease }[];
}

/**
 * Delivers the change feed of a container to one function: each range on its own, a batch at a time. The lease of a
 * range moves when the function has succeeded, and the next batch is read then.
 */
export class CosmosListener {
  private readonly life = new Lifetime();
  private readonly outage: Outage;
  private readonly owner = randomUUID();
  private running: Promise<void> | undefined;
  /** Resource id of the container that was read last. */
  private rid: string | undefined;
  /** Whether the container was missing, or another one, at some time: then all that is in it came after our start. */
  private wasMissing = false;

  constructor(
    private readonly name: string,
    private readonly trigger: CosmosTrigger,
    private readonly deliver: Deliver,
  ) {
    const { database, container } = trigger.monitored;
    this.outage = new Outage(`the change feed of ${database}/${container} for "${name}"`);
  }

  start(): void {
    this.running = this.run().catch((error: unknown) => {
      log('functions', `the Cosmos DB trigger "${this.name}" has stopped: ${(error as Error).message}`);
    });
  }

  async stop(): Promise<void> {
    this.life.stop();
    await this.running;
  }

  private async run(): Promise<void> {
    for (let failures = 0; !this.life.stopped;) {
      // Clients remember the ranges of a container, also when there is another one by its name.
      const clients = new Clients();
      try {
        const feed = await this.open(clients);
        failures = 0;
        this.outage.recovered('feed');
        await Promise.all(feed.ranges.map((range) => this.follow(feed, range)));
        await this.life.pause(pauseAfter(1));
      } catch (error) {
        if (this.life.stopped) break;
        this.outage.failed('feed', error);
        await this.life.pause(pauseAfter(++failures, LONGEST_STORE_PAUSE_MS));
      } finally {
        clients.dispose();
      }
    }
  }

  private async open(clients: Clients): Promise<Feed> {
    const { monitored, leases } = this.trigger;
    const source = clients.container(monitored);
    const { rid, databaseRid } = await this.identify(source);
    if (this.rid !== undefined && this.rid !== rid) this.wasMissing = true;
    this.rid = rid;
    const store = clients.container(leases);
    await this.prepareLeaseContainer(store);
    const ranges = await rangesOf(source);
    // The platform's ids hold the account's host and the resource ids, so that one container serves many feeds.
    const host = new URL(/AccountEndpoint=([^;]+)/i.exec(monitored.connectionString)?.[1] ?? '').hostname;
    const { mode } = this.trigger;
    const documents = new Leases(store, `${leases.prefix}${host}_${databaseRid}_${rid}`, this.owner, mode);
    // All versions can be read from now on only.
    const fromBeginning = this.wasMissing && mode === 'LatestVersion';
    const options = { ...this.trigger, start: fromBeginning ? 'beginning' : this.trigger.start };
    const opened = ranges.map(async ({ range, feedRange }) => {
      const reader = new FeedReader(source, clients.http, rid, feedRange, options);
      // "Now" is the moment at which the lease is made, not that of the first change.
      const lease = await documents.open(range, async () =>
        options.start === 'now' ? (await reader.next(undefined)).token : undefined,
      );
      reader.reset();
      return { id: range.id, reader, lease };
    });
    return { life: new Lifetime(this.life), ranges: await Promise.all(opened) };
  }

  /** @throws with a clear text when the container does not exist. */
  private async identify(container: Container): Promise<{ rid: string; databaseRid: string }> {
    try {
      const { resource } = await container.read();
      const database = await container.database.read();
      return { rid: resource?._rid ?? '', databaseRid: database.resource?._rid ?? '' };
    } catch (error) {
      if (statusOf(error) !== 404) throw error;
      this.wasMissing = true;
      throw new Error('the container does not exist yet', { cause: error });
    }
  }

  /** @throws with a clear text when there is none and none may be made. */
  private async prepareLeaseContainer(container: Container): Promise<void> {
    const { create, throughput } = this.trigger.leases;
    try {
      const { resource } = await container.read();
      const paths = resource?.partitionKey?.paths.join() ?? '';
      if (paths !== LEASE_KEY)
        throw new Error(
          `the lease container "${container.id}" has the partition key ${paths}, not ${LEASE_KEY}`,
        );
    } catch (error) {
      if (statusOf(error) !== 404) throw error;
      if (!create) {
        const hint = 'create it, or set createLeaseContainerIfNotExists';
        throw new Error(`the lease container "${container.id}" does not exist: ${hint}`, { cause: error });
      }
      const partitionKey = { paths: [LEASE_KEY], version: 2 };
      await container.database.containers
        .create({ id: container.id, partitionKey, throughput })
        .catch((failure: unknown) => {
          // Two functions that share it may find together that it is missing.
          if (statusOf(failure) !== 409) throw failure;
        });
    }
  }

  private async follow(feed: Feed, range: Feed['ranges'][number]): Promise<void> {
    let failures = 0;
    while (!feed.life.stopped) {
      const page = await this.read(feed, range);
      if (!page) return;
      const { changes, token } = page;
      if (!changes) {
        // A feed that began at a time shall not begin there again.
        if (range.lease.token === undefined) await this.move(feed, range, token);
        await feed.life.pause(this.trigger.pollDelayMs);
        continue;
      }
      const delivered = await this.deliver({ utf8: changes.utf8 }, feed.life);
      if (delivered.ok) {
        failures = 0;
        await this.move(feed, range, token);
      } else if (!feed.life.stopped) {
        const pause = pauseAfter(++failures);
        const what = `${changes.count} changes of range ${range.id}`;
        log(
          'functions',
          `"${this.name}" failed with ${what}, which come again in ${pause / 1000} s ` +
            `(on Azure they would be skipped, unless maxRetryCount is -1): ${delivered.message}`,
        );
        range.reader.reset();
        await feed.life.pause(pause);
      }
    }
  }

  /** The next page, once the store answers; undefined when the feed has ended. */
  private async read(
    feed: Feed,
    { id, reader, lease }: Feed['ranges'][number],
  ): Promise<FeedPage | undefined> {
    for (let failures = 1; !feed.life.stopped; failures++) {
      try {
        const page = await reader.next(lease.token);
        this.outage.recovered(id);
        return page;
      } catch (error) {
        if (error instanceof ContainerGoneError || statusOf(error) === 404) {
          this.outage.recovered(id);
          feed.life.stop();
          return undefined;
        }
        if (!feed.life.stopped) this.outage.failed(id, error);
        await feed.life.pause(pauseAfter(failures, LONGEST_STORE_PAUSE_MS));
      }
    }
    return undefined;
  }

  /** Moves the lease, once the store answers. A lease that is not ours any more ends the feed: it is opened anew. */
  private async move(feed: Feed, { id, lease }: Feed['ranges'][number], token: string): Promise<void> {
    for (let failures = 1; ; failures++) {
      try {
        if ((await lease.move(token)) === 'lost') feed.life.stop();
        this.outage.recovered(id);
        return;
      } catch (error) {
        if (feed.life.stopped) return;
        this.outage.failed(id, error);
        await feed.life.pause(pauseAfter(failures, LONGEST_STORE_PAUSE_MS));
      }
    }
  }
}

/** One client for each account. */
class Clients {
  readonly http = new FeedHttpClient();
  private readonly clients = new Map<string, CosmosClient>();

  container({ connectionString, database, container }: ContainerReference): Container {
    const client = this.clients.get(connectionString) ?? connect(connectionString, this.http);
    this.clients.set(connectionString, client);
    return client.database(database).container(container);
  }

  dispose(): void {
    for (const client of this.clients.values()) client.dispose();
  }
}

function connect(connectionString: string, httpClient: FeedHttpClient): CosmosClient {
  return new CosmosClient({
    connectionString,
    httpClient,
    connectionPolicy: {
      requestTimeout: REQUEST_TIMEOUT_MS,
      // There is one endpoint; repetition is ours, so that it ends when the host stops.
      enableEndpointDiscovery: false,
      enableBackgroundEndpointRefreshing: false,
    },
  });
}

/** The physical ranges of a container, each with the SDK's own object for it. */
async function rangesOf(container: Container): Promise<{ range: PartitionKeyRange; feedRange: FeedRange }[]> {
  const { resources } = await container.readPartitionKeyRanges().fetchAll();
  const feedRanges = await container.getFeedRanges();
  return resources.map((range) => {
    const feedRange = feedRanges.find(({ minInclusive }) => minInclusive === range.minInclusive);
    if (!feedRange) throw new Error('the ranges of the container are just changing');
    return { range, feedRange };
  });
}
