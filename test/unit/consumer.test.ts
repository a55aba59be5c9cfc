import * as fc from 'fast-check';
import { confirmEventOf, EVENT_CONTENT_TYPE, eventOf, testEventOf } from '../../src/domain/egress/event';
import type { EventKind } from '../../src/domain/egress/row';
import { newSecret, sign } from '../../src/domain/egress/signature';
import { Consumer, type ConsumerOptions } from '../../tools/lib/consumer';
import { line, summary } from '../../tools/lib/consumer-lines';
import { readEvent, type ChangeEvent } from '../../tools/lib/events';
import { Holdings } from '../../tools/lib/holdings';

const PARTIES = { source: 'urn:headwater', subscription: '0123456789abcdef0123456789abcdef' };
const SECRET = newSecret(Buffer.alloc(32, 7));

const consumers: Consumer[] = [];
afterEach(async () => {
  for (const consumer of consumers.splice(0)) await consumer.close();
});

async function consumer(options: ConsumerOptions = {}): Promise<Consumer> {
  const started = await new Consumer(options).start();
  consumers.push(started);
  return started;
}

/** An event as the app makes it. */
function event(key: string, version: number, kind: EventKind = 'upserted'): { id: string; body: string } {
  const stamp = { eventTime: 0, receivedAt: 0, batchId: 'b1', index: 0 };
  const document = {
    id: key,
    pk: 'products:1',
    data: { productId: key, price: version },
    _hw: {
      key,
      version,
      deleted: kind === 'deleted',
      hash: '',
      maker: { batchId: 'b1', index: 0, schemaVersion: '1' },
      newest: stamp,
    },
    _ts: 0,
  };
  return eventOf({ ...PARTIES, document, kind });
}

function send(
  to: Consumer,
  { id, body }: { id: string; body: string },
  { secret = SECRET, at = Date.now() }: { secret?: string; at?: number } = {},
): Promise<Response> {
  const headers = { 'content-type': EVENT_CONTENT_TYPE, ...sign([secret], id, Math.floor(at / 1000), body) };
  return fetch(to.url, { method: 'POST', headers, body });
}

describe('a consumer', () => {
  test('holds what it is told, the newest version of each document', async () => {
    const one = await consumer({ secret: SECRET });
    for (const told of [event('a', 1), event('b', 1), event('a', 3), event('b', 2, 'deleted')])
      expect((await send(one, told)).status).toBe(204);
    expect(one.holdings.documents()).toEqual([
      {
        subscription: PARTIES.subscription,
        dataset: 'products',
        subject: 'a',
        version: 3,
        kind: 'upserted',
        data: { productId: 'a', price: 3 },
      },
    ]);
    expect(one.stats).toMatchObject({ received: 4, accepted: 4, refused: 0, duplicates: 0, outOfOrder: 0 });
  });

  test('drops what came twice, and what is older than what it holds', async () => {
    const one = await consumer();
    for (const told of [event('a', 2), event('a', 2), event('a', 1), event('a', 1)])
      expect((await send(one, told)).status).toBe(204);
    expect(one.log.map(({ verdict }) => verdict)).toEqual(['taken', 'duplicate', 'older', 'duplicate']);
    expect(one.holdings.documents()).toMatchObject([{ version: 2 }]);
    expect(one.stats).toMatchObject({ received: 4, duplicates: 2, outOfOrder: 2 });
  });

  test('refuses a share of the changes, the same for the same seed, and takes them when they come again', async () => {
    const answers = async (seed: number): Promise<number[]> => {
      const one = await consumer({ fail: 0.4, seed });
      const statuses: number[] = [];
      for (let at = 0; at < 100; at++) statuses.push((await send(one, event(`k${at}`, 1))).status);
      expect(one.stats.refused).toBe(statuses.filter((status) => status === 400).length);
      expect(one.holdings.documents()).toHaveLength(one.stats.accepted);
      return statuses;
    };
    const [first, again, other] = [await answers(3), await answers(3), await answers(4)];
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
    expect(new Set(first)).toEqual(new Set([204, 400]));

    let refuse = true;
    const one = await consumer({ answer: () => (refuse ? { status: 503 } : undefined) });
    expect((await send(one, event('a', 1))).status).toBe(503);
    expect(one.holdings.documents()).toEqual([]);
    refuse = false;
    await send(one, event('a', 1));
    expect(one.log).toMatchObject([
      { attempt: 1, verdict: 'refused', answered: 503 },
      { attempt: 2, verdict: 'taken', answered: 204 },
    ]);
    expect(one.stats).toMatchObject({ duplicates: 0, outOfOrder: 0 });
  });

  test('a later version that was refused makes an earlier one that comes after it out of order', async () => {
    const one = await consumer({
      answer: ({ event }) => (event.version === 2 ? { status: 400 } : undefined),
    });
    await send(one, event('a', 2));
    await send(one, event('a', 1));
    expect(one.stats.outOfOrder).toBe(1);
  });

  test('answers what it is told to, or not at all', async () => {
    const one = await consumer({
      answer: ({ event: { subject } }) =>
        subject === 'hang' ? 'hang' : { status: 429, headers: { 'Retry-After': '7' } },
    });
    const throttled = await send(one, event('a', 1));
    expect([throttled.status, throttled.headers.get('retry-after')]).toEqual([429, '7']);
    const hanging = send(one, event('hang', 1)).catch(() => 'broken');
    await one.until(() => one.log.length === 2);
    expect(one.log[1]).toMatchObject({ subject: 'hang', verdict: 'hanging', answered: undefined });
    await consumers.pop()?.close();
    expect(await hanging).toBe('broken');
  });

  test.each([
    ['another secret', { secret: newSecret(Buffer.alloc(32, 8)) }],
    ['an old timestamp', { at: Date.now() - 10 * 60_000 }],
  ])('refuses a signature with %s', async (_, how) => {
    const one = await consumer({ secret: SECRET });
    expect((await send(one, event('a', 1), how)).status).toBe(401);
    expect(one.stats).toMatchObject({ received: 0, badSignatures: 1 });
    expect(one.holdings.all()).toEqual([]);
  });

  test('without a secret it takes any', async () => {
    const one = await consumer();
    expect((await fetch(one.url, { method: 'POST', body: event('a', 1).body })).status).toBe(204);
  });

  test('takes part in the handshake', async () => {
    const one = await consumer();
    const headers = { 'WebHook-Request-Origin': 'events.example.com', 'WebHook-Request-Rate': '60' };
    const answer = await fetch(one.url, { method: 'OPTIONS', headers });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('webhook-allowed-origin')).toBe('events.example.com');
    expect(answer.headers.get('webhook-allowed-rate')).toBe('*');
    expect((await fetch(one.url, { method: 'OPTIONS' })).headers.get('webhook-allowed-origin')).toBeNull();
  });

  test('sends a confirmation token back, and takes other notices', async () => {
    const one = await consumer({ secret: SECRET, fail: 1 });
    const at = new Date().toISOString();
    const confirmed = await send(one, confirmEventOf({ ...PARTIES, token: 'the token', at }));
    expect(await confirmed.json()).toEqual({ token: 'the token' });
    expect((await send(one, testEventOf({ ...PARTIES, id: 't', at }))).status).toBe(200);
    expect(one.stats).toMatchObject({ notices: 2, received: 0 });
  });

  test('refuses what is no event, whatever it is', async () => {
    const one = await consumer();
    const valid = JSON.parse(event('a', 1).body) as Record<string, unknown>;
    const changed = (changes: object): string => JSON.stringify({ ...valid, ...changes });
    const bodies = [
      '',
      '[]',
      'null',
      '{',
      changed({ specversion: '2.0' }),
      changed({ id: 1 }),
      changed({ subject: '' }),
      changed({ type: 'headwater.products.renamed' }),
      changed({ documentversion: 0 }),
      changed({ documentversion: '1' }),
    ];
    for (const body of bodies) expect((await fetch(one.url, { method: 'POST', body })).status).toBe(400);
    expect(one.stats).toMatchObject({ malformed: bodies.length, received: 0 });
    expect((await fetch(one.url)).status).toBe(405);
    const long = await fetch(one.url, { method: 'POST', body: Buffer.alloc(13 * 1024 * 1024) }).then(
      ({ status }) => status,
      () => 'broken',
    );
    expect([413, 'broken']).toContain(long);
    expect((await send(one, event('a', 1))).status).toBe(204);
  });
});

describe('what a consumer holds', () => {
  const change = (subject: string, version: number): ChangeEvent =>
    readEvent(event(subject, version).body) as ChangeEvent;

  test('is the newest version of each document, in whatever order and however often events come', () => {
    const events = fc.array(
      fc.record({ subject: fc.constantFrom('a', 'b', 'c'), version: fc.integer({ min: 1, max: 6 }) }),
    );
    fc.assert(
      fc.property(events, (all) => {
        const holdings = new Holdings();
        const expected = new Map<string, number>();
        let outOfOrder = 0;
        for (const { subject, version } of all) {
          const isOlder = version < (expected.get(subject) ?? 0);
          if (holdings.arrive(change(subject, version)).outOfOrder) outOfOrder++;
          if (isOlder) outOfOrder--;
          holdings.take(change(subject, version));
          expected.set(subject, Math.max(version, expected.get(subject) ?? 0));
        }
        expect(outOfOrder).toBe(0);
        expect(new Map(holdings.all().map(({ subject, version }) => [subject, version]))).toEqual(expected);
      }),
    );
  });

  test('a document that is gone stays gone for older versions', () => {
    const holdings = new Holdings();
    holdings.take(readEvent(event('a', 2, 'removed').body) as ChangeEvent);
    expect(holdings.take(change('a', 1))).toBe('older');
    expect(holdings.documents()).toEqual([]);
    expect(holdings.take(change('a', 3))).toBe('taken');
    expect(holdings.documents()).toHaveLength(1);
  });

  test('the oldest ids are forgotten, not the latest', () => {
    const holdings = new Holdings(2);
    const [a, b, c] = ['a', 'b', 'c'].map((subject) => change(subject, 1)) as [
      ChangeEvent,
      ChangeEvent,
      ChangeEvent,
    ];
    for (const one of [a, b, a, c]) {
      holdings.arrive(one);
      holdings.take(one);
    }
    expect(holdings.take(a)).toBe('duplicate');
    expect(holdings.arrive(c).attempt).toBe(2);
    expect(holdings.arrive(b).attempt).toBe(1);
  });
});

describe('lines', () => {
  const entry = {
    at: Date.parse('2026-01-05T06:07:08.009Z'),
    id: 'i',
    subscription: PARTIES.subscription,
    dataset: 'products',
    subject: 'P-1',
    version: 2,
    kind: 'upserted',
    batchId: 'b1',
    attempt: 1,
    answered: 204,
    verdict: 'taken',
  } as const;

  test('say when, what, which version of what, and what was answered', () => {
    expect(line(entry)).toBe('06:07:08.009  upserted  products/P-1  v2  batch b1  204 taken');
    expect(line({ ...entry, attempt: 3, answered: 400, verdict: 'refused' })).toMatch(
      / attempt 3 {2}400 refused$/,
    );
    expect(line({ ...entry, answered: undefined, verdict: 'hanging' })).toMatch(/ hanging$/);
  });

  test('hold no control characters of strangers', () => {
    expect(line({ ...entry, subject: 'a\u001b[2J\r\nb\u202e' })).toContain(
      'products/a\\u001b[2J\\u000d\\u000ab\\u202e ',
    );
  });

  test('the summary has every count', async () => {
    const one = await consumer();
    await send(one, event('a', 1));
    expect(summary(one)).toContain('documents held         1');
  });
});
