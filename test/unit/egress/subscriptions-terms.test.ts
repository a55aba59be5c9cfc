import { MAX_TERMS, termAt, type Subscription } from '../../../src/domain/egress/subscription';
import { termBegun } from '../../../src/domain/egress/terms';
import { change, completeTerm, resumeTerm } from '../../../src/triggers/egress/change';
import { grantConsent } from '../../../src/triggers/egress/consent';
import {
  createPatchSubscription,
  createDeleteSubscription,
} from '../../../src/triggers/egress/subscriptions';
import { createSweepTerms } from '../../../src/triggers/egress/sweepTerms';
import { fc } from '../../support/properties';
import {
  bodyOf,
  context,
  deps,
  ID,
  pending,
  request,
  StoreModel,
  subscription,
} from '../../support/subscriptions';

const read = async (store: StoreModel, id = ID) => {
  const stored = await store.read(id);
  if (!stored) throw new Error(`There is no ${id}.`);
  return stored;
};
const patch = async (store: StoreModel, body: object, headers: Record<string, string> = {}) =>
  bodyOf(await createPatchSubscription(deps(store))(await read(store), request(body, { headers }), context));
const consent = async (store: StoreModel) =>
  grantConsent(deps(store), await read(store), store.get().url, 'confirmation');

describe('a term', () => {
  test('begins at the store’s time, and every change after the answer is owed by it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(2_000), fc.nat(900), fc.boolean(), async (start, latency, first) => {
        const store = new StoreModel(200_000 + start, latency);
        store.put(first ? pending() : subscription());
        if (first) await consent(store);
        else await patch(store, { filter: { size: 1 } });
        const { terms, status, termDue } = store.get();
        expect({ status, termDue }).toEqual({ status: 'active', termDue: undefined });
        const term = terms.at(-1);
        expect(term?.filter).toEqual(first ? undefined : { size: 1 });
        // The next change, in the store's whole seconds.
        expect(termAt(terms, Math.floor(store.time / 1000))).toEqual(term);
        expect(term?.from).toBeGreaterThanOrEqual(Math.floor((200_000 + start) / 1000));
      }),
    );
  });

  test('whatever is cut off or written in between: the next one completes it, with what is asked for then', async () => {
    const crashAt = fc.nat(3);
    const others = fc.array(fc.constantFrom('health', 'filter', 'pause'), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(crashAt, others, fc.boolean(), async (crash, interruptions, first) => {
        const store = new StoreModel();
        store.put(first ? pending() : subscription());
        const left = [...interruptions];
        let updates = 0;
        store.beforeUpdate = () => {
          if (updates++ === crash) throw new Error('crash');
          const what = left.shift();
          const present = store.get();
          if (what === 'health') store.put({ ...present, health: { heldUntil: updates } });
          if (what === 'filter')
            store.put({
              ...present,
              filter: { size: updates },
              ...(present.terms.length > 0 ? { termDue: true as const } : {}),
            });
          if (what === 'pause' && present.status === 'active') store.put({ ...present, status: 'paused' });
        };
        const begin = () =>
          first ? consent(store) : patch(store, { datasets: ['things'], filter: { size: -1 } });
        await begin().catch((error: Error) => expect(error.message).toBe('crash'));
        store.beforeUpdate = () => {};
        // A left-over is only swept when it is old enough that nobody works on it any more.
        store.time += 60_000;
        const consented = store.get().consent !== undefined;
        await createSweepTerms(deps(store))(undefined, context);
        const { terms, termDue, status, datasets, filter } = store.get();
        expect(termDue).toBeUndefined();
        expect(status === 'pending').toBe(!consented);
        if (!consented) return expect(terms).toEqual([]);
        expect(terms.at(-1)).toMatchObject(filter ? { datasets, filter } : { datasets });
        expect(terms.map(({ from }) => from)).toEqual(
          terms.map(({ from }) => from).toSorted((a, b) => a - b),
        );
      }),
      { numRuns: 300 },
    );
  });

  test('completed later begins later: what happened in between was judged by the one before', async () => {
    const store = new StoreModel();
    store.put(subscription({ filter: { size: 1 }, termDue: true }));
    store.time = 500_000;
    await resumeTerm(deps(store), await read(store));
    expect(store.get().terms.map(({ from }) => from)).toEqual([100, 500]);
  });

  test('of many the oldest ends', () => {
    const terms = Array.from({ length: MAX_TERMS }, (_, from) => ({ from, datasets: ['things'] }));
    const begun = termBegun(subscription({ terms, filter: { a: 1 } }), 99, 'now').terms;
    expect(begun).toHaveLength(MAX_TERMS);
    expect([begun?.[0]?.from, begun?.at(-1)]).toEqual([
      1,
      { from: 99, datasets: ['things'], filter: { a: 1 } },
    ]);
  });

  test('is not begun for an address that has not consented', () => {
    const moved = pending({
      consent: { method: 'ping', at: '', url: 'https://before.example/' },
      termDue: true,
    });
    expect(termBegun(moved, 99, 'now')).toEqual({ termDue: undefined });
  });

  test('of a deleted subscription is no more', async () => {
    const store = new StoreModel();
    store.put(subscription({ termDue: true }));
    const seen = await read(store);
    store.put({ ...store.get(), status: 'deleted' });
    await expect(completeTerm(deps(store), seen)).rejects.toMatchObject({ code: 'unknown-subscription' });
  });
});

describe('a change', () => {
  test('is decided anew when somebody else has written', async () => {
    const store = new StoreModel();
    const seen = store.put(subscription());
    store.put({ ...store.get(), rateLimit: 5 });
    const decide = ({ rateLimit = 0 }: Subscription) => ({ rateLimit: rateLimit + 1 });
    expect((await change(deps(store), seen, decide)).subscription.rateLimit).toBe(6);
  });

  test('gives up when others write all the time', async () => {
    const store = new StoreModel();
    const seen = store.put(subscription());
    store.beforeUpdate = () => store.put(store.get());
    await expect(change(deps(store), seen, () => ({}))).rejects.toMatchObject({ code: 'store-unavailable' });
  });

  test('bound to a state is not applied to another, even when that comes in between', async () => {
    const store = new StoreModel();
    const { etag } = store.put(subscription());
    store.beforeUpdate = () => store.put({ ...store.get(), rateLimit: 5 });
    const patched = patch(store, { description: 'x' }, { 'if-match': `"0", ${etag}` });
    await expect(patched).rejects.toMatchObject({ code: 'subscription-changed' });
    expect(store.get()).not.toHaveProperty('description');
    store.beforeUpdate = () => {};
    expect(await patch(store, { description: 'x' }, { 'if-match': '*' })).toMatchObject({ description: 'x' });
  });

  test('before the activation makes no term; one that changes nothing writes nothing', async () => {
    const store = new StoreModel();
    store.put(pending());
    expect(await patch(store, { filter: { a: 1 } })).toMatchObject({ revision: 1, filter: { a: 1 } });
    expect(store.get()).toMatchObject({ terms: [], filter: { a: 1 } });
    store.beforeUpdate = () => {
      throw new Error('written');
    };
    await patch(store, { filter: { a: 1 }, description: null, maxInFlight: 16 });
  });

  test('of a paused subscription: it stays so, and is owed by the new term', async () => {
    const store = new StoreModel();
    store.put(subscription({ status: 'paused' }));
    await patch(store, { filter: { a: 1 } });
    expect(store.get()).toMatchObject({
      status: 'paused',
      revision: 2,
      reconciled: 1,
      terms: [{}, { filter: { a: 1 } }],
    });
  });

  test('of a data set that is gone asks for others only when data sets are patched', async () => {
    const store = new StoreModel();
    store.put(subscription({ datasets: ['gone'] }));
    expect(await patch(store, { description: 'x' })).toMatchObject({ datasets: ['gone'] });
    await expect(patch(store, { datasets: ['gone'] })).rejects.toMatchObject({
      code: 'invalid-subscription',
    });
  });

  test('of the address to one that is not public is refused', async () => {
    const store = new StoreModel();
    store.put(subscription());
    for (const url of ['http://receiver.example/', 'https://10.0.0.1/', 'https://localhost/'])
      await expect(patch(store, { url })).rejects.toMatchObject({
        members: { errors: [{ pointer: '/url' }] },
      });
  });

  test('never brings back what was deleted', async () => {
    const store = new StoreModel();
    const seen = store.put(subscription());
    await createDeleteSubscription(deps(store))(seen, request(), context);
    const late = createPatchSubscription(deps(store))(seen, request({ description: 'x' }), context);
    await expect(late).rejects.toMatchObject({ code: 'unknown-subscription' });
    expect(store.get().status).toBe('deleted');
  });
});

test('the sweep leaves alone what is young, done or deleted, and goes on after a failure', async () => {
  const store = new StoreModel();
  const id = (digit: string): string => digit.repeat(32);
  store.put(subscription({ id: id('1'), termDue: true, status: 'deleted' }));
  store.put(subscription({ id: id('2') }));
  store.put(subscription({ id: id('3'), termDue: true }));
  store.put(subscription({ id: id('4'), termDue: true }));
  store.time += 60_000;
  store.put(subscription({ id: id('5'), termDue: true }));
  let updates = 0;
  store.beforeUpdate = () => {
    if (updates++ === 0) throw new Error('down');
  };
  const error = jest.fn();
  await createSweepTerms(deps(store))(undefined, { error } as never);
  expect(error).toHaveBeenCalledTimes(1);
  const due = ['1', '2', '3', '4', '5'].map((digit) => store.get(id(digit)).termDue ?? false);
  expect(due).toEqual([true, false, true, false, true]);
});
