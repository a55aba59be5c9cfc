import { setTimeout as delay } from 'node:timers/promises';
import type { EgressDeps } from '../../../src/activities/egress/deps';
import { createDrainLane } from '../../../src/activities/egress/drainLane';
import { owedSubscriptions, oweChanges } from '../../../src/activities/egress/owe';
import { reconcile } from '../../../src/activities/egress/reconcile';
import { RecentDocuments } from '../../../src/activities/egress/recent';
import { Wake } from '../../../src/activities/egress/wake';
import { rowPartition, SHARDS } from '../../../src/domain/egress/row';
import type { Webhooks } from '../../../src/clients/webhooks';
import type { WebhookOutcome, WebhookRequest } from '../../../src/domain/egress/delivery';
import type { StoredDocument } from '../../../src/domain/egress/document';
import { newSecret } from '../../../src/domain/egress/signature';
import type { Subscription } from '../../../src/domain/egress/subscription';
import { bucketOf } from '../../../src/domain/keys';
import { random } from '../../../tools/lib/random';
import {
  CurrentDocuments,
  DeliveriesModel,
  SubscriptionsModel,
  type Weather,
} from '../../support/deliveries-model';
import { aDocument, aSubscription } from '../../support/egress';

const SECRET = newSecret(Buffer.alloc(32, 7));

const subscription = (id: string, changes: Partial<Subscription> = {}): Subscription =>
  aSubscription(Buffer.from(id).toString('hex').padEnd(32, '0'), {
    url: `https://${id}.example/`,
    ...changes,
  });

interface Event {
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  readonly documentversion: number;
}

type Receiver = (event: Event, request: WebhookRequest) => Promise<WebhookOutcome> | WebhookOutcome;

const answered = (status: number, headers: Record<string, string> = {}): WebhookOutcome => ({
  type: 'answered',
  status,
  headers,
  body: '',
  durationMs: 1,
});

function setUp(
  receivers: Record<string, Receiver>,
  weather?: Weather,
  settings: Partial<EgressDeps['egress']> = {},
  further: Partial<EgressDeps> = {},
) {
  const deliveries = new DeliveriesModel(weather);
  const subscriptions = new SubscriptionsModel();
  const documents = new CurrentDocuments(weather);
  const webhooks: Webhooks = {
    async send(request) {
      const event = JSON.parse(request.body ?? '') as Event;
      const receiver = receivers[new URL(request.url).hostname.split('.')[0] as string] as Receiver;
      return receiver(event, request);
    },
    close: () => undefined,
  };
  const deps: EgressDeps = {
    egress: {
      source: 'urn:test',
      timeoutMs: 100,
      attempts: 1_000,
      firstWaitMs: 1,
      waitFactor: 1,
      disableAfterMs: 1e9,
      attemptTtlSeconds: 60,
      lanes: 1,
      slots: 64,
      ...settings,
    },
    subscriptions,
    deliveries,
    documents,
    recent: new RecentDocuments(),
    webhooks,
    secretsOf: () => [SECRET],
    wake: new Wake(),
    priority: { held: false, heldUntil: () => 0, turn: () => Promise.resolve() },
    now: () => new Date(),
    ...further,
  };
  const drain = createDrainLane(deps, { boxMs: 300 });
  /** Drains until nothing is due; some rows may wait for a lease. */
  const drainAll = async (): Promise<void> => {
    const end = Date.now() + 20_000;
    do await drain({ lane: 0, lanes: 1 });
    while (deliveries.all().some((row) => row.due !== undefined) && Date.now() < end);
  };
  return { deps, deliveries, subscriptions, documents, drain, drainAll };
}

test('under bad weather, with two drains at once and receivers that fail, everyone ends with what is true', async () => {
  const dice = random(20_261_122);
  const weather: Weather = {
    async request() {
      await delay(dice.next() * 3);
      if (dice.next() < 0.03) throw new Error('The store is away.');
    },
  };
  const held = new Map<string, Map<string, number>>();
  const busy = new Set<string>();
  const faults: string[] = [];
  const receiver =
    (name: string): Receiver =>
    async ({ subject, type, documentversion }) => {
      const place = `${name}/${subject}`;
      if (busy.has(place)) faults.push(`two requests at once for ${place}`);
      busy.add(place);
      await delay(dice.next() * 4);
      busy.delete(place);
      const taken = dice.next();
      if (taken < 0.3) return answered(400);
      const mine = held.get(name) ?? new Map<string, number>();
      held.set(name, mine);
      const before = mine.get(subject) ?? 0;
      if (Math.abs(before) > documentversion) faults.push(`${place}: ${documentversion} after ${before}`);
      mine.set(subject, type.endsWith('.upserted') ? documentversion : -documentversion);
      // Taken, but the answer is lost.
      if (taken < 0.4) return { type: 'failed', code: 'no-answer', message: 'reset', durationMs: 1 };
      return answered(204);
    };
  const world = setUp({ a: receiver('a'), b: receiver('b') }, weather);
  const { subscriptions, documents, drain } = world;
  subscriptions.put(subscription('a'));
  const filter = { price: { $gte: 50 } };
  subscriptions.put(subscription('b', { filter, terms: [{ from: 0, datasets: ['products'], filter }] }));

  const production = { over: false };
  const keys = Array.from({ length: 25 }, (_, index) => `k${index}`);
  const produce = async (): Promise<void> => {
    for (let round = 0; round < 150; round++) {
      const key = keys[Math.floor(dice.next() * keys.length)] as string;
      const version = (documents.items.get(key)?._hw.version ?? 0) + 1;
      documents.put(aDocument(key, version, { price: Math.floor(dice.next() * 100) }, dice.next() < 0.15));
      const page = [...documents.items.values()].slice(0, 1 + Math.floor(dice.next() * 25));
      for (;;) {
        // As the feed does it: again until it is stored.
        const changed = [documents.items.get(key) as StoredDocument, ...page];
        const stored = await owe(world, changed).catch(() => undefined);
        if (stored) break;
      }
    }
    production.over = true;
  };
  const drainWhile = async (): Promise<void> => {
    while (!production.over) await drain({ lane: 0, lanes: 1 });
  };
  await Promise.all([produce(), drainWhile(), drainWhile()]);
  await oweAll(world);
  await world.drainAll();

  expect(faults).toEqual([]);
  for (const row of world.deliveries.all()) {
    expect(row).toMatchObject({ deadLettered: 0, settled: row.owed });
    expect(row.delivered + row.superseded + row.notOwed).toBe(row.settled - row.base);
  }
  for (const { id, data, _hw } of documents.items.values()) {
    const truth = _hw.deleted ? undefined : _hw.version;
    const price = (data as { price: number }).price;
    expect(kept(held, 'a', id)).toBe(truth);
    expect(kept(held, 'b', id)).toBe(price >= 50 ? truth : undefined);
  }
}, 60_000);

const kept = (held: Map<string, Map<string, number>>, name: string, key: string): number | undefined => {
  const version = held.get(name)?.get(key);
  return version === undefined || version < 0 ? undefined : version;
};

/** @returns true, so that a failure caught can be told from it */
async function owe({ deps }: ReturnType<typeof setUp>, changed: readonly StoredDocument[]): Promise<true> {
  await oweChanges(deps, await owedSubscriptions(deps), changed, () => undefined);
  return true;
}

/** What the sweep does in the end. */
async function oweAll(world: ReturnType<typeof setUp>): Promise<void> {
  for (;;) {
    const done = await owe(world, [...world.documents.items.values()]).catch(() => undefined);
    if (done) return;
  }
}

test('a receiver that never answers does not hold up another, and holds few slots', async () => {
  const arrived: string[] = [];
  let hanging = 0;
  let mostHanging = 0;
  const world = setUp({
    hangs: async () => {
      mostHanging = Math.max(mostHanging, ++hanging);
      await delay(100);
      hanging--;
      return { type: 'failed', code: 'timed-out', message: '', durationMs: 100 };
    },
    well: ({ subject }) => {
      arrived.push(subject);
      return answered(200);
    },
  });
  world.subscriptions.put(subscription('hangs'));
  world.subscriptions.put(subscription('well'));
  for (let index = 0; index < 400; index++) world.documents.put(aDocument(`d${index}`, 1, {}));
  await oweAll(world);
  // One box is enough, unless the machine has a lot to do.
  for (let boxes = 0; arrived.length < 400 && boxes < 10; boxes++) await world.drain({ lane: 0, lanes: 1 });
  expect(arrived.length).toBe(400);
  expect(mostHanging).toBeLessThanOrEqual(16);
  // Half of the window with each request that got no answer.
  const attempts = world.deliveries.attempts.filter(({ error }) => error !== undefined);
  expect(attempts.length).toBeLessThan(60);
});

test('what is owed in one shard does not wait for another in which more is owed all the time', async () => {
  const inShard = (shard: number, count: number): string[] => {
    const keys: string[] = [];
    for (let at = 0; keys.length < count; at++)
      if (bucketOf(`d${at}`) % SHARDS === shard) keys.push(`d${at}`);
    return keys;
  };
  const [waiting] = inShard(SHARDS - 1, 1) as [string];
  const steady = inShard(0, 300);
  const arrived: string[] = [];
  const one = subscription('one');
  const raiseNext = async (): Promise<void> => {
    const key = steady.shift();
    if (key === undefined) return;
    world.documents.put(aDocument(key, 1, {}));
    await owe(world, [world.documents.items.get(key) as StoredDocument]);
    world.deps.wake.notify(0, rowPartition(one.id, key));
  };
  const world = setUp({
    async one({ subject }) {
      arrived.push(subject);
      await raiseNext();
      return answered(200);
    },
  });
  world.subscriptions.put(one);
  for (let at = 0; at < 20; at++) await raiseNext();
  world.documents.put(aDocument(waiting, 1, {}));
  await owe(world, [world.documents.items.get(waiting) as StoredDocument]);
  await world.drainAll();
  expect(arrived).toHaveLength(301);
  expect(arrived.indexOf(waiting)).toBeLessThan(150);
});

test('a drain that has not read the new filter yet does not forget what it takes back', async () => {
  const told: string[] = [];
  const world = setUp({
    one: ({ type }) => {
      told.push(type);
      return answered(200);
    },
  });
  const before = subscription('one');
  world.subscriptions.put(before);
  world.documents.put(aDocument('d', 1, { price: 1 }));
  await oweAll(world);
  const draining = world.drain({ lane: 0, lanes: 1 });
  while (world.deliveries.all().some(({ due }) => due !== undefined)) await delay(5);
  // In the middle of the drain's time the filter is changed, and the sweep is there at once.
  const after = { ...before, filter: { price: { $gte: 50 } }, revision: 1 };
  world.subscriptions.put(after);
  await reconcile(world.deps, after);
  world.deps.wake.notify(0, before.id);
  await draining;
  await world.drainAll();
  expect(told).toEqual(['headwater.products.upserted', 'headwater.products.removed']);
});

test('a drain that died is taken over when its lease has run out, and the event keeps its id', async () => {
  const ids: string[] = [];
  let dead = true;
  let comeBack: (outcome: WebhookOutcome) => void = () => undefined;
  const world = setUp({
    one: ({ id }) => {
      ids.push(id);
      return dead ? new Promise((resolve) => (comeBack = resolve)) : answered(200);
    },
  });
  world.subscriptions.put(subscription('one'));
  world.documents.put(aDocument('d', 1, {}));
  await oweAll(world);
  // It never comes back.
  const zombie = world.drain({ lane: 0, lanes: 1 });
  while (ids.length === 0) await delay(5);
  dead = false;
  const other = createDrainLane(world.deps, { boxMs: 300 });
  const begun = Date.now();
  while (ids.length === 1) await other({ lane: 0, lanes: 1 });
  // Time-out and margin.
  expect(Date.now() - begun).toBeGreaterThan(900);
  expect(ids[1]).toBe(ids[0]);
  // What the dead one is answered late means nothing any more.
  comeBack(answered(500));
  await zombie;
  expect(world.deliveries.all()[0]).toMatchObject({ delivered: 1, settled: 1, failures: 0 });
});

describe('what a receiver answers', () => {
  const deliverOne = async (receiver: Receiver, settings?: Partial<EgressDeps['egress']>) => {
    const world = setUp({ one: receiver }, undefined, settings);
    world.subscriptions.put(subscription('one', { alertUrl: 'https://alerts.example/' }));
    world.documents.put(aDocument('d', 1, {}));
    await oweAll(world);
    await world.drain({ lane: 0, lanes: 1 });
    const [row] = world.deliveries.all();
    const [stored] = await world.subscriptions.all();
    return { row, subscription: stored?.subscription, attempts: world.deliveries.attempts };
  };

  test.each([200, 201, 204, 299])('%d is success', async (status) => {
    expect((await deliverOne(() => answered(status))).row).toMatchObject({ delivered: 1 });
  });

  test.each([100, 301, 304, 400, 401, 404, 500])('%d is none', async (status) => {
    const { row } = await deliverOne(() => answered(status), { firstWaitMs: 60_000 });
    expect(row).toMatchObject({ delivered: 0, failures: 1, last: { status } });
  });

  test('410 disables the subscription, with a notice, and the row stays owed', async () => {
    const { row, subscription: stored } = await deliverOne(() => answered(410), { firstWaitMs: 60_000 });
    expect(stored).toMatchObject({ status: 'disabled', alert: { attempts: 0 } });
    expect(row).toMatchObject({ settled: 0, owed: 1 });
    expect(row?.due).toBeDefined();
  });

  test('failing everything for the configured time disables it', async () => {
    const { subscription: stored } = await deliverOne(() => answered(500), {
      disableAfterMs: 50,
      firstWaitMs: 10,
    });
    expect(stored).toMatchObject({
      status: 'disabled',
      reason: expect.stringContaining('Every request has failed'),
    });
  });

  test('Retry-After is obeyed, and remembered', async () => {
    const before = Date.now();
    const {
      row,
      subscription: stored,
      attempts,
    } = await deliverOne(() => answered(429, { 'retry-after': '30' }));
    expect(attempts.length).toBe(1);
    expect(row?.due).toBeGreaterThanOrEqual(before + 30_000);
    expect(stored?.health.heldUntil).toBeGreaterThanOrEqual(before + 30_000);
  });

  test('after the last attempt the version is dead-lettered', async () => {
    const { row, attempts } = await deliverOne(() => answered(500), { attempts: 3 });
    expect(attempts.length).toBe(3);
    expect(row).toMatchObject({ deadLettered: 1, settled: 1, deadLetter: { version: 1, counted: true } });
    expect(row?.due).toBeUndefined();
  });
});

test('a rate limit is kept', async () => {
  const world = setUp({ one: () => answered(200) });
  world.subscriptions.put(subscription('one', { rateLimit: 20 }));
  for (let index = 0; index < 60; index++) world.documents.put(aDocument(`d${index}`, 1, {}));
  await oweAll(world);
  const begun = Date.now();
  await world.drain({ lane: 0, lanes: 1 });
  const seconds = (Date.now() - begun) / 1000;
  // One second's worth at once, and then so many a second.
  expect(world.deliveries.attempts.length).toBeLessThanOrEqual(20 + Math.ceil(seconds * 20));
  expect(world.deliveries.attempts.length).toBeGreaterThanOrEqual(20);
});

test('a row that a changed filter has raised waits for a drain that knows the filter', async () => {
  const taken: string[] = [];
  const world = setUp({
    one: ({ type }) => {
      taken.push(type);
      return answered(200);
    },
  });
  const filter = { price: { $gte: 50 } };
  const terms = [{ from: 0, datasets: ['products'], filter }];
  const before = subscription('one', { filter, terms });
  const after = subscription('one', { revision: 1, terms: [...terms, { from: 5, datasets: ['products'] }] });
  world.subscriptions.put(before);
  world.documents.put(aDocument('d', 1, { price: 60 }));
  await oweAll(world);
  const drained = world.drain({ lane: 0, lanes: 1 });
  while (taken.length === 0) await delay(5);
  // The feed knows the new filter, the drain that runs does not.
  world.subscriptions.put(after);
  world.documents.put(aDocument('d', 2, { price: 10 }));
  await owe(world, [world.documents.items.get('d') as StoredDocument]);
  world.subscriptions.put(before);
  world.deps.wake.notify(0, world.deliveries.all()[0]?.pk ?? '');
  await drained;
  expect(taken.length).toBe(1);
  world.subscriptions.put(after);
  await world.drainAll();
  expect(taken).toEqual(['headwater.products.upserted', 'headwater.products.upserted']);
  expect(world.deliveries.all()[0]).toMatchObject({ delivered: 2, notOwed: 0 });
});

test('while egress holds back the store is not asked what is due, and what came due meanwhile is delivered', async () => {
  let isHeld = true;
  const priority: EgressDeps['priority'] = {
    get held() {
      return isHeld;
    },
    heldUntil: () => (isHeld ? Date.now() + 20 : 0),
    turn: () => Promise.resolve(),
  };
  const world = setUp({ one: () => answered(200) }, undefined, {}, { priority });
  let questions = 0;
  const { deliveries } = world;
  const ask = deliveries.partitionsDue.bind(deliveries);
  deliveries.partitionsDue = (since, now) => {
    questions++;
    return ask(since, now);
  };
  world.subscriptions.put(subscription('one'));
  const drained = createDrainLane(world.deps, { boxMs: 2_300 })({ lane: 0, lanes: 1 });
  // Another process raises them: nobody tells this one.
  await delay(200);
  for (let index = 0; index < 20; index++) world.documents.put(aDocument(`d${index}`, 1, {}));
  const notify = world.deps.wake.notify.bind(world.deps.wake);
  world.deps.wake.notify = () => true;
  await oweAll(world);
  world.deps.wake.notify = notify;
  // The first look of a drain, and one after a second.
  await delay(1_000);
  expect(questions).toBe(0);
  expect(deliveries.attempts.length).toBe(0);
  isHeld = false;
  await drained;
  expect(deliveries.all().filter(({ delivered }) => delivered === 1).length).toBe(20);
});
