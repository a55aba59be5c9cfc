import { setTimeout as delay } from 'node:timers/promises';
import type { Ledger } from '../../src/activities/ledger/ledger';
import { headwater, subscribeSince, type Headwater } from '../support/headwater';
import { Receiver } from '../support/receiver';

let hw: Headwater;
const receivers = [new Receiver(), new Receiver(), new Receiver()];

beforeAll(async () => {
  const settings = { HEADWATER_DELIVERY_ATTEMPTS: '2', HEADWATER_DELIVERY_FIRST_WAIT_MS: '300' };
  hw = await headwater({ settings });
});
afterAll(async () => {
  for (const receiver of receivers) receiver.close();
  await hw?.dispose();
});

const ledger = (): Promise<Ledger> => hw.api.get<Ledger>('/api/ledger');

async function send(method: string, path: string, body?: object): Promise<void> {
  const headers = { 'Content-Type': 'application/json' };
  const init = body ? { method, headers, body: JSON.stringify(body) } : { method };
  expect((await hw.api.request(path, init)).ok).toBe(true);
}

const subscribe = async (receiver: Receiver | undefined, filter?: object): Promise<string> =>
  subscribeSince(hw, { url: await receiver?.start(), datasets: ['things'], filter });

const post = async (...records: object[]): Promise<string> =>
  (await hw.api.post('things', records.map((record) => JSON.stringify(record)).join('\n'))).batchId;

/** What one subscription's versions add up to. */
const decided = ({
  delivered,
  superseded,
  deadLettered,
  notOwed,
  pending,
}: Ledger['subscriptions'][number]) =>
  delivered + superseded + deadLettered + notOwed + pending.due + pending.trying + pending.waiting;

test('needs a key', async () => {
  expect((await fetch(`${hw.api.url}/api/ledger`)).status).toBe(401);
});

test('of an empty store is balanced', async () => {
  const nothing = { accepted: 0, upserted: 0, inFlight: 0, documents: 0, versions: 0 };
  expect(await ledger()).toMatchObject({
    balanced: true,
    total: nothing,
    datasets: { products: nothing, things: nothing },
    subscriptions: [],
    faults: [],
    faultCount: 0,
  });
});

test('is balanced at any moment while batches, deliveries, and changes of subscriptions run', async () => {
  const [taking, failing, changing] = receivers;
  if (failing) failing.answer = ({ subject }) => (subject.endsWith('7') ? 500 : 204);
  const ids = [await subscribe(taking), await subscribe(failing), await subscribe(changing, { size: 1 })];
  const polling = new AbortController();
  const seen: Ledger[] = [];
  const polled = (async () => {
    while (!polling.signal.aborted) seen.push(await ledger());
  })();
  // A rejection is looked at below; until then it must not end the process.
  polled.catch(() => undefined);
  const batches: string[] = [];
  for (let round = 0; round < 6; round++) {
    const records = Array.from({ length: 250 }, (_, index) => ({
      path: `thing ${(index * 7 + round * 50) % 400}`,
      ...(index % 17 === round ? { gone: true } : { size: (index + round) % 3 }),
    }));
    batches.push(await post(...records, { path: 'bad', size: 'none' }));
    if (round === 2) await send('PATCH', `/api/subscriptions/${ids[2]}`, { filter: { size: 2 } });
    if (round === 4) await send('DELETE', `/api/subscriptions/${ids[0]}`);
    await delay(100);
  }
  for (const id of batches) await hw.api.closed(id);
  let end = await ledger();
  for (; end.subscriptions.some(({ pending }) => pending.due + pending.trying + pending.waiting > 0);)
    end = await ledger();
  polling.abort();
  await polled;
  const wrong = seen.filter(({ balanced, faultCount }) => !balanced || faultCount > 0);
  expect(wrong).toEqual([]);
  expect(seen.some(({ total }) => total.inFlight > 0)).toBe(true);
  for (const { total, subscriptions } of seen) {
    const { accepted, upserted, unchanged, stale, quarantined, deadLettered, notApplied, inFlight } = total;
    expect(upserted + unchanged + stale + quarantined + deadLettered + notApplied + inFlight).toBe(accepted);
    for (const one of subscriptions) expect(decided(one)).toBe(one.versions);
  }
  expect(end.balanced).toBe(true);
  expect(end.total).toMatchObject({ accepted: 1506, quarantined: 6, inFlight: 0 });
  expect(end.total.versions).toBe(end.total.upserted);
  const counts = new Map(end.subscriptions.map((one) => [one.id, one]));
  expect(new Set(counts.keys())).toEqual(new Set([ids[1], ids[2]]));
  expect(counts.get(ids[1] ?? '')?.deadLettered).toBeGreaterThan(0);
  const arrived = receivers[2]?.events.length ?? 0;
  expect(counts.get(ids[2] ?? '')?.delivered).toBeGreaterThan(0);
  expect(counts.get(ids[2] ?? '')?.delivered).toBeLessThanOrEqual(arrived);
}, 60_000);
