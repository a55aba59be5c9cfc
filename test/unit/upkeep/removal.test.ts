import { getClient } from 'durable-functions';
import type { EgressDeps } from '../../../src/activities/egress/deps';
import { createSweepDeliveries } from '../../../src/triggers/egress/sweepDeliveries';
import { purgeInstance } from '../../../src/triggers/ingest/instances';
import { FakePlatform } from './platform';

let platform: FakePlatform;
beforeEach(async () => {
  platform = new FakePlatform();
  await platform.start();
});
afterEach(() => platform.stop());

test.each([
  [200, 'gone'],
  [404, 'gone'],
  [412, 'running'],
])('an instance whose purge is answered %d is %s', async (status, outcome) => {
  platform.status = status;
  expect(await purgeInstance(getClient(platform.context()), 'an-id')).toBe(outcome);
  expect(platform.requests).toEqual(['DELETE /instances/an-id']);
});

test('any other answer is an error', async () => {
  platform.status = 500;
  await expect(purgeInstance(getClient(platform.context()), 'an-id')).rejects.toThrow('500');
});

const NOW = Date.parse('2026-03-01T12:00:00Z');

/** One run of the sweep with a subscription that was deleted a while ago; gives what was removed. */
async function sweep(): Promise<string[]> {
  const removed: string[] = [];
  const subscription = { id: 'one', status: 'deleted', updatedAt: new Date(NOW - 120_000).toISOString() };
  const deps = {
    subscriptions: {
      all: () => Promise.resolve([{ subscription, etag: '"1"' }]),
      remove: (id: string) => Promise.resolve(removed.push(id) > 0),
    },
    deliveries: { removeAll: () => Promise.resolve(true), subscriptionsDue: () => Promise.resolve([]) },
    egress: { lanes: 1 },
    now: () => new Date(NOW),
  } as unknown as EgressDeps;
  await createSweepDeliveries(deps, [])(undefined, platform.context());
  return removed;
}

test('a deleted subscription takes its repairs with it', async () => {
  expect(await sweep()).toEqual(['one']);
  expect(platform.requests.toSorted()).toEqual([
    'DELETE /instances/repair-one-recover',
    'DELETE /instances/repair-one-replay',
  ]);
});

test('and stays until they have ended', async () => {
  platform.status = 412;
  expect(await sweep()).toEqual([]);
});
