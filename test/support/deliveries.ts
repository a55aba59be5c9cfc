import { CosmosClient } from '@azure/cosmos';
import type { DeliveryRow } from '../../src/domain/egress/row';
import { Consumer, type ConsumerOptions, type Entry } from '../../tools/lib/consumer';
import { newSecret, Subscriptions } from '../../tools/lib/subscriptions';
import type { Headwater } from './headwater';

/** A consumer and the subscription that sends to it; what it is told is signed, and verified. */
export interface Subscriber {
  readonly id: string;
  readonly secret: string;
  readonly consumer: Consumer;
}

/** Subscribes a consumer of its own to the data set `things`. */
export async function subscriber(
  hw: Headwater,
  filter: object,
  options: ConsumerOptions = {},
): Promise<Subscriber> {
  const secret = newSecret();
  const consumer = await new Consumer({ ...options, secret }).start();
  const settings = { url: consumer.url, datasets: ['things'], filter, secret };
  const { id } = await new Subscriptions(hw.api).createActive(settings);
  return { id, secret, consumer };
}

/** Posts records of `things` and waits until their batch is closed. @throws when one is not a new version */
export async function land(hw: Headwater, ...records: object[]): Promise<void> {
  const body = records.map((record) => JSON.stringify(record)).join('\n');
  const { batchId } = await hw.api.post('things', body);
  const { status, counts } = await hw.api.closed(batchId, { pollMs: 20 });
  if (counts.upserted !== records.length)
    throw new Error(`The batch is ${status}: ${JSON.stringify(counts)}`);
}

/** What came about one document, in order: `kind version`. */
export function toldOf({ consumer }: Subscriber, subject: string): string[] {
  return consumer.log
    .filter((entry) => entry.subject === subject)
    .map(({ kind, version }) => `${kind} ${version}`);
}

/** Entries about one document. */
export function entriesOf({ consumer }: Subscriber, subject: string): Entry[] {
  return consumer.log.filter((entry) => entry.subject === subject);
}

/** What the store holds about a subscription's deliveries, attempts left out. */
export async function rowsOf(hw: Headwater, subscription: string): Promise<DeliveryRow[]> {
  const client = new CosmosClient(String(hw.cloud.settings['Cosmos']));
  const query = {
    query: "SELECT * FROM c WHERE c.subscription = @id AND c.type = 'row'",
    parameters: [{ name: '@id', value: subscription }],
  };
  const items = client.database('headwater').container('deliveries').items;
  return (await items.query<DeliveryRow>(query).fetchAll()).resources;
}

/** How much the store holds about a subscription's deliveries, attempts included. */
export async function itemsOf(hw: Headwater, subscription: string): Promise<number> {
  const client = new CosmosClient(String(hw.cloud.settings['Cosmos']));
  const query = {
    query: 'SELECT VALUE COUNT(1) FROM c WHERE c.subscription = @id',
    parameters: [{ name: '@id', value: subscription }],
  };
  const items = client.database('headwater').container('deliveries').items;
  return (await items.query<number>(query).fetchAll()).resources[0] ?? 0;
}
