import { Comparison } from '../../../src/activities/egress/compare';
import { owedSubscriptions, oweChanges } from '../../../src/activities/egress/owe';
import type { StoredDocument } from '../../../src/domain/egress/document';
import { shardOf, SHARDS } from '../../../src/domain/egress/row';
import { BUCKETS } from '../../../src/domain/keys';
import {
  calm,
  CurrentDocuments,
  DeliveriesModel,
  SubscriptionsModel,
  type Weather,
} from '../../support/deliveries-model';
import { aDocument, aSubscription } from '../../support/egress';

const ID = '0123456789abcdef0123456789abcdef';

const document = (key: string): StoredDocument => aDocument(key, 1, { productId: key });

function setUp(count: number, weather: Weather = calm) {
  const deliveries = new DeliveriesModel(weather);
  const subscriptions = new SubscriptionsModel();
  subscriptions.put(aSubscription(ID));
  const documents = new CurrentDocuments();
  const all = Array.from({ length: count }, (_, at) => document(`key-${at}`));
  for (const one of all) documents.put(one);
  const deps = { deliveries, subscriptions, documents, now: () => new Date() };
  return { deps, deliveries, all, comparison: new Comparison(deps, ['products']) };
}

const ignore = (): void => undefined;

/** Runs that go round all partitions once, 32 in each. */
const ROUND = BUCKETS / 32;

test('finds every document that the feed passed over, and nothing in the next round', async () => {
  const { deps, deliveries, all, comparison } = setUp(300);
  await oweChanges(deps, await owedSubscriptions(deps), all.slice(0, 100), ignore);
  const found = new Set<string>();
  for (let run = 0; run < ROUND; run++)
    await comparison.run(500, (pk) => found.add(shardOf(pk).subscription));
  expect(found).toEqual(new Set([ID]));
  found.clear();
  expect(
    deliveries
      .all()
      .map(({ key }) => key)
      .toSorted(),
  ).toEqual(all.map(({ _hw }) => _hw.key).toSorted());
  for (let run = 0; run < ROUND; run++) await comparison.run(500, (pk) => found.add(pk));
  expect(found).toEqual(new Set());
});

test('what the feed has handled costs some requests a subscription, not some for every partition', async () => {
  let requests = 0;
  const { deps, all, comparison } = setUp(300, {
    request: () => {
      requests++;
      return Promise.resolve();
    },
  });
  await oweChanges(deps, await owedSubscriptions(deps), all, ignore);
  requests = 0;
  await comparison.run(500, ignore);
  // Of each part of the rows: a read, and a change that finds nothing to do and counts twice in the model.
  expect(requests).toBeLessThanOrEqual(3 * SHARDS);
});

test('a run that fails is begun again: nothing is passed over', async () => {
  let away = true;
  const { deliveries, all, comparison } = setUp(300, {
    request: () => (away ? Promise.reject(new Error('The store is away.')) : Promise.resolve()),
  });
  for (let run = 0; run < ROUND; run++) await expect(comparison.run(500, ignore)).rejects.toThrow('away');
  away = false;
  for (let run = 0; run < ROUND; run++) await comparison.run(500, ignore);
  expect(deliveries.all()).toHaveLength(all.length);
});

test('documents that come in several portions are all compared', async () => {
  const { deliveries, all, comparison } = setUp(300);
  for (let run = 0; deliveries.rows.size < all.length; run++) {
    await comparison.run(40, ignore);
    expect(run).toBeLessThan(100);
  }
});
