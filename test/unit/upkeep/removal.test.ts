import { getClient } from 'durable-functions';
import type { EgressDeps } from '../../../src/activities/egress/deps';
import { Wake } from '../../../src/activities/egress/wake';
import { createSweepDeliveries } from '../../../src/triggers/egress/sweepDeliveries';
import { purgeInstance } from '../../../src/triggers/ingest/instances';
import { aSubscription } from '../../support/egress';
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

/** As the platform tells one. */
const INSTANCE = {
  name: 'deliverChanges',
  instanceId: 'deliver-1-0',
  input: null,
  output: null,
  customStatus: null,
  createdTime: '2026-03-01T11:00:00Z',
  lastUpdatedTime: '2026-03-01T11:00:00Z',
};

/** One run of the sweep with an active subscription; gives how often the store was asked what is due. */
async function asksOfActive(): Promise<number> {
  let asked = 0;
  const subscription = { ...aSubscription('1'.repeat(32)), alert: undefined };
  const deps = {
    subscriptions: { all: () => Promise.resolve([{ subscription, etag: '"1"' }]) },
    deliveries: {
      subscriptionsDue: () => {
        asked++;
        return Promise.resolve([]);
      },
    },
    documents: { page: () => Promise.resolve({ documents: [] }) },
    egress: { lanes: 1 },
    wake: new Wake(),
    now: () => new Date(NOW),
  } as unknown as EgressDeps;
  const context = platform.context();
  const errors: string[] = [];
  context.error = (...told: unknown[]) => void errors.push(told.join(' '));
  await createSweepDeliveries(deps, [])(undefined, context);
  // There are no documents to be compared with rows here.
  expect(errors.filter((text) => text.startsWith('What is due'))).toEqual([]);
  return asked;
}

test.each([
  ['no drain runs', 404, '', 1],
  ['the drain has ended', 200, 'Completed', 1],
  ['the drain runs: it finds what is due by itself', 202, 'Running', 0],
])(
  'the store is asked what is due, unless a drain looks: %s',
  async (_when, status, runtimeStatus, asked) => {
    Object.assign(platform, {
      status,
      instance: { ...INSTANCE, runtimeStatus },
    });
    expect(await asksOfActive()).toBe(asked);
  },
);
