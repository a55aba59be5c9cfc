import { setTimeout as delay } from 'node:timers/promises';
import { disagreements } from '../../../tools/lib/agreement';
import { Consumer } from '../../../tools/lib/consumer';
import type { Recount, StoredDocument } from '../../../tools/lib/recount';
import { rulesOf } from '../../../tools/lib/rules';
import { newSecret, Subscriptions } from '../../../tools/lib/subscriptions';
import { DATASETS, VELOCITIES } from './records';
import type { Api } from '../../../tools/lib/api';

/** Retries at once, leases that run out soon, and no dead letters by bad luck. */
export const DELIVERY_SETTINGS = {
  HEADWATER_DELIVERY_TIMEOUT_MS: '2000',
  HEADWATER_DELIVERY_FIRST_WAIT_MS: '50',
  HEADWATER_DELIVERY_WAIT_FACTOR: '1',
  HEADWATER_DELIVERY_ATTEMPTS: '100',
};

/** How long (ms) after everything serves again deliveries may take. */
const DELIVERED_WITHIN_MS = 120_000;

/** What the one with a filter wants: about half of it. */
const DATASET = 'flights';
const LEAST = VELOCITIES / 2;
const matches = ({ data, _hw }: StoredDocument): boolean => !_hw.deleted && Number(data['velocity']) >= LEAST;

const EVENT_TIMES = new Map(DATASETS.map((name) => [name as string, rulesOf(name).eventTimeProperty]));

/** All but the event time. */
const contentOf = (data: unknown, dataset: string): unknown => ({
  ...(data as object),
  [EVENT_TIMES.get(dataset) ?? '']: undefined,
});

/** Two subscribers, who live through everything: one of all data sets that is well, and one with a filter who refuses 40 %. */
export class Subscribers {
  private readonly secrets = [newSecret(), newSecret()] as const;
  readonly well: Consumer;
  readonly failing: Consumer;

  constructor(seed: number) {
    this.well = new Consumer({ secret: this.secrets[0] });
    this.failing = new Consumer({ secret: this.secrets[1], fail: 0.4, seed });
  }

  async start(api: Api): Promise<void> {
    await Promise.all([this.well.start(), this.failing.start()]);
    const subscriptions = new Subscriptions(api);
    const [first, second] = this.secrets;
    await subscriptions.createActive({ url: this.well.url, datasets: DATASETS, secret: first });
    const filter = { velocity: { $gte: LEAST } };
    await subscriptions.createActive({ url: this.failing.url, datasets: [DATASET], secret: second, filter });
  }

  /** Waits until both were told everything. @returns what does not agree */
  async faults(recount: Recount): Promise<string[]> {
    const stored = await recount.documents();
    const end = Date.now() + DELIVERED_WITHIN_MS;
    let left = this.disagreements(stored);
    while (left.length > 0 && Date.now() < end) {
      await delay(100);
      left = this.disagreements(stored);
    }
    const faults = left.slice(0, 5).concat(left.length > 5 ? [`and ${left.length - 5} more`] : []);
    for (const [name, { stats }] of Object.entries({ well: this.well, failing: this.failing })) {
      const { outOfOrder, badSignatures, malformed } = stats;
      if (outOfOrder + badSignatures + malformed > 0)
        faults.push(`${name}: ${JSON.stringify({ outOfOrder, badSignatures, malformed })}`);
    }
    return faults;
  }

  async stop(): Promise<void> {
    await Promise.all([this.well.close(), this.failing.close()]);
  }

  private disagreements(stored: readonly StoredDocument[]): string[] {
    const faults = disagreements(stored, this.well.holdings.all(), contentOf).map(
      (fault) => `well: ${fault}`,
    );
    const held = new Map(this.failing.holdings.documents().map((one) => [one.subject, one]));
    for (const document of stored.filter(({ pk }) => pk.startsWith(`${DATASET}:`))) {
      const { key, version } = document._hw;
      const told = held.get(key)?.version;
      const truth = matches(document) ? version : undefined;
      if (told !== truth) faults.push(`failing: ${key} was told in version ${told}, is ${truth}`);
    }
    return faults;
  }
}
