import { HTTP, type CloudEvent } from 'cloudevents';
import { disagreements } from '../../tools/lib/agreement';
import type { Answer, ConsumerOptions, Delivery } from '../../tools/lib/consumer';
import { Subscriptions } from '../../tools/lib/subscriptions';
import { entriesOf, itemsOf, land, rowsOf, subscriber, toldOf, type Subscriber } from '../support/deliveries';
import { until } from '../support/until';
import { headwater, type Headwater } from '../support/headwater';

const ATTEMPTS = 4;

/** Each test has consumers of its own, which ask for the documents with its name in `note`. */
const NAMES = [
  'order',
  'filter',
  'deletion',
  'failing',
  'gone',
  'throttled',
  'hanging',
  'beside',
  'paused',
  'control',
  'dead',
  'patched',
  'removed',
] as const;
type Name = (typeof NAMES)[number];

const brought: Delivery[] = [];
const answers = new Map<Name, (delivery: Delivery) => Answer | 'hang' | undefined>();

let hw: Headwater;
let subscriptions: Subscriptions;
let all: Record<Name, Subscriber>;
beforeAll(async () => {
  hw = await headwater({
    settings: {
      HEADWATER_DELIVERY_ATTEMPTS: String(ATTEMPTS),
      HEADWATER_DELIVERY_FIRST_WAIT_MS: '50',
      HEADWATER_DELIVERY_WAIT_FACTOR: '1',
      HEADWATER_FEED_POLL_MS: '20',
    },
  });
  subscriptions = new Subscriptions(hw.api);
  const filters: Partial<Record<Name, object>> = {
    filter: { note: 'filter', size: { $gte: 5 } },
    beside: { note: 'hanging' },
    control: { note: { $in: ['paused', 'removed'] } },
  };
  const optionsOf = (name: Name): ConsumerOptions => ({
    answer(delivery) {
      if (name === 'order') brought.push(delivery);
      return answers.get(name)?.(delivery);
    },
  });
  const made = NAMES.map(async (name) => {
    return [name, await subscriber(hw, filters[name] ?? { note: name }, optionsOf(name))] as const;
  });
  all = Object.fromEntries(await Promise.all(made)) as Record<Name, Subscriber>;
});
afterAll(async () => {
  await hw?.dispose();
  for (const { consumer } of Object.values(all ?? {})) await consumer.close();
});

const holds = ({ consumer }: Subscriber, subject: string, version: number): boolean =>
  consumer.holdings.all().some((held) => held.subject === subject && held.version >= version);

/** Waits until the consumer holds at least this version of a document. */
const reaches = (one: Subscriber, subject: string, version: number): Promise<void> =>
  one.consumer.until(() => holds(one, subject, version));

const deadLetters = async ({ id }: Subscriber): Promise<number> =>
  (await rowsOf(hw, id)).reduce((sum, { deadLettered }) => sum + deadLettered, 0);

describe('changes', () => {
  test('arrive in order, as CloudEvents with good signatures', async () => {
    const { order } = all;
    const paths = Array.from({ length: 30 }, (_, at) => `order/${at}`);
    for (const size of [1, 2, 3]) await land(hw, ...paths.map((path) => ({ path, size, note: 'order' })));
    await order.consumer.until(() => paths.every((path) => holds(order, path, 3)));

    expect(order.consumer.stats).toMatchObject({
      refused: 0,
      duplicates: 0,
      outOfOrder: 0,
      badSignatures: 0,
    });
    const stored = (await hw.recount.documents()).filter(({ data }) => data['note'] === 'order');
    expect(stored).toHaveLength(paths.length);
    expect(disagreements(stored, order.consumer.holdings.all())).toEqual([]);
    expect(new Set(brought.map(({ event }) => event.id)).size).toBe(brought.length);
    for (const { event, headers, body } of brought) {
      const parsed = HTTP.toEvent({ headers, body }) as CloudEvent<{ path: string }>;
      expect(parsed.validate()).toBe(true);
      expect(headers['webhook-id']).toBe(parsed.id);
      expect(parsed).toMatchObject({
        source: 'urn:headwater:things',
        type: 'headwater.things.upserted',
        subject: parsed.data?.path,
        datacontenttype: 'application/json',
        dataschema: expect.stringMatching(/^urn:headwater:schema:things:3\b/),
        subscription: order.id,
        documentversion: event.version,
        data: { size: event.version, note: 'order' },
      });
    }
  });

  test('that leave the filter are told once as removed, without their content', async () => {
    for (const size of [10, 1, 2, 9]) await land(hw, { path: 'filtered', size, note: 'filter' });
    await reaches(all.filter, 'filtered', 4);
    const told = toldOf(all.filter, 'filtered');
    // A version that a later one replaced before it was sent is not told.
    expect(told.at(-1)).toBe('upserted 4');
    const removed = entriesOf(all.filter, 'filtered').filter(({ kind }) => kind === 'removed');
    expect(removed.length).toBeLessThanOrEqual(1);

    await land(hw, { path: 'filtered', size: 0, note: 'filter' });
    await reaches(all.filter, 'filtered', 5);
    await land(hw, { path: 'filtered', size: 3, note: 'filter' }, { path: 'next', size: 5, note: 'filter' });
    await reaches(all.filter, 'next', 1);
    await until(async () => (await rowsOf(hw, all.filter.id)).every(({ due }) => due === undefined));
    expect(toldOf(all.filter, 'filtered').slice(told.length)).toEqual(['removed 5']);
    expect(all.filter.consumer.holdings.documents().map(({ subject }) => subject)).toEqual(['next']);
  });

  test('that delete are told as deleted, and the document comes back', async () => {
    await land(hw, { path: 'mortal', note: 'deletion' });
    await reaches(all.deletion, 'mortal', 1);
    await land(hw, { path: 'mortal', gone: true });
    await reaches(all.deletion, 'mortal', 2);
    await land(hw, { path: 'mortal', note: 'deletion' });
    await reaches(all.deletion, 'mortal', 3);
    expect(toldOf(all.deletion, 'mortal')).toEqual(['upserted 1', 'deleted 2', 'upserted 3']);
  });
});

describe('a receiver', () => {
  test('that fails is tried again with the same event until it takes it', async () => {
    answers.set('failing', ({ attempt }) => (attempt < ATTEMPTS ? { status: 400 } : undefined));
    await land(hw, { path: 'tried', note: 'failing' });
    await reaches(all.failing, 'tried', 1);
    const entries = entriesOf(all.failing, 'tried');
    expect(entries.map(({ answered }) => answered)).toEqual([400, 400, 400, 204]);
    expect(new Set(entries.map(({ id }) => id)).size).toBe(1);
    // Each try has a signature of its own time.
    expect(all.failing.consumer.stats.badSignatures).toBe(0);
  });

  test('that never takes it gets no more than so many requests, and the next version afresh', async () => {
    answers.set('dead', ({ event }) => (event.version === 1 ? { status: 500 } : undefined));
    await land(hw, { path: 'hopeless', note: 'dead' });
    await until(async () => (await deadLetters(all.dead)) === 1);
    expect(entriesOf(all.dead, 'hopeless').map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4]);
    const [row] = await rowsOf(hw, all.dead.id);
    expect(row).toMatchObject({ settled: 1, delivered: 0, deadLetter: { version: 1, kind: 'upserted' } });
    expect(row?.due).toBeUndefined();
    await land(hw, { path: 'hopeless', size: 1, note: 'dead' });
    await reaches(all.dead, 'hopeless', 2);
    expect(toldOf(all.dead, 'hopeless')).toHaveLength(ATTEMPTS + 1);
  });

  test('that is gone (410) is disabled', async () => {
    answers.set('gone', () => ({ status: 410 }));
    await land(hw, { path: 'unwanted', note: 'gone' });
    const { reason } = await subscriptions.becomes(all.gone.id, 'disabled');
    expect(reason).toMatch(/410/);
  });

  test('that asks for a pause gets it, for all of its changes', async () => {
    const PAUSE_SECONDS = 1;
    answers.set('throttled', ({ event: { subject } }) =>
      all.throttled.consumer.log.length === 0 && subject === 'first'
        ? { status: 503, headers: { 'Retry-After': String(PAUSE_SECONDS) } }
        : undefined,
    );
    await land(hw, { path: 'first', note: 'throttled' });
    await all.throttled.consumer.until(() => all.throttled.consumer.log.length > 0);
    await land(hw, { path: 'second', note: 'throttled' });
    await reaches(all.throttled, 'first', 1);
    await reaches(all.throttled, 'second', 1);
    const [asked, ...later] = all.throttled.consumer.log;
    expect(asked?.answered).toBe(503);
    for (const { at } of later)
      expect(at - (asked?.at ?? 0)).toBeGreaterThanOrEqual(PAUSE_SECONDS * 1_000 - 1);
  });

  test('that does not answer makes no other wait', async () => {
    answers.set('hanging', () => 'hang');
    const paths = Array.from({ length: 40 }, (_, at) => `hang/${at}`);
    await land(hw, ...paths.map((path) => ({ path, note: 'hanging' })));
    await all.hanging.consumer.until(() => all.hanging.consumer.log.length > 0);
    await all.beside.consumer.until(() => paths.every((path) => holds(all.beside, path, 1)));
    // No request to the other one has come to its time-out: none was followed by a second.
    expect(all.hanging.consumer.log.every(({ attempt }) => attempt === 1)).toBe(true);
    expect(all.hanging.consumer.holdings.all()).toEqual([]);
  });
});

describe('a subscription', () => {
  test('that is paused is sent nothing, and all of it after it is resumed', async () => {
    const { paused, control } = all;
    await land(hw, { path: 'pause/0', note: 'paused' });
    await reaches(paused, 'pause/0', 1);
    await subscriptions.pause(paused.id);
    // Drains read subscriptions now and then: until changes come to the other one only.
    let count = 1;
    for (let missing = 0; missing < 4;) {
      await land(hw, { path: `pause/${count}`, note: 'paused' });
      await reaches(control, `pause/${count}`, 1);
      missing = ++count - paused.consumer.log.length;
      expect(count).toBeLessThan(40);
    }
    await subscriptions.resume(paused.id);
    for (let at = 0; at < count; at++) await reaches(paused, `pause/${at}`, 1);
    expect(paused.consumer.log).toHaveLength(count);
    expect(paused.consumer.stats).toMatchObject({ duplicates: 0, outOfOrder: 0 });
  });

  test('whose filter is changed is told what no longer matches', async () => {
    await land(hw, { path: 'small', size: 1, note: 'patched' }, { path: 'large', size: 10, note: 'patched' });
    await reaches(all.patched, 'small', 1);
    await reaches(all.patched, 'large', 1);
    await subscriptions.patch(all.patched.id, { filter: { note: 'patched', size: { $gte: 5 } } });
    await all.patched.consumer.until(() => all.patched.consumer.holdings.documents().length === 1);
    expect(toldOf(all.patched, 'small')).toEqual(['upserted 1', 'removed 1']);
    await until(async () => (await rowsOf(hw, all.patched.id)).every(({ due }) => due === undefined));
    expect(toldOf(all.patched, 'large')).toEqual(['upserted 1']);
  });

  test('that is deleted is sent no more, and what is stored of it goes', async () => {
    const { removed, control } = all;
    await land(hw, { path: 'last words', note: 'removed' });
    await reaches(removed, 'last words', 1);
    await subscriptions.remove(removed.id);
    await until(async () => (await itemsOf(hw, removed.id)) === 0);
    expect((await hw.api.request(`/api/subscriptions/${removed.id}`)).status).toBe(404);
    await land(hw, { path: 'unheard', note: 'removed' });
    await reaches(control, 'unheard', 1);
    expect(await itemsOf(hw, removed.id)).toBe(0);
    expect(toldOf(removed, 'unheard')).toEqual([]);
  });
});
