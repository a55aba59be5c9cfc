import { setTimeout as delay } from 'node:timers/promises';
import { disagreements } from './agreement';
import type { Api } from './api';
import { Consumer } from './consumer';
import type { StoredDocument } from './recount';
import { schemaOf } from './rules';
import { newSecret, Subscriptions } from './subscriptions';
import { table } from './table';

/** Tries follow each other quickly, and there are so many of them that not all fail. */
export const QUICK_RETRIES = {
  HEADWATER_DELIVERY_ATTEMPTS: '50',
  HEADWATER_DELIVERY_FIRST_WAIT_MS: '200',
  HEADWATER_DELIVERY_WAIT_FACTOR: '1',
} as const;

/** A document without its event time. */
function contentOf(data: unknown, dataset: string): unknown {
  return { ...(data as object), [eventTimeProperty(dataset)]: undefined };
}

const eventTimes = new Map<string, string>();

function eventTimeProperty(dataset: string): string {
  const known = eventTimes.get(dataset) ?? schemaOf(dataset)['x-headwater'].eventTime.pointer.slice(1);
  eventTimes.set(dataset, known);
  return known;
}

/** Given up when nothing has come for so long, ms. */
const QUIET_MS = 30_000;
const POLL_MS = 200;

export interface DemoConsumer {
  readonly name: string;
  readonly consumer: Consumer;
}

/** Two consumers that subscribe to data sets: one is healthy, the other refuses 40 % of what it is sent. */
export async function startConsumers(api: Api, datasets: readonly string[]): Promise<DemoConsumer[]> {
  const subscriptions = new Subscriptions(api);
  const kinds = [
    { name: 'healthy', fail: 0 },
    { name: 'fails 40 %', fail: 0.4 },
  ];
  return Promise.all(
    kinds.map(async ({ name, fail }) => {
      const secret = newSecret();
      const consumer = await new Consumer({ fail, secret }).start();
      await subscriptions.createActive({
        url: consumer.url,
        datasets,
        description: name,
        secret,
      });
      return { name, consumer };
    }),
  );
}

/**
 * Waits until a consumer holds what the store holds; gives up when nothing comes any more.
 * @returns what differs, in words
 */
export async function agreed(consumer: Consumer, stored: readonly StoredDocument[]): Promise<string[]> {
  let last = { received: -1, at: Date.now() };
  for (;;) {
    const faults = disagreements(stored, consumer.holdings.all(), contentOf);
    const { received } = consumer.stats;
    if (faults.length === 0) return [];
    if (received !== last.received) last = { received, at: Date.now() };
    if (Date.now() - last.at > QUIET_MS) return faults;
    await delay(POLL_MS);
  }
}

/** What the consumers have seen, as a table. */
export function showConsumers(consumers: readonly DemoConsumer[]): string {
  const columns = ['received', 'accepted', 'refused', 'duplicates', 'outOfOrder', 'badSignatures'] as const;
  return table(
    [
      'consumer',
      'received',
      'accepted',
      'refused',
      'duplicates',
      'out of order',
      'bad signatures',
      'documents held',
    ],
    consumers.map(({ name, consumer: { stats, holdings } }) => [
      name,
      ...columns.map((column) => String(stats[column])),
      String(holdings.documents().length),
    ]),
  );
}
