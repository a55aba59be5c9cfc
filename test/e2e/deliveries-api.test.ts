import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { headwater, type Headwater } from '../support/headwater';

interface Event {
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  readonly documentversion: number;
  readonly replay?: boolean;
  readonly data?: Record<string, unknown>;
}

interface Delivery {
  readonly dataset: string;
  readonly key: string;
  readonly status: string;
  readonly version: number;
  readonly attempts: readonly { readonly at: string; readonly [name: string]: unknown }[];
  readonly [name: string]: unknown;
}

interface Subscriber {
  readonly id: string;
  readonly token: string;
  readonly path: string;
}

interface Repair {
  readonly id: string;
  readonly status: string;
  readonly seen: number;
  readonly marked: number;
  readonly [name: string]: unknown;
}

let hw: Headwater;
let server: Server;
let base: string;
/** Events by the path they came to. */
const received: { path: string; event: Event }[] = [];
/** Those that are there from the beginning, by group. */
const subscribers = new Map<string, Subscriber>();
const subscriber = (group: string): Subscriber => subscribers.get(group) as Subscriber;

/** What a path answers; 204 unless said otherwise. */
const answers = new Map<string, (event: Event) => { status: number; body?: string }>();

beforeAll(async () => {
  hw = await headwater({
    settings: {
      HEADWATER_DELIVERY_ATTEMPTS: '2',
      HEADWATER_DELIVERY_FIRST_WAIT_MS: '20',
      HEADWATER_DELIVERY_WAIT_FACTOR: '1',
    },
  });
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      if (request.method === 'OPTIONS') {
        response.writeHead(200, { 'WebHook-Allowed-Origin': '*' }).end();
        return;
      }
      const path = request.url ?? '';
      const event = JSON.parse(body) as Event;
      received.push({ path, event });
      const answer = answers.get(path)?.(event) ?? { status: 204 };
      response.writeHead(answer.status).end(answer.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  // Together, since each activation waits for the store's clock.
  const groups = ['list', 'list-other', 'retry', 'recover', 'pause'];
  const made = await Promise.all(groups.map((group) => subscribe(group)));
  for (const [index, group] of groups.entries()) subscribers.set(group, made[index] as Subscriber);
});
afterAll(async () => {
  await hw?.dispose();
  server?.closeAllConnections();
  server?.close();
});

/** Asks again until there is an answer: the test's own time limit ends it. */
async function until<T>(ask: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (;;) {
    const found = await ask();
    if (found !== undefined) return found;
    await delay(25);
  }
}

const call = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
  hw.api.request(path, {
    method,
    headers: { ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

const bearer = ({ token }: Subscriber): Record<string, string> => ({
  Authorization: `Bearer ${token}`,
  'x-functions-key': 'none',
});

async function read<T>(response: Response, status = 200): Promise<T> {
  const text = await response.text();
  if (response.status !== status) throw new Error(`${response.status}: ${text}`);
  return JSON.parse(text) as T;
}

async function problem(response: Response): Promise<Record<string, unknown>> {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  return (await response.json()) as Record<string, unknown>;
}

/** Each test has things of its own, by the name of a group. */
async function subscribe(group: string, settings: object = {}): Promise<Subscriber> {
  const path = `/${group}`;
  const filter = { note: group };
  const response = await call('POST', '/api/subscriptions', {
    url: base + path,
    datasets: ['things'],
    filter,
    ...settings,
  });
  const { id, token, status } = await read<{ id: string; token: string; status: string }>(response, 201);
  expect(status).toBe('active');
  return { id, token, path };
}

async function post(group: string, records: readonly object[]): Promise<void> {
  const lines = records.map((record) => JSON.stringify({ note: group, ...record })).join('\n');
  const { batchId } = await hw.api.post('things', lines);
  expect((await hw.api.closed(batchId)).status).toBe('completed');
}

const things = (group: string, count: number, more: object = {}): object[] =>
  Array.from({ length: count }, (_, index) => ({ path: `${group}/${index}`, ...more }));

async function deliveries({ id }: Subscriber, query = ''): Promise<Delivery[]> {
  const all: Delivery[] = [];
  let next: string | undefined = `/api/subscriptions/${id}/deliveries${query}`;
  while (next !== undefined) {
    const page: { value: Delivery[]; nextLink?: string } = await hw.api.get(next);
    all.push(...page.value);
    next = page.nextLink;
  }
  return all;
}

const inStatus = (one: Subscriber, status: string, count: number): Promise<Delivery[]> =>
  until(async () => {
    const all = await deliveries(one, `?status=${status}&maxpagesize=100`);
    return all.length === count ? all : undefined;
  });

const eventsOf = ({ path }: Subscriber): Event[] =>
  received.flatMap((one) => (one.path === path ? [one.event] : []));

async function repaired(one: Subscriber, operation: string, body: object): Promise<Repair> {
  const response = await call('POST', `/api/my/subscription/${operation}`, body, bearer(one));
  const { id, statusUrl } = await read<{ id: string; statusUrl: string }>(response, 202);
  expect(response.headers.get('location')).toBe(statusUrl);
  expect(statusUrl).toBe(`${hw.cloud.url}/api/my/subscription/repairs/${id}`);
  return until(async () => {
    const repair = await read<Repair>(await call('GET', statusUrl, undefined, bearer(one)));
    expect(repair.id).toBe(id);
    return repair.status === 'running' ? undefined : repair;
  });
}

/** A drain follows its subscriptions about once a second; nothing tells when it has. */
async function paused(one: Subscriber): Promise<void> {
  await read(await call('POST', '/api/my/subscription/pause', undefined, bearer(one)));
  await delay(2_000);
}

/** What the ledger counts. */
const counters = (all: readonly Delivery[]): object[] =>
  all
    .map(({ key, version, settledVersion, deliveredVersions, superseded, deadLettered, notOwed }) => ({
      key,
      version,
      settledVersion,
      deliveredVersions,
      superseded,
      deadLettered,
      notOwed,
    }))
    .toSorted((a, b) => (a.key < b.key ? -1 : 1));

describe('deliveries are listed', () => {
  let one: Subscriber;
  const COUNT = 30;
  const hostile = `</script>"\\\u0000\u001b[31m${'x'.repeat(470)}${'😀'.repeat(100)}`;
  beforeAll(async () => {
    one = subscriber('list');
    answers.set(one.path, ({ subject }) =>
      subject === 'list/bad' ? { status: 418, body: hostile } : { status: 200, body: 'thanks' },
    );
    await post('list', [...things('list', COUNT), { path: 'list/bad' }]);
    await inStatus(one, 'delivered', COUNT);
    await inStatus(one, 'deadLettered', 1);
  });

  test('with their attempts, newest first', async () => {
    const [row, ...others] = await deliveries(one, '?key=list%2Fbad');
    expect(others).toEqual([]);
    expect(row).toMatchObject({
      dataset: 'things',
      key: 'list/bad',
      status: 'deadLettered',
      version: 1,
      settledVersion: 1,
      deliveredVersions: 0,
      superseded: 0,
      deadLettered: 1,
      notOwed: 0,
      told: true,
      failures: 0,
      deadLetter: { version: 1, kind: 'upserted', reason: 'The receiver answered 418.' },
      last: { status: 418, kind: 'upserted', version: 1 },
    });
    expect(row).not.toHaveProperty('nextAttemptAt');
    expect(row?.attempts).toHaveLength(2);
    const times = row?.attempts.map(({ at }) => at) ?? [];
    expect(times).toEqual(times.toSorted((a, b) => (a > b ? -1 : 1)));
    expect(row?.['deadLetter']).toHaveProperty('at', times[0]);
    for (const attempt of row?.attempts ?? []) {
      expect(attempt).toMatchObject({ kind: 'upserted', version: 1, status: 418 });
      const { answer } = attempt as unknown as { answer: string };
      // The cut goes through a character of two units.
      expect(answer).toBe(hostile.slice(0, 500).toWellFormed());
    }
  });

  test('in pages that hold each one once', async () => {
    const all = await deliveries(one, '?maxpagesize=100');
    expect(new Set(all.map(({ key }) => key)).size).toBe(COUNT + 1);
    for (const size of [4, COUNT + 1]) expect(await deliveries(one, `?maxpagesize=${size}`)).toEqual(all);
    const url = `/api/subscriptions/${one.id}/deliveries?maxpagesize=${COUNT + 1}`;
    expect(await hw.api.get(url)).not.toHaveProperty('nextLink');
  });

  test('by status, data set and time', async () => {
    const count = async (query: string): Promise<number> => (await deliveries(one, query)).length;
    expect(await count('?status=delivered')).toBe(COUNT);
    expect(await count('?status=deadLettered')).toBe(1);
    for (const status of ['pending', 'due', 'trying', 'waiting'])
      expect(await count(`?status=${status}`)).toBe(0);
    expect(await count('?dataset=things')).toBe(COUNT + 1);
    expect(await count('?dataset=thing')).toBe(0);
    expect(await count('?dataset=products')).toBe(0);
    expect(await count('?since=2020-01-01')).toBe(COUNT + 1);
    expect(await count('?since=2999-01-01T00:00:00%2B02:00')).toBe(0);
    const [bad] = await deliveries(one, '?status=deadLettered&dataset=things');
    const at = String(bad?.attempts[0]?.at);
    expect((await deliveries(one, `?status=deadLettered&since=${at}`)).map(({ key }) => key)).toEqual([
      'list/bad',
    ]);
    const after = new Date(Date.parse(at) + 1).toISOString();
    expect(await count(`?status=deadLettered&since=${after}`)).toBe(0);
    expect(await count('?key=list/bad&status=delivered')).toBe(0);
    expect(await count('?key=list/none')).toBe(0);
  });

  test('for its subscriber, who sees no other', async () => {
    const other = subscriber('list-other');
    const mine = await read<{ value: Delivery[] }>(
      await call('GET', '/api/my/subscription/deliveries?maxpagesize=100', undefined, bearer(one)),
    );
    expect(mine.value).toHaveLength(COUNT + 1);
    const theirs = await read<{ value: Delivery[] }>(
      await call('GET', '/api/my/subscription/deliveries', undefined, bearer(other)),
    );
    expect(theirs.value).toEqual([]);
  });

  test.each([
    ['status=lost', 'status'],
    ['dataset=A', 'dataset'],
    ['key=', 'key'],
    [`key=${'x'.repeat(2049)}`, 'key'],
    ['since=yesterday', 'since'],
    ['since=2026-03-01T12:00:00', 'since'],
    ['since=2026-13-01', 'since'],
    ['maxpagesize=101', 'maxpagesize'],
    ['continuationToken=', 'continuationToken'],
    ['continuationToken=4-eA', 'continuationToken'],
    ['continuationToken=0-', 'continuationToken'],
    [`continuationToken=0-${Buffer.from('a b').toString('base64url')}`, 'continuationToken'],
    [`continuationToken=0-${'x'.repeat(3000)}`, 'continuationToken'],
    ['continuationToken=0-eA%27%20OR%201=1', 'continuationToken'],
  ])('but not with %s', async (query, parameter) => {
    const response = await call('GET', `/api/subscriptions/${one.id}/deliveries?${query}`);
    expect(await problem(response)).toMatchObject({ status: 400, code: 'invalid-parameter', parameter });
  });
});

test.each([
  ['GET', 'deliveries'],
  ['POST', 'deliveries/retry'],
  ['POST', 'recover'],
  ['POST', 'replay'],
  ['GET', 'repairs/x'],
])(
  '%s %s: opens with the token of the subscription or a key, and with nothing else',
  async (method, path) => {
    const one = subscriber('list-other');
    const wrong = { ...one, token: one.token.replace(one.id, subscriber('list').id) };
    const mine = await call(method, `/api/my/subscription/${path}`, undefined, bearer(wrong));
    expect(await problem(mine)).toMatchObject({ status: 401, code: 'invalid-token' });
    const keyed = await call(method, `/api/subscriptions/${one.id}/${path}`, undefined, bearer(one));
    expect(keyed.status).toBe(401);
    const unknown = await call(method, `/api/subscriptions/${'0'.repeat(32)}/${path}`);
    expect(await problem(unknown)).toMatchObject({ status: 404, code: 'unknown-subscription' });
  },
);

describe('one delivery is tried again', () => {
  let one: Subscriber;
  const retry = (body: unknown) => call('POST', `/api/subscriptions/${one.id}/deliveries/retry`, body);

  test('after it was given up, and counts once', async () => {
    one = subscriber('retry');
    answers.set(one.path, () => ({ status: 500 }));
    await post('retry', [{ path: 'retry/a ü' }]);
    await inStatus(one, 'deadLettered', 1);
    answers.delete(one.path);
    const row = await read<Delivery>(await retry({ key: 'retry/a ü' }));
    expect(row).toMatchObject({ status: 'due', deadLettered: 0, settledVersion: 0, version: 1 });
    expect(row).not.toHaveProperty('deadLetter');
    expect(row['nextAttemptAt']).toBeDefined();
    const [delivered] = await inStatus(one, 'delivered', 1);
    expect(delivered).toMatchObject({ deliveredVersions: 1, deadLettered: 0, settledVersion: 1 });
    const ids = eventsOf(one).map(({ id }) => id);
    expect(ids).toHaveLength(3);
    expect(new Set(ids).size).toBe(1);
  });

  test('not when there is nothing to try', async () => {
    const again = await retry({ dataset: 'things', key: 'retry/a ü' });
    expect(await problem(again)).toMatchObject({
      status: 409,
      code: 'nothing-to-retry',
      deliveryStatus: 'delivered',
    });
    for (const body of [{ key: 'retry/b' }, { key: 'retry/a ü', dataset: 'products' }])
      expect(await problem(await retry(body))).toMatchObject({ status: 404, code: 'unknown-delivery' });
    for (const body of [
      {},
      { key: 5 },
      { key: 'x', dataset: '' },
      { key: 'x', force: true },
      { key: '\ud800' },
    ])
      expect(await problem(await retry(body))).toMatchObject({ status: 400, code: 'invalid-parameter' });
  });
});

test('what was given up since a time is recovered', async () => {
  const COUNT = 25;
  const one = subscriber('recover');
  answers.set(one.path, () => ({ status: 503 }));
  await post('recover', things('recover', 3));
  await inStatus(one, 'deadLettered', 3);
  await delay(2);
  const since = new Date().toISOString();
  await post('recover', things('recover', COUNT, { size: 2 }));
  const given = await until(async () => {
    const rows = await deliveries(one, `?status=deadLettered&since=${since}&maxpagesize=100`);
    return rows.length === COUNT ? rows : undefined;
  });
  answers.delete(one.path);
  const later = new Date(Date.now() + 60_000).toISOString();
  expect(await repaired(one, 'recover', { since: later })).toMatchObject({ status: 'completed', marked: 0 });
  expect(await repaired(one, 'recover', { since })).toMatchObject({
    type: 'recover',
    status: 'completed',
    since,
    seen: COUNT,
    marked: COUNT,
  });
  const delivered = await inStatus(one, 'delivered', COUNT);
  expect(new Set(delivered.map(({ key }) => key))).toEqual(new Set(given.map(({ key }) => key)));
  for (const row of delivered) {
    // The first versions of three were given up for good: a newer one came.
    const versions = Number(/\/[012]$/.test(row.key)) + 1;
    expect(row).toMatchObject({ deliveredVersions: 1, deadLettered: versions - 1, version: versions });
  }
  const body = { since: 'x' };
  expect(await problem(await call('POST', `/api/subscriptions/${one.id}/recover`, body))).toMatchObject({
    code: 'invalid-parameter',
  });
});

describe('documents are replayed', () => {
  const BEFORE = 12;
  let one: Subscriber;
  beforeAll(async () => {
    await post('replay', [
      { path: 'replay/0', gone: true },
      { path: 'replay/1', note: 'of another' },
      ...things('replay', BEFORE).slice(2),
    ]);
    one = await subscribe('replay');
    await post('replay', [{ path: 'replay/2', size: 5 }, { path: 'replay/new' }]);
    await inStatus(one, 'delivered', 2);
  });

  test('those that match now, as replays with ids of their own; the ledger counts nothing', async () => {
    const before = await deliveries(one);
    const told = eventsOf(one);
    const repair = await repaired(one, 'replay', { fromBeginning: true });
    const expected = BEFORE - 2 + 1;
    expect(repair).toMatchObject({
      type: 'replay',
      status: 'completed',
      datasets: ['things'],
      marked: expected,
    });
    const events = await until(() => {
      const replayed = eventsOf(one).filter(({ replay }) => replay === true);
      return replayed.length >= expected ? replayed : undefined;
    });
    expect(new Set(events.map(({ subject }) => subject))).toEqual(
      new Set([...Array.from({ length: BEFORE - 2 }, (_, index) => `replay/${index + 2}`), 'replay/new']),
    );
    expect(events).toHaveLength(expected);
    expect(new Set([...events, ...told].map(({ id }) => id)).size).toBe(expected + told.length);
    for (const { type, data } of events) {
      expect(type).toBe('headwater.things.upserted');
      expect(data).toMatchObject({ note: 'replay' });
    }
    const after = await inStatus(one, 'delivered', expected);
    const known = new Set(before.map(({ key }) => key));
    expect(counters(after.filter(({ key }) => known.has(key)))).toEqual(counters(before));
    for (const row of after.filter(({ key }) => !known.has(key))) {
      expect(row).toMatchObject({ deliveredVersions: 0, superseded: 0, deadLettered: 0, notOwed: 0 });
      expect(row['settledVersion']).toBe(row.version);
      expect(row.attempts).toEqual([expect.objectContaining({ replay: repair.id, status: 204 })]);
    }
    expect(await call('GET', `/api/subscriptions/${one.id}/repairs/${repair.id}`).then((r) => r.status)).toBe(
      200,
    );
  });

  test('and changes go on as before', async () => {
    await post('replay', [
      { path: 'replay/3', size: 1 },
      { path: 'replay/4', gone: true },
    ]);
    const [changed, deleted] = await until(() => {
      const last = (subject: string) =>
        eventsOf(one).find((event) => event.subject === subject && event.documentversion === 2);
      const found = [last('replay/3'), last('replay/4')];
      return found.every((event) => event !== undefined) ? found : undefined;
    });
    expect(changed?.type).toBe('headwater.things.upserted');
    expect(deleted?.type).toBe('headwater.things.deleted');
    expect(changed).not.toHaveProperty('replay');
    const rows = await inStatus(one, 'delivered', BEFORE - 1);
    expect(rows.find(({ key }) => key === 'replay/3')).toMatchObject({ deliveredVersions: 1, version: 2 });
  });

  test('since a time, of one data set, while paused: then they wait', async () => {
    await paused(one);
    // The store's time has whole seconds: nothing written before is in this one.
    await delay(1_001 - (Date.now() % 1_000));
    const since = new Date().toISOString();
    await post('replay', [{ path: 'replay/5', size: 7 }]);
    const told = eventsOf(one).length;
    const repair = await repaired(one, 'replay', { since, dataset: 'things' });
    expect(repair).toMatchObject({ status: 'completed', since, marked: 1 });
    const [waiting] = await until(async () => {
      const all = await deliveries(one, '?status=pending');
      // The feed may come after the replay.
      return all.some(({ version }) => version === 2) ? all : undefined;
    });
    const row = { key: 'replay/5', status: 'due', replay: repair.id, version: 2, deliveredVersions: 0 };
    expect(waiting).toMatchObject(row);
    await read(await call('POST', '/api/my/subscription/resume', undefined, bearer(one)));
    // The change that the feed brings, and the replay: two events, of which one counts.
    const events = await until(() =>
      eventsOf(one).length >= told + 2 ? eventsOf(one).slice(told) : undefined,
    );
    expect(
      events.map(({ subject, documentversion, replay }) => ({ subject, documentversion, replay })),
    ).toEqual([
      { subject: 'replay/5', documentversion: 2, replay: undefined },
      { subject: 'replay/5', documentversion: 2, replay: true },
    ]);
    const rows = await inStatus(one, 'delivered', BEFORE - 1);
    expect(rows.find(({ key }) => key === 'replay/5')).toMatchObject({ version: 2, deliveredVersions: 1 });
  });

  test('one at a time; each is known by its id until the next', async () => {
    const start = () => call('POST', `/api/subscriptions/${one.id}/replay`, { fromBeginning: true });
    const answered = await Promise.all(Array.from({ length: 8 }, start));
    const ids = new Set<unknown>();
    for (const response of answered.filter(({ status }) => status === 202))
      ids.add((await read<Repair>(response, 202)).id);
    const refused = answered.filter(({ status }) => status !== 202);
    expect(refused.length).toBeGreaterThan(0);
    for (const response of refused) {
      const { id, statusUrl, ...rest } = await problem(response);
      expect(rest).toMatchObject({ status: 409, code: 'repair-running' });
      expect(ids).toContain(id);
      expect(statusUrl).toBe(`${hw.cloud.url}/api/subscriptions/${one.id}/repairs/${String(id)}`);
    }
    for (const id of ['x', `replay-${'0'.repeat(32)}`, `recover-${'0'.repeat(32)}`]) {
      const response = await call('GET', `/api/subscriptions/${one.id}/repairs/${id}`);
      expect(await problem(response)).toMatchObject({ status: 404, code: 'unknown-repair' });
    }
  });

  test('not for a receiver that has not consented, nor without saying which', async () => {
    const response = await call('POST', '/api/subscriptions', {
      url: 'http://127.0.0.1:1/',
      datasets: ['things'],
    });
    const { id } = await read<{ id: string }>(response, 201);
    const body = { fromBeginning: true };
    expect(await problem(await call('POST', `/api/subscriptions/${id}/replay`, body))).toMatchObject({
      status: 409,
      code: 'consent-missing',
    });
    for (const wrong of [
      {},
      { since: '2026-01-01', fromBeginning: true },
      { fromBeginning: false },
      { fromBeginning: true, dataset: 'products' },
      { fromBeginning: true, datasets: ['things'] },
    ]) {
      const refused = await call('POST', `/api/subscriptions/${one.id}/replay`, wrong);
      expect(await problem(refused)).toMatchObject({ status: 400, code: 'invalid-parameter' });
    }
  });
});

test('a subscription that is resumed goes on where it stopped', async () => {
  const one = subscriber('pause');
  await post('pause', things('pause', 5));
  await inStatus(one, 'delivered', 5);
  await paused(one);
  const told = eventsOf(one).length;
  await post('pause', things('pause', 8, { size: 1 }));
  await inStatus(one, 'due', 8);
  expect(eventsOf(one)).toHaveLength(told);
  await read(await call('POST', '/api/my/subscription/resume', undefined, bearer(one)));
  const rows = await inStatus(one, 'delivered', 8);
  const events = eventsOf(one).slice(told);
  expect(events).toHaveLength(8);
  for (const { key, version, deliveredVersions, superseded } of rows) {
    const versions = Number(key.slice('pause/'.length)) < 5 ? 2 : 1;
    expect({ version, deliveredVersions, superseded }).toEqual({
      version: versions,
      deliveredVersions: versions,
      superseded: 0,
    });
    expect(events.filter(({ subject }) => subject === key)).toMatchObject([{ documentversion: versions }]);
  }
});
