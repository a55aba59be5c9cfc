import type { CosmosClient, Database, OfferDefinition } from '@azure/cosmos';
import { mixSeed, random, type Random } from '../../../tools/lib/random';
import type { Endpoint } from './endpoint';
import { isDone, Known, type Load } from './load';

/** Each writer has one container, which it creates and deletes again and again under the same id. */
const WRITERS = 2;
const DEFAULT_TTL = 3_600;

interface Settings {
  readonly throughput: number;
  readonly defaultTtl: number | undefined;
  readonly items: number;
}

const throughput = (r: Random): number => 100 * r.integer(4, 100);

/** What a client replaces an offer by. */
const offered = (offer: OfferDefinition | undefined, offerThroughput: number): OfferDefinition =>
  ({ ...offer, content: { offerThroughput } }) as OfferDefinition;

/** Creates and deletes containers, changes their definition and their throughput, and that of a database. */
export class ResourceLoad implements Load {
  private readonly containers = Array.from({ length: WRITERS }, (_, n) => ({
    id: `resource-${n}`,
    known: new Known<Settings | undefined>(undefined),
  }));
  private readonly shared = new Known(400);
  private readonly randoms: readonly Random[];

  constructor(seed: number) {
    this.randoms = Array.from({ length: WRITERS + 1 }, (_, writer) => random(mixSeed(seed, 5, writer)));
  }

  prepare({ client }: Database): Promise<unknown> {
    return client.databases.create({ id: 'shared', throughput: this.shared.acknowledged });
  }

  run(endpoint: Endpoint): Promise<unknown> {
    return Promise.all([
      this.scale(endpoint, this.randoms[WRITERS]!),
      ...this.containers.map((_, n) => this.change(endpoint, n, this.randoms[n]!)),
    ]);
  }

  private async scale(endpoint: Endpoint, r: Random): Promise<void> {
    const read = await endpoint.read(endpoint.client.database('shared').readOffer());
    if (!isDone(read)) return;
    const { offer, resource } = read.value;
    for (;;) {
      const to = throughput(r);
      if (!isDone(await this.shared.change(to, endpoint.write(offer.replace(offered(resource, to)))))) return;
    }
  }

  private async change(endpoint: Endpoint, n: number, r: Random): Promise<void> {
    const { id, known } = this.containers[n]!;
    for (;;) {
      const [after, send] = this.next(endpoint.database, id, known.acknowledged, r);
      if (!isDone(await known.change(after, endpoint.write(send())))) return;
    }
  }

  private next(
    database: Database,
    id: string,
    now: Settings | undefined,
    r: Random,
  ): readonly [Settings | undefined, () => Promise<unknown>] {
    const partitionKey = { paths: ['/pk'], version: 2 };
    if (!now) {
      const created = { throughput: throughput(r), defaultTtl: undefined, items: 0 };
      const uniqueKeyPolicy = r.pick([undefined, { uniqueKeys: [{ paths: ['/n'] }] }]);
      const body = {
        id,
        partitionKey,
        throughput: created.throughput,
        ...(uniqueKeyPolicy && { uniqueKeyPolicy }),
      };
      return [created, () => database.containers.create(body)];
    }
    const container = database.container(id);
    const to = throughput(r);
    const defaultTtl = now.defaultTtl === undefined ? DEFAULT_TTL : undefined;
    return r.pick<readonly [Settings | undefined, () => Promise<unknown>]>([
      [undefined, () => container.delete()],
      [
        { ...now, items: now.items + 1 },
        () => container.items.create({ id: `${now.items}`, pk: 'p', n: now.items }),
      ],
      [
        { ...now, throughput: to },
        async () => {
          const { offer, resource } = await container.readOffer();
          await offer.replace(offered(resource, to));
        },
      ],
      [
        { ...now, defaultTtl },
        async () => {
          const { resource } = await container.read();
          const { defaultTtl: _, ...rest } = resource!;
          await container.replace({ ...rest, ...(defaultTtl !== undefined && { defaultTtl }) });
        },
      ],
    ]);
  }

  async check(database: Database): Promise<void> {
    this.shared.settle(await sharedThroughput(database.client));
    const ids = (await database.containers.readAll().fetchAll()).resources.map(({ id }) => id);
    for (const { id, known } of this.containers) {
      known.settle(ids.includes(id) ? await settingsOf(database, id) : undefined);
    }
  }
}

async function sharedThroughput(client: CosmosClient): Promise<number> {
  const { resource } = await client.database('shared').readOffer();
  return resource?.content?.offerThroughput ?? 0;
}

async function settingsOf(database: Database, id: string): Promise<Settings> {
  const container = database.container(id);
  const [{ resource: definition }, { resource: offer }, { resources: items }] = await Promise.all([
    container.read(),
    container.readOffer(),
    container.items.readAll().fetchAll(),
  ]);
  return {
    throughput: offer?.content?.offerThroughput ?? 0,
    defaultTtl: definition?.defaultTtl,
    items: items.length,
  };
}
