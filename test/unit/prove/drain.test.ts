import type { LedgerReport } from '../../../tools/lib/api';
import { drain, type DrainSources } from '../../../tools/lib/prove/drain';

const ledger = (waiting: number): Promise<LedgerReport> =>
  Promise.resolve({
    total: { inFlight: 0 },
    subscriptions: [{ pending: { due: 0, trying: 0, waiting } }],
  } as unknown as LedgerReport);

const done = { unclaimed: 0, open: 0, versions: 3 };

/** What is there, one after the other; the last stays. */
function after<T>(...all: (() => Promise<T>)[]): () => Promise<T> {
  let at = 0;
  return () => (all[Math.min(at++, all.length - 1)] as () => Promise<T>)();
}

const state = (versions: number) => ({ versions, received: versions, refused: 0 });

function sources(some: Partial<DrainSources>): DrainSources {
  return {
    progress: () => Promise.resolve(done),
    consumers: () => Promise.resolve([state(3), state(3)]),
    ledger: () => ledger(0),
    tell: () => undefined,
    quietMs: 20,
    ...some,
  };
}

test('everything is at its end', async () => {
  expect(await drain(sources({}))).toEqual({
    done: true,
    upsertedMs: expect.any(Number) as number,
    deliveredMs: expect.any(Number) as number,
  });
});

test('a store that does not answer is asked again', async () => {
  const progress = after(
    () => Promise.reject(new Error('ECONNREFUSED')),
    () => Promise.resolve({ ...done, open: 1 }),
    () => Promise.resolve(done),
  );
  expect(await drain(sources({ progress, quietMs: 5_000 }))).toMatchObject({ done: true });
});

test.each([
  ['events that nobody claims', { progress: () => Promise.resolve({ ...done, unclaimed: 1 }) }, {}],
  ['a batch that stays open', { progress: () => Promise.resolve({ ...done, open: 1 }) }, {}],
  [
    'a subscriber that is not told',
    { consumers: () => Promise.resolve([state(3), state(2)]) },
    { upsertedMs: expect.any(Number) as number },
  ],
  [
    'a row that stays pending',
    { ledger: () => ledger(1) },
    { upsertedMs: expect.any(Number) as number, deliveredMs: expect.any(Number) as number },
  ],
])('given up: %s', async (_, some, times) => {
  expect(await drain(sources(some))).toEqual({ done: false, ...times });
});
