import type { IncomingMessage } from 'node:http';
import { createWebhooks, type Webhooks } from '../../../src/clients/webhooks';
import { httpReceiver, post, type Receiver } from './receivers';

let webhooks: Webhooks;
let receiver: Receiver | undefined;

beforeEach(() => {
  webhooks = createWebhooks({ allowLocal: true, timeoutMs: 5_000 });
});

afterEach(async () => {
  webhooks.close();
  await receiver?.close();
  receiver = undefined;
});

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

describe('an answer', () => {
  test('is given with its status, headers and text', async () => {
    receiver = await httpReceiver((_, response) => {
      response.writeHead(418, { 'Retry-After': '7', 'Set-Cookie': ['a=1', 'b=2'], 'X-Name': 'x' });
      response.end('grüße\u0001');
    });
    expect(await webhooks.send(post(receiver.url))).toMatchObject({
      type: 'answered',
      status: 418,
      headers: { 'retry-after': '7', 'set-cookie': 'a=1, b=2', 'x-name': 'x' },
      body: 'grüße\u0001',
      durationMs: expect.any(Number) as number,
    });
  });

  test('is given to the request as it was made', async () => {
    const seen: unknown[] = [];
    receiver = await httpReceiver((request, response) => {
      void read(request).then((body) => {
        const { method, url, headers } = request;
        seen.push({ method, url, type: headers['content-type'], length: headers['content-length'], body });
        response.end();
      });
    });
    await webhooks.send(post(`${receiver.url}hooks/ä?a=b%20c`, '{"ü":1}'));
    await webhooks.send({ method: 'OPTIONS', url: receiver.url, headers: {} });
    expect(seen).toEqual([
      {
        method: 'POST',
        url: '/hooks/%C3%A4?a=b%20c',
        type: 'application/json',
        length: '8',
        body: '{"ü":1}',
      },
      { method: 'OPTIONS', url: '/', type: undefined, length: undefined, body: '' },
    ]);
  });

  test('leaves its connection to the next request', async () => {
    receiver = await httpReceiver((_, response) => response.end('ok'));
    for (let i = 0; i < 5; i++) await webhooks.send(post(receiver.url));
    expect(receiver.connections()).toBe(1);
  });

  test('that sends elsewhere is not followed', async () => {
    const elsewhere = await httpReceiver((_, response) => response.end());
    receiver = await httpReceiver((_, response) => {
      response.writeHead(307, { location: elsewhere.url }).end();
    });
    expect(await webhooks.send(post(receiver.url))).toMatchObject({ type: 'answered', status: 307 });
    expect(elsewhere.connections()).toBe(0);
    await elsewhere.close();
  });
});

test('a name that stands for nothing is not resolved', async () => {
  webhooks = createWebhooks({
    allowLocal: false,
    timeoutMs: 5_000,
    resolve: () => Promise.reject(new Error('queryA ENOTFOUND')),
  });
  expect(await webhooks.send(post('https://receiver.example/'))).toMatchObject({
    type: 'failed',
    code: 'name-not-resolved',
    message: 'The name receiver.example was not found: queryA ENOTFOUND.',
  });
});

test('a name is looked up once for all that wait for it, and again for a new connection', async () => {
  receiver = await httpReceiver((_, response) => response.end());
  let lookups = 0;
  const resolve = (): Promise<{ address: string; family: number }[]> => {
    lookups++;
    return Promise.resolve([{ address: '127.0.0.1', family: 4 }]);
  };
  const named = createWebhooks({ allowLocal: true, timeoutMs: 5_000, resolve });
  const url = `http://receiver.example:${receiver.port}/`;
  await Promise.all(Array.from({ length: 5 }, () => named.send(post(url))));
  expect([lookups, receiver.connections()]).toEqual([1, 5]);
  receiver.open.forEach((socket) => socket.destroy());
  await receiver.idle();
  expect(await named.send(post(url))).toMatchObject({ type: 'answered' });
  expect(lookups).toBe(2);
  named.close();
});

test('of several addresses the next is tried when one cannot be connected to', async () => {
  receiver = await httpReceiver((_, response) => response.end('here'));
  const resolve = (): Promise<{ address: string; family: number }[]> =>
    Promise.resolve(['127.0.0.2', '127.0.0.1'].map((address) => ({ address, family: 4 })));
  const named = createWebhooks({ allowLocal: true, timeoutMs: 5_000, resolve });
  expect(await named.send(post(`http://receiver.example:${receiver.port}/`))).toMatchObject({ body: 'here' });
  named.close();
});

test('a port on which nobody listens is a failed connection', async () => {
  receiver = await httpReceiver(() => {});
  await receiver.close();
  expect(await webhooks.send(post(receiver.url))).toMatchObject({
    type: 'failed',
    code: 'connection-failed',
  });
});

test('headers that HTTP cannot carry fail the request', async () => {
  receiver = await httpReceiver((_, response) => response.end());
  const request = { ...post(receiver.url), headers: { 'x-name': 'a\r\nb: c' } };
  expect(await webhooks.send(request)).toMatchObject({ type: 'failed', code: 'connection-failed' });
  expect(receiver.connections()).toBe(0);
});
