import { knownRows } from '../../../src/clients/storedRow';
import { claimPage } from '../../../src/activities/egress/pages';
import { owedSubscriptions, oweChanges } from '../../../src/activities/egress/owe';
import { RecentDocuments } from '../../../src/activities/egress/recent';
import { createRepairSlice } from '../../../src/activities/egress/repairSlice';
import { Wake } from '../../../src/activities/egress/wake';
import type { Claimed } from '../../../src/activities/egress/attempt';
import type { StoredDocument } from '../../../src/domain/egress/document';
import { settle, type Ending } from '../../../src/domain/egress/progress';
import type { Repair, RepairSlice, RepairTask } from '../../../src/domain/egress/repair';
import { SHARDS, shardPartition, type DeliveryRow } from '../../../src/domain/egress/row';
import { statusOf } from '../../../src/domain/egress/status';
import { BUCKETS, bucketOf, partitionKey } from '../../../src/domain/keys';
import {
  calm,
  CurrentDocuments,
  DeliveriesModel,
  SubscriptionsModel,
  type Weather,
} from '../../support/deliveries-model';
import { fc } from '../../support/properties';
import { subscription } from '../../support/subscriptions';

const { id: SUBSCRIPTION, ...rest } = subscription({ filter: { ok: true } });
const FILTER = { ok: true };
const REPLAY = `replay-${'1'.repeat(32)}`;
/** Several lie in one bucket, and all shards have some. */
const KEYS = keysOf(8);

function keysOf(many: number): string[] {
  const few = new Set([0, 1, 2, 3]);
  const keys: string[] = [];
  for (let number = 0; keys.length < many; number++)
    if (few.has(bucketOf(`k${number}`))) keys.push(`k${number}`);
  return keys;
}

type Outcome = 'delivered' | 'failed' | 'given up' | 'lost';

interface Sent {
  readonly key: string;
  readonly kind: string;
  readonly version: number;
  readonly replay: string | undefined;
  readonly outcome: Outcome;
}

/** The store, the feed, a drain and a receiver, one step at a time; the change feed and drains are the real ones. */
class World {
  now = 1_000_000;
  readonly deliveries: DeliveriesModel;
  readonly documents: CurrentDocuments;
  readonly subscriptions = new SubscriptionsModel();
  readonly sent: Sent[] = [];
  /** The newest version of each document that the receiver was told, negative when it has to be without it. */
  readonly held = new Map<string, number>();
  readonly disorder: string[] = [];

  constructor(weather: Weather = calm) {
    this.deliveries = new DeliveriesModel(weather);
    this.documents = new CurrentDocuments(weather);
    const terms = [{ from: 100, datasets: ['things'], filter: FILTER }];
    this.subscriptions.put({ id: SUBSCRIPTION, ...rest, terms, maxInFlight: 4 });
  }

  get deps() {
    const { deliveries, documents, subscriptions } = this;
    const egress = { timeoutMs: 100, lanes: 1 } as never;
    const recent = new RecentDocuments();
    const now = (): Date => new Date(this.now);
    return { deliveries, documents, subscriptions, egress, recent, wake: new Wake(), now };
  }

  /** @param ts the store's time: changes after 100 are owed */
  write(key: string, ok: boolean, deleted = false, ts = 200): void {
    const version = (this.documents.items.get(key)?._hw.version ?? 0) + 1;
    this.documents.put({
      id: key,
      pk: partitionKey('things', bucketOf(key)),
      data: { ok },
      _ts: ts,
      _hw: { key, version, deleted } as StoredDocument['_hw'],
    });
  }

  async feed(): Promise<void> {
    await oweChanges(
      this.deps,
      await owedSubscriptions(this.deps),
      [...this.documents.items.values()],
      () => undefined,
    );
  }

  async drain(outcome: Outcome): Promise<void> {
    const [stored] = await this.subscriptions.all();
    if (!stored) throw new Error('It is there.');
    for (let shard = 0; shard < SHARDS; shard++) {
      const pk = shardPartition(SUBSCRIPTION, shard);
      const { claimed } = await claimPage(this.deps, stored.subscription, pk, 100);
      for (const one of claimed) await this.request(one, outcome);
    }
  }

  private async request({ row, token, kind, version }: Claimed, outcome: Outcome): Promise<void> {
    const { key, attempt } = row;
    this.sent.push({ key, kind, version, replay: attempt?.replay, outcome });
    if (outcome !== 'given up') {
      if (version < Math.abs(this.held.get(key) ?? 0)) this.disorder.push(`${key}: ${version}`);
      this.held.set(key, kind === 'upserted' ? version : -version);
    }
    if (outcome === 'lost') return;
    const last = { at: new Date(this.now).toISOString(), kind, version, durationMs: 1 };
    const retryAt = outcome === 'failed' ? { retryAt: this.now + 10 } : {};
    const ending: Ending =
      outcome === 'delivered' ? { type: outcome, last } : { type: 'failed', reason: 'no', last, ...retryAt };
    const known = await this.deliveries.read([row]);
    await this.deliveries.change(knownRows([...known.values()]), (present) => {
      const next = present && settle(present, token, ending, this.now);
      return next && { row: next };
    });
  }
}

function taskOf(repair: Repair): RepairTask {
  return {
    id: REPLAY,
    subscription: SUBSCRIPTION,
    repair,
    startedAt: '',
    position: { part: 0 },
    counts: { seen: 0, marked: 0 },
  };
}

/** As the orchestration does it: slice by slice, each again until it answers. */
async function* slicesOf(world: World, repair: Repair, most = 2): AsyncGenerator<RepairSlice> {
  const slice = createRepairSlice(world.deps, { boxMs: 0, pageSize: most });
  let task = taskOf(repair);
  for (;;) {
    const done = await slice(task).catch(() => undefined);
    if (done?.position) task = { ...task, position: done.position, counts: done.counts };
    if (!done) continue;
    yield done;
    if (!done.position) return;
  }
}

async function run(world: World, repair: Repair, most?: number): Promise<RepairSlice> {
  let last: RepairSlice | undefined;
  for await (const done of slicesOf(world, repair, most)) last = done;
  if (!last) throw new Error('There was no slice.');
  return last;
}

const counters = ({ base, owed, settled, delivered, superseded, deadLettered, notOwed }: DeliveryRow) => ({
  base,
  owed,
  settled,
  delivered,
  superseded,
  deadLettered,
  notOwed,
});

const EVERYTHING = { type: 'replay', datasets: ['things'] } as const;

describe('a replay', () => {
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ type: fc.constant('slices'), many: fc.integer({ min: 1, max: 8 }) }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        type: fc.constant('write'),
        key: fc.constantFrom(...KEYS),
        ok: fc.boolean(),
        deleted: fc.boolean(),
      }),
    },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('feed') }) },
    {
      weight: 4,
      arbitrary: fc.record({
        type: fc.constant('drain'),
        outcome: fc.constantFrom<Outcome>('delivered', 'failed', 'given up', 'lost'),
      }),
    },
  );

  /** Fails every so many requests to the store, before or after they take effect. */
  const weatherOf = (every: number): Weather & { calm: boolean } => {
    let requests = 0;
    return {
      calm: false,
      request() {
        if (!this.calm && ++requests % every === 0) return Promise.reject(new Error('The store is away.'));
        return Promise.resolve();
      },
    };
  };

  test('brings every document that matches, in order, and the ledger does not notice', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.boolean(), { minLength: KEYS.length, maxLength: KEYS.length }),
        fc.array(step, { maxLength: 30 }),
        fc.integer({ min: 5, max: 40 }),
        async (first, steps, every) => {
          const weather = weatherOf(every);
          const world = new World(weather);
          // From before the subscription: never owed.
          KEYS.forEach((key, index) => world.write(key, first[index] ?? true, false, 50));
          const slices = slicesOf(world, EVERYTHING);
          for (const one of steps) {
            world.now += 20;
            if (one.type === 'write' && 'key' in one) world.write(one.key, one.ok, one.deleted);
            const away = (): void => undefined;
            if (one.type === 'feed') await world.feed().catch(away);
            if (one.type === 'drain' && 'outcome' in one) await world.drain(one.outcome).catch(away);
            if ('many' in one) for (let count = 0; count < one.many; count++) await slices.next();
          }
          for await (const _ of slices);
          weather.calm = true;
          await world.feed();
          for (let round = 0; round < 6; round++) {
            world.now += 10_000;
            await world.drain('delivered');
          }
          check(world);
        },
      ),
      { numRuns: 300 },
    );
  });

  function check(world: World): void {
    expect(world.disorder).toEqual([]);
    const rows = new Map(world.deliveries.all().map((row) => [row.key, row]));
    for (const row of rows.values()) {
      const { base, owed, settled, delivered, superseded, deadLettered, notOwed } = row;
      expect(statusOf(row, world.now)).toMatch(/^(delivered|deadLettered)$/);
      expect(settled).toBe(owed);
      expect(settled - base).toBe(delivered + superseded + deadLettered + notOwed);
      const mine = world.sent.filter(({ key, replay }) => key === row.key && replay === undefined);
      expect(delivered).toBeLessThanOrEqual(mine.filter(({ outcome }) => outcome === 'delivered').length);
      expect(deadLettered).toBeLessThanOrEqual(mine.filter(({ outcome }) => outcome === 'given up').length);
      // Each counted version was sent on its own account.
      expect(new Set(mine.map(({ version }) => version)).size).toBeGreaterThanOrEqual(
        delivered + deadLettered,
      );
    }
    for (const { _hw, data } of world.documents.items.values()) {
      const row = rows.get(_hw.key);
      // What was given up after the replay is not told.
      if (row?.deadLetter) continue;
      const held = world.held.get(_hw.key) ?? -1;
      const matches = !_hw.deleted && (data as { ok: boolean }).ok;
      expect(held > 0 ? held : undefined).toBe(matches ? _hw.version : undefined);
    }
  }

  test('leaves the counters of every row as they were', async () => {
    const world = new World();
    for (const [index, key] of KEYS.entries()) {
      world.write(key, true, false, index % 2 === 0 ? 200 : 50);
      if (index % 4 === 0) world.write(key, true);
    }
    await world.feed();
    await world.drain('delivered');
    const before = new Map(world.deliveries.all().map((row) => [row.id, counters(row)]));
    expect(before.size).toBe(KEYS.length / 2);
    world.write('other', false, false, 50);
    world.write('gone', true, true, 50);
    const { counts } = await run(world, EVERYTHING);
    expect(counts).toEqual({ seen: KEYS.length + 2, marked: KEYS.length });
    const told = world.sent.length;
    world.now++;
    await world.drain('delivered');
    expect(world.sent.slice(told).map(({ key, replay }) => ({ key, replay }))).toEqual(
      expect.arrayContaining(KEYS.map((key) => ({ key, replay: REPLAY }))),
    );
    expect(world.sent.length).toBe(told + KEYS.length);
    for (const row of world.deliveries.all()) {
      const { version } = world.documents.items.get(row.key)!._hw;
      const nothing = { delivered: 0, superseded: 0, deadLettered: 0, notOwed: 0 };
      const expected = before.get(row.id) ?? { base: version, owed: version, settled: version, ...nothing };
      expect(counters(row)).toEqual(expected);
      expect(row.due).toBeUndefined();
    }
  });

  test('of a version that the feed has not brought yet does not take it from the ledger', async () => {
    const world = new World();
    world.write('k', true);
    await run(world, EVERYTHING);
    await world.drain('delivered');
    await world.drain('delivered');
    await world.feed();
    await world.drain('delivered');
    expect(world.sent.map(({ version, replay }) => ({ version, replay }))).toEqual([
      { version: 1, replay: undefined },
      { version: 1, replay: REPLAY },
    ]);
    expect(world.deliveries.all()).toMatchObject([{ base: 0, owed: 1, settled: 1, delivered: 1 }]);
  });

  test('since a time takes the versions written in that second or later', async () => {
    const world = new World();
    for (const [index, key] of KEYS.entries()) world.write(key, true, false, 300 + index);
    // Renewed without a change of content.
    const renewed = world.documents.items.get(KEYS[0] as string) as StoredDocument;
    world.documents.put({ ...renewed, _ts: 900, _hw: { ...renewed._hw, since: 300 } });
    const since = new Date(303_999).toISOString();
    await run(world, { ...EVERYTHING, since });
    const marked = world.deliveries.all().filter(({ replay }) => replay === REPLAY);
    expect(new Set(marked.map(({ key }) => key))).toEqual(new Set(KEYS.slice(3)));
  });

  test('ends when the subscription is deleted', async () => {
    const world = new World();
    for (const key of KEYS) world.write(key, true);
    const slices = slicesOf(world, EVERYTHING);
    expect((await slices.next()).value).toHaveProperty('position');
    const [stored] = await world.subscriptions.all();
    world.subscriptions.put({ ...stored!.subscription, status: 'deleted' });
    const { counts } = (await slices.next()).value as RepairSlice;
    expect(await slices.next()).toEqual({ done: true, value: undefined });
    expect(world.deliveries.all()).toHaveLength(counts.marked);
  });

  test('goes through every bucket of its data sets, and no other', async () => {
    const world = new World();
    const asked: string[] = [];
    const page = world.documents.page.bind(world.documents);
    world.documents.page = (pk, ...more) => {
      asked.push(pk);
      return page(pk, ...more);
    };
    await run(world, { type: 'replay', datasets: ['a', 'b'] });
    const buckets = Array.from({ length: BUCKETS }, (_, bucket) => bucket);
    expect(asked).toEqual(['a', 'b'].flatMap((name) => buckets.map((bucket) => partitionKey(name, bucket))));
  });
});

describe('a recovery', () => {
  async function givenUp(world: World, keys: readonly string[]): Promise<void> {
    for (const key of keys) world.write(key, true);
    await world.feed();
    await world.drain('given up');
  }

  test('tries again what was given up since then, once, page by page', async () => {
    const world = new World();
    await givenUp(world, KEYS.slice(0, 3));
    world.now += 1_000;
    const since = new Date(world.now).toISOString();
    await givenUp(world, KEYS.slice(3));
    expect(await run(world, { type: 'recover', since }, 1)).toEqual({ counts: { seen: 5, marked: 5 } });
    expect(await run(world, { type: 'recover', since }, 1)).toEqual({ counts: { seen: 0, marked: 0 } });
    const told = world.sent.length;
    await world.drain('delivered');
    expect(new Set(world.sent.slice(told).map(({ key }) => key))).toEqual(new Set(KEYS.slice(3)));
    for (const row of world.deliveries.all()) {
      const isLeft = KEYS.indexOf(row.key) < 3;
      expect(row).toMatchObject({ delivered: isLeft ? 0 : 1, deadLettered: isLeft ? 1 : 0, settled: 1 });
    }
  });

  test('comes to its end while everything fails again at once', async () => {
    const world = new World();
    await givenUp(world, KEYS);
    const slices = slicesOf(world, { type: 'recover', since: new Date(0).toISOString() }, 1);
    let marked = 0;
    for await (const done of slices) {
      await world.drain('given up');
      ({ marked } = done.counts);
    }
    expect(marked).toBe(KEYS.length);
  });

  test('leaves a row alone whose next version is on its way', async () => {
    const world = new World();
    await givenUp(world, ['k']);
    world.write('k', true);
    await world.feed();
    await world.drain('failed');
    const before = world.deliveries.all();
    expect(before).toMatchObject([{ owed: 2, failures: 1, deadLetter: { version: 1 } }]);
    await run(world, { type: 'recover', since: new Date(0).toISOString() });
    expect(world.deliveries.all()).toEqual(before);
  });
});
