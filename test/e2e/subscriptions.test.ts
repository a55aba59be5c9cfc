import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CosmosClient } from '@azure/cosmos';
import { Webhook } from 'standardwebhooks';
import { headwater, type Headwater } from '../support/headwater';

interface Received {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  body: string;
}

interface Created {
  id: string;
  status: string;
  secret: string;
  token: string;
  [member: string]: unknown;
}

let hw: Headwater;
let server: Server;
let base: string;
/** Created together: each creation waits until a second has passed. */
let one: Created;
let other: Created;
let changing: Created;
let leaving: Created;
let byConsent: Record<string, Created>;
const received: Received[] = [];
const at = (path: string): Received[] => received.filter((one) => one.path === path);

interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: string;
}

/** Receivers by their path: each consents in another way, or does not. */
const receivers: Record<string, (request: Received) => Answer> = {
  '/handshake': ({ method, headers }) => ({
    status: method === 'OPTIONS' ? 200 : 204,
    headers: {
      'WebHook-Allowed-Origin': String(headers['webhook-request-origin']),
      'WebHook-Allowed-Rate': '120',
    },
  }),
  '/any': () => ({ status: 200, headers: { 'WebHook-Allowed-Origin': '*', 'WebHook-Allowed-Rate': '*' } }),
  '/text': ({ method, body }) =>
    method === 'POST' ? { status: 200, body: ` ${tokenIn(body)}\n` } : { status: 405 },
  '/json': ({ method, body }) =>
    method === 'POST' ? { status: 200, body: JSON.stringify({ answer: tokenIn(body) }) } : { status: 404 },
  '/other-origin': ({ method }) => ({
    status: method === 'OPTIONS' ? 200 : 500,
    headers: { 'WebHook-Allowed-Origin': 'elsewhere.example' },
    body: `no thanks\u0000 ${'x'.repeat(500)}`,
  }),
  '/silent': () => ({ status: 200 }),
  '/echo': ({ body }) => ({ status: 200, body }),
};

const tokenIn = (body: string): string => (JSON.parse(body) as { data: { token: string } }).data.token;

beforeAll(async () => {
  hw = await headwater({ settings: { HEADWATER_MAX_SUBSCRIPTIONS: '30' } });
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const one = { method, path: url, headers, body };
      received.push(one);
      const answer = receivers[url]?.(one) ?? { status: 404 };
      response.writeHead(answer.status, answer.headers).end(answer.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const changed = { filter: { size: 1, path: 'x' }, rateLimit: 5 };
  const created = [subscribe('/any'), subscribe('/any'), subscribe('/any', changed), subscribe('/any')];
  const consenting = ['/any', '/text', '/json'].map(async (path) => [path, await subscribe(path)] as const);
  [one, other, changing, leaving] = (await Promise.all(created)) as [Created, Created, Created, Created];
  byConsent = Object.fromEntries(await Promise.all(consenting));
});
afterAll(async () => {
  await hw?.dispose();
  server?.closeAllConnections();
  server?.close();
});

const send = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
  hw.api.request(`/api${path}`, {
    method,
    headers: { ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers },
    body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
  });
const bearer = (token: string): Record<string, string> => ({
  Authorization: `Bearer ${token}`,
  'x-functions-key': 'none',
});
const read = async (response: Response): Promise<Created> => {
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status}: ${text}`);
  return JSON.parse(text) as Created;
};
const problem = async (response: Response): Promise<Record<string, unknown>> => {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  return { status: response.status, ...((await response.json()) as object) };
};
const subscribe = async (path: string, settings: object = {}): Promise<Created> =>
  read(await send('POST', '/subscriptions', { url: base + path, datasets: ['things'], ...settings }));

async function stored(id: string): Promise<Record<string, unknown>> {
  const client = new CosmosClient(String(hw.cloud.settings['Cosmos']));
  const { resource } = await client.database('headwater').container('subscriptions').item(id, id).read();
  return resource as Record<string, unknown>;
}

describe('a receiver consents', () => {
  test('by the handshake, which tells the rate that it allows', async () => {
    const before = Date.now();
    const response = await send('POST', '/subscriptions', {
      url: `${base}/handshake`,
      datasets: ['things', 'products', 'things'],
      filter: { size: { $gte: 5 } },
      description: 'Larger things',
      rateLimit: 10,
    });
    const created = await read(response);
    expect(response.status).toBe(201);
    expect(response.headers.get('location')).toBe(`${hw.cloud.url}/api/subscriptions/${created.id}`);
    expect(response.headers.get('cache-control')).toBe('no-store');
    const [options] = at('/handshake');
    expect(options?.method).toBe('OPTIONS');
    expect(options?.headers).toMatchObject({
      'webhook-request-origin': new URL(hw.cloud.url).host,
      'webhook-request-rate': '600',
    });
    expect(created).toMatchObject({
      status: 'active',
      datasets: ['things', 'products'],
      filter: { size: { $gte: 5 } },
      maxInFlight: 16,
      revision: 1,
      consent: { method: 'handshake', allowedRate: 120 },
    });
    expect(created['reason']).toBeUndefined();
    // The answer waits until the second from which on changes are owed has passed.
    const owedSince = Date.parse(String(created['owedSince']));
    expect(owedSince).toBeGreaterThanOrEqual(Math.floor(before / 1000) * 1000);
    expect(Math.floor(Date.now() / 1000) * 1000).toBeGreaterThan(owedSince);
    const document = await stored(created.id);
    expect(document).toMatchObject({
      terms: [{ from: owedSince / 1000, datasets: ['things', 'products'], filter: { size: { $gte: 5 } } }],
    });
    expect(document).not.toHaveProperty('termDue');
    expect(document).not.toHaveProperty('confirmationHash');
  });

  test.each([
    ['/any', 'handshake'],
    ['/text', 'ping'],
    ['/json', 'ping'],
  ])('%s: by %s', (path, method) => {
    const { id, status, consent, secret } = byConsent[path] as Created;
    expect({ status, consent }).toMatchObject({ status: 'active', consent: { method } });
    if (method !== 'ping') return;
    const ping = at(path).at(-1) as Received;
    const event = new Webhook(secret).verify(ping.body, ping.headers as Record<string, string>);
    expect(event).toMatchObject({ type: 'headwater.subscription.confirm', subscription: id });
  });

  test.each(['/other-origin', '/silent', '/echo', '/nowhere'])('%s: not yet, and why', async (path) => {
    const { status, reason, consent, id } = await subscribe(path);
    expect(status).toBe('pending');
    expect(consent).toBeUndefined();
    expect(reason).toContain('OPTIONS');
    expect(reason).toContain('ping');
    expect(reason).toContain(`/subscriptions/${id}/confirm`);
    expect(reason).not.toContain(tokenIn(String(at(path).at(-1)?.body)));
    expect(String(reason).length).toBeLessThan(1000);
    expect(await stored(id)).toMatchObject({ terms: [] });
  });

  test('by the token of the ping, sent to us without a key; it confirms once', async () => {
    const { id } = await subscribe('/silent');
    const confirm = (token: unknown, of = id) =>
      send('POST', `/subscriptions/${of}/confirm`, { token }, bearer(''));
    const token = tokenIn(String(at('/silent').at(-1)?.body));
    for (const wrong of [await confirm(`${token}x`), await confirm(5), await confirm(token, '0'.repeat(32))])
      expect(await problem(wrong)).toMatchObject({ status: 403, code: 'invalid-confirmation' });
    const confirmed = await confirm(token);
    expect(await read(confirmed)).toEqual({ id, status: 'active' });
    expect(await read(await send('GET', `/subscriptions/${id}`))).toMatchObject({
      status: 'active',
      consent: { method: 'confirmation' },
    });
    expect(await problem(await confirm(token))).toMatchObject({ code: 'invalid-confirmation' });
  });

  test('when it is asked again', async () => {
    receivers['/late'] = () => ({ status: 503 });
    const { id, token, status } = await subscribe('/late');
    expect(status).toBe('pending');
    for (const operation of ['test', 'pause']) {
      const response = await send('POST', `/my/subscription/${operation}`, undefined, bearer(token));
      expect(await problem(response)).toMatchObject({ status: 409, code: 'consent-missing' });
    }
    const first = tokenIn(String(at('/late').at(-1)?.body));
    receivers['/late'] = receivers['/any'] as (request: Received) => Answer;
    expect(await read(await send('POST', '/my/subscription/resume', undefined, bearer(token)))).toMatchObject(
      {
        status: 'active',
        consent: { method: 'handshake' },
      },
    );
    const outdated = await send('POST', `/subscriptions/${id}/confirm`, { token: first });
    expect(await problem(outdated)).toMatchObject({ code: 'invalid-confirmation' });
  });
});

describe('secrets and tokens', () => {
  test('are told once, and not stored in clear', async () => {
    expect(one.secret).toMatch(/^whsec_/);
    expect(one.token).toMatch(new RegExp(`^hws_${one.id}_[A-Za-z0-9_-]{43}$`));
    const text = JSON.stringify(await stored(one.id));
    const shown = await (await send('GET', `/subscriptions/${one.id}`)).text();
    const listed = await (await send('GET', '/subscriptions')).text();
    for (const place of [text, shown, listed]) {
      expect(place).toContain(one.id);
      expect(place).not.toContain(one.secret.slice('whsec_'.length));
      expect(place).not.toContain(one.token.slice(-43));
    }
    for (const place of [shown, listed]) {
      expect(place).not.toMatch(/hash|sealed|ciphertext/i);
    }
  });

  const routes = [
    ['GET', ''],
    ['PATCH', ''],
    ['DELETE', ''],
    ['POST', '/test'],
    ['POST', '/rotate-secret'],
    ['POST', '/pause'],
    ['POST', '/resume'],
  ] as const;

  test.each(routes)('%s /my/subscription%s opens with no token but a right one', async (method, path) => {
    const last = one.token.at(-1) === 'A' ? 'B' : 'A';
    const wrong = [
      '',
      'x',
      one.id,
      one.token.slice(0, -1) + last,
      one.token.replace(one.id, other.id),
      one.token.replace(one.id, '0'.repeat(32)),
      `${one.token}x`,
    ];
    const attempts = [...wrong.map(bearer), {}, { Authorization: `Basic ${one.token}` }];
    const answers = await Promise.all(
      attempts.map(async (headers) => {
        const response = await send(method, `/my/subscription${path}`, undefined, headers);
        expect(response.headers.get('www-authenticate')).toBe('Bearer');
        return problem(response);
      }),
    );
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(answers[0]).toMatchObject({ status: 401, code: 'invalid-token' });
  });

  test('the token opens its own subscription, and no route of operators', async () => {
    expect(await read(await send('GET', '/my/subscription', undefined, bearer(one.token)))).toMatchObject({
      id: one.id,
    });
    for (const path of ['/subscriptions', `/subscriptions/${one.id}`])
      expect((await send('GET', path, undefined, bearer(one.token))).status).toBe(401);
  });

  test('a rotated secret signs beside the one before, until the overlap ends', async () => {
    const path = `/subscriptions/${one.id}`;
    const signatures = async (): Promise<{ sent: Received; count: number }> => {
      expect(await read(await send('POST', `${path}/test`))).toMatchObject({ succeeded: true, status: 200 });
      const sent = at('/any').at(-1) as Received;
      return { sent, count: String(sent.headers['webhook-signature']).split(' ').length };
    };
    const verify = ({ body, headers }: Received, secret: string): unknown =>
      new Webhook(secret).verify(body, headers as Record<string, string>);
    const rotated = await send('POST', `${path}/rotate-secret`);
    expect(rotated.headers.get('cache-control')).toBe('no-store');
    const { secret, secrets } = await read(rotated);
    expect(secrets).toHaveLength(2);
    const both = await signatures();
    expect(both.count).toBe(2);
    expect(verify(both.sent, secret)).toEqual(verify(both.sent, one.secret));
    expect(verify(both.sent, secret)).toMatchObject({ type: 'headwater.subscription.test' });
    const next = await read(await send('POST', `${path}/rotate-secret`, { overlapSeconds: 60 }));
    const { sent, count } = await signatures();
    expect(count).toBe(2);
    verify(sent, next.secret);
    expect(() => verify(sent, one.secret)).toThrow();
    const own = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;
    await read(await send('POST', `${path}/rotate-secret`, { overlapSeconds: 0, secret: own }));
    const alone = await signatures();
    expect(alone.count).toBe(1);
    verify(alone.sent, own);
    const refused = await send('POST', `${path}/rotate-secret`, {
      overlapSeconds: 604_801,
      secret: 'x',
      more: 1,
    });
    expect(await problem(refused)).toMatchObject({
      code: 'invalid-subscription',
      errors: [{ pointer: '/more' }, { pointer: '/overlapSeconds' }, { pointer: '/secret' }],
    });
  });
});

describe('a change', () => {
  let token: string;
  let id: string;
  beforeAll(() => {
    ({ id, token } = changing);
  });
  const patch = (body: unknown, headers: Record<string, string> = {}) =>
    send('PATCH', '/my/subscription', body, { ...bearer(token), ...headers });

  test('is a merge patch; what is asked for makes a new term and a new revision', async () => {
    const type = { 'Content-Type': 'application/merge-patch+json' };
    const changed = await read(
      await patch({ filter: { path: null, size: { $gt: 3 } }, rateLimit: null, maxInFlight: 3 }, type),
    );
    expect(changed).toMatchObject({
      filter: { size: { $gt: 3 } },
      maxInFlight: 3,
      revision: 2,
      status: 'active',
    });
    expect(changed).not.toHaveProperty('rateLimit');
    expect(await stored(id)).toMatchObject({
      terms: [{ filter: { size: 1, path: 'x' } }, { filter: { size: { $gt: 3 } } }],
    });
    const described = await read(await patch({ description: 'Only words', maxInFlight: null }));
    expect(described).toMatchObject({ description: 'Only words', maxInFlight: 16, revision: 2 });
    expect(await read(await patch({ filter: null }))).not.toHaveProperty('filter');
    const { terms } = (await stored(id)) as { terms: { from: number; filter?: object }[] };
    expect(terms.map(({ filter }) => filter !== undefined)).toEqual([true, true, false]);
    expect(terms.map(({ from }) => from)).toEqual(terms.map(({ from }) => from).toSorted((a, b) => a - b));
  });

  test('names every fault at once', async () => {
    const response = await patch({
      url: null,
      datasets: ['things', 'nothing'],
      filter: { a: { $regex: 'x' } },
      maxInFlight: 101,
      rateLimit: 0,
      description: 5,
      alertUrl: 'ftp://x',
      status: 'active',
      secret: 'x',
    });
    const { errors, ...rest } = await problem(response);
    expect(rest).toMatchObject({ status: 400, code: 'invalid-subscription' });
    expect((errors as { pointer: string }[]).map(({ pointer }) => pointer)).toEqual(
      expect.arrayContaining([
        '/url',
        '/datasets/1',
        '/filter/a/$regex',
        '/maxInFlight',
        '/rateLimit',
        '/description',
        '/alertUrl',
        '/status',
        '/secret',
      ]),
    );
    expect(await problem(await patch({ filter: { a: { $regex: 'x' } } }))).toMatchObject({
      code: 'invalid-filter',
      errors: [{ pointer: '/filter/a/$regex' }],
      allowed: expect.arrayContaining(['$eq', '$startsWith']),
    });
  });

  test('can be bound to a state', async () => {
    const response = await send('GET', '/my/subscription', undefined, bearer(token));
    const etag = String(response.headers.get('etag'));
    const first = await patch({ description: 'first' }, { 'If-Match': etag });
    expect(first.status).toBe(200);
    const second = await patch({ description: 'second' }, { 'If-Match': etag });
    expect(await problem(second)).toMatchObject({ status: 412, code: 'subscription-changed' });
    expect(second.headers.get('etag')).toBe(first.headers.get('etag'));
    const removal = await send('DELETE', `/subscriptions/${id}`, undefined, { 'If-Match': etag });
    expect(removal.status).toBe(412);
  });

  test('of several at once, each is applied', async () => {
    const changes = [
      { description: 'many' },
      { maxInFlight: 7 },
      { rateLimit: 70 },
      { filter: { size: 70 } },
    ];
    const answers = await Promise.all(changes.map((change) => patch(change)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const now = await send('GET', '/my/subscription', undefined, bearer(token));
    expect(await read(now)).toMatchObject(Object.assign({}, ...changes) as object);
  });

  test('of the address asks for consent again; terms stay', async () => {
    const before = await stored(id);
    const moved = await read(await patch({ url: `${base}/silent` }));
    expect(moved).toMatchObject({ status: 'pending', url: `${base}/silent` });
    expect(moved['consent']).toBeUndefined();
    expect((await stored(id))['terms']).toEqual(before['terms']);
    const confirmation = tokenIn(String(at('/silent').at(-1)?.body));
    await read(await send('POST', `/subscriptions/${id}/confirm`, { token: confirmation }));
    expect(await stored(id)).toMatchObject({ status: 'active', terms: before['terms'] });
    expect(await read(await patch({ url: `${base}/json` }))).toMatchObject({
      status: 'active',
      consent: { method: 'ping' },
    });
  });

  test('to paused and back leaves the terms alone', async () => {
    const { terms } = await stored(id);
    const post = async (operation: string) =>
      read(await send('POST', `/my/subscription/${operation}`, undefined, bearer(token)));
    expect((await post('pause')).status).toBe('paused');
    expect((await post('pause')).status).toBe('paused');
    expect((await post('resume')).status).toBe('active');
    expect((await post('resume')).status).toBe('active');
    expect((await stored(id))['terms']).toEqual(terms);
  });
});

test('a deleted subscription is gone for all, and waits for its removal', async () => {
  const { id, token } = leaving;
  const response = await send('DELETE', '/my/subscription', undefined, bearer(token));
  expect(response.status).toBe(202);
  expect(await response.json()).toEqual({ id, status: 'deleted' });
  expect(await stored(id)).toMatchObject({ status: 'deleted' });
  expect((await send('GET', '/my/subscription', undefined, bearer(token))).status).toBe(401);
  const gone = await send('GET', `/subscriptions/${id}`);
  expect(await problem(gone)).toMatchObject({ status: 404, code: 'unknown-subscription' });
  expect((await send('GET', '/subscriptions/x')).status).toBe(404);
});

test('operators list subscriptions in pages, by status and data set', async () => {
  const ids = async (query: string): Promise<string[]> => {
    const list: string[] = [];
    let next: string | undefined = `/api/subscriptions${query}`;
    while (next !== undefined) {
      const page: { value: Created[]; nextLink?: string } = await hw.api.get(next);
      list.push(...page.value.map(({ id }) => id));
      next = page.nextLink;
    }
    return list;
  };
  const { id } = await subscribe('/silent', { datasets: ['products'] });
  const all = await ids('?maxpagesize=2');
  expect(all).toContain(id);
  expect(all).toEqual(await ids(''));
  expect(new Set(all).size).toBe(all.length);
  expect(await ids('?status=pending')).toContain(id);
  expect(await ids('?status=active')).not.toContain(id);
  expect(await ids('?dataset=products&status=pending&maxpagesize=1')).toContain(id);
  expect(await ids('?dataset=things')).not.toContain(id);
  for (const query of ['?status=deleted', '?maxpagesize=0', '?continuationToken=x'])
    expect((await send('GET', `/subscriptions${query}`)).status).toBe(400);
});

describe('hostile bodies', () => {
  const post = (body: string, type = 'application/json') =>
    send('POST', '/subscriptions', body, { 'Content-Type': type });

  test.each([
    ['', 'malformed-body'],
    ['{', 'malformed-body'],
    ['[]', 'malformed-body'],
    ['null', 'malformed-body'],
    ['{"rateLimit": 1e999}', 'malformed-body'],
    [`{"filter": ${'['.repeat(10_000)}${']'.repeat(10_000)}}`, 'malformed-body'],
    [`{"description": "${'x'.repeat(32 * 1024)}"}`, 'body-too-large'],
    ['{"__proto__": {"url": "http://127.0.0.1/"}, "constructor": 1}', 'invalid-subscription'],
    ['{"url": "http://127.0.0.1:1/", "datasets": ["__proto__"]}', 'invalid-subscription'],
    ['{"url": "http://127.0.0.1:1/", "datasets": ["things"], "filter": {"__proto__": 1}}', 'invalid-filter'],
    ['{"url": "javascript:alert(1)", "datasets": ["things"]}', 'invalid-subscription'],
    [`{"url": "http://x/${'x'.repeat(2048)}", "datasets": ["things"]}`, 'invalid-subscription'],
    ['{"url": ["http://127.0.0.1:1/"], "datasets": {"0": "things"}}', 'invalid-subscription'],
    ['{"url": "http://127.0.0.1:1/", "datasets": ["things"], "secret": "password"}', 'invalid-subscription'],
    ['{"url": "http://127.0.0.1:1/", "datasets": ["things"], "tokenHash": "x"}', 'invalid-subscription'],
    [
      '{"url": "http://127.0.0.1:1/", "datasets": ["things"], "description": "\\ud800"}',
      'invalid-subscription',
    ],
  ])('%#', async (body, code) => {
    expect(await problem(await post(body))).toMatchObject({ code });
  });

  test('of another content type', async () => {
    for (const type of ['text/plain', 'application/merge-patch+json', ''])
      expect(await problem(await post('{}', type))).toMatchObject({ code: 'unsupported-media-type' });
  });
});

test('there is a limit of subscriptions', async () => {
  const codes = new Set<number>();
  for (let number = 0; number < 40 && !codes.has(409); number++) {
    const response = await send('POST', '/subscriptions', {
      url: 'http://127.0.0.1:1/',
      datasets: ['things'],
    });
    codes.add(response.status);
    if (response.status === 409)
      expect(await problem(response)).toMatchObject({ code: 'too-many-subscriptions', limit: 30 });
  }
  expect(codes).toEqual(new Set([201, 409]));
});
