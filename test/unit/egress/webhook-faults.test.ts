import type { Socket } from 'node:net';
import { MAX_ANSWER_BYTES } from '../../../src/clients/webhookExchange';
import { createWebhooks, type Webhooks } from '../../../src/clients/webhooks';
import type { WebhookOutcome } from '../../../src/domain/egress/delivery';
import { selfSigned } from './certificates';
import { afterHead, httpReceiver, httpsReceiver, post, rawReceiver, type Receiver } from './receivers';

/** Time for a request whose end is awaited, ms. */
const SHORT_MS = 150;

let webhooks: Webhooks;
let receivers: Receiver[] = [];

beforeEach(() => {
  webhooks = createWebhooks({ allowLocal: true, timeoutMs: 5_000 });
});

afterEach(async () => {
  webhooks.close();
  await Promise.all(receivers.splice(0).map((receiver) => receiver.close()));
});

async function started(receiver: Promise<Receiver>): Promise<Receiver> {
  receivers.push(await receiver);
  return receiver;
}

/** Sends to a receiver that does this after a request's head, and checks that no connection is left. */
async function sendTo(
  handle: (socket: Socket) => void,
  { body = '{}', timeoutMs }: { body?: string; timeoutMs?: number } = {},
): Promise<WebhookOutcome> {
  const receiver = await started(afterHead(handle));
  const outcome = await webhooks.send(post(receiver.url, body), timeoutMs === undefined ? {} : { timeoutMs });
  expect(outcome.durationMs).toBeGreaterThanOrEqual(0);
  return outcome;
}

/** Calls `write` until the connection is closed. */
function drip(socket: Socket, write: () => void): void {
  const timer = setInterval(write, 10);
  socket.once('close', () => clearInterval(timer));
}

/** Writes as fast as the other side reads. */
function flood(socket: Socket, chunk: string): void {
  const more = (): void => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on('drain', more);
  more();
}

describe('a receiver that takes its time', () => {
  const timedOut = { type: 'failed', code: 'timed-out' };
  const SLOW: Record<string, (socket: Socket) => void> = {
    'never answers': () => {},
    'drips its header': (socket) => {
      socket.write('HTTP/1.1 200 OK\r\nX-A: ');
      drip(socket, () => socket.write('a'));
    },
    'drips its body': (socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n');
      drip(socket, () => socket.write('a'));
    },
    'drips its chunks': (socket) => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
      drip(socket, () => socket.write('1\r\na\r\n'));
    },
    'drips its trailers': (socket) => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-A: ');
      drip(socket, () => socket.write('a'));
    },
    'asks to go on': (socket) => socket.write('HTTP/1.1 100 Continue\r\n\r\n'),
    'stops in its body': (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab'),
    'stops after one of two lines': (socket) => socket.write('HTTP/1.1 200 OK\r\n'),
  };

  test.each(Object.keys(SLOW))(
    'and %s has no more than the time-out, and no connection after it',
    async (name) => {
      expect(await sendTo(SLOW[name]!, { timeoutMs: SHORT_MS })).toMatchObject(timedOut);
      await receivers[0]!.idle();
    },
  );

  test('does not read what it is sent', async () => {
    const receiver = await started(rawReceiver((socket) => socket.pause()));
    const outcome = webhooks.send(post(receiver.url, 'a'.repeat(32 * 1024 * 1024)), { timeoutMs: SHORT_MS });
    expect(await outcome).toMatchObject(timedOut);
    receiver.open.forEach((socket) => socket.resume());
    await receiver.idle();
  });

  test('has a name that is not resolved in time', async () => {
    const resolve = (): Promise<never> => new Promise(() => {});
    const slow = createWebhooks({ allowLocal: true, timeoutMs: SHORT_MS, resolve });
    expect(await slow.send(post('http://slow.example/'))).toMatchObject({
      ...timedOut,
      message: `After ${SHORT_MS} ms there was no connection.`,
    });
  });

  test('does not secure the connection', async () => {
    const receiver = await started(rawReceiver((socket) => socket.resume()));
    const url = receiver.url.replace('http:', 'https:');
    expect(await webhooks.send(post(url), { timeoutMs: SHORT_MS })).toMatchObject(timedOut);
    await receiver.idle();
  });
});

describe('a receiver that sends too much', () => {
  test('is cut off in its body, and what was read is the answer', async () => {
    let sent = 0;
    const outcome = await sendTo((socket) => {
      socket.write(`HTTP/1.1 500 No\r\nContent-Length: ${100 * 1024 * 1024}\r\n\r\n`);
      flood(socket, 'é'.repeat(500));
      socket.once('close', () => (sent = socket.bytesWritten));
    });
    expect(outcome).toMatchObject({ type: 'answered', status: 500, body: 'é'.repeat(MAX_ANSWER_BYTES / 2) });
    await receivers[0]!.idle();
    expect(sent).toBeLessThan(50 * 1024 * 1024);
  });

  test('is read to the end of the allowed length, and its connection kept', async () => {
    const receiver = await started(httpReceiver((_, response) => response.end('a'.repeat(MAX_ANSWER_BYTES))));
    for (let i = 0; i < 2; i++)
      expect(await webhooks.send(post(receiver.url))).toMatchObject({ body: 'a'.repeat(MAX_ANSWER_BYTES) });
    expect(receiver.connections()).toBe(1);
  });

  test('cut through a character, that character is left out', async () => {
    const receiver = await started(
      httpReceiver((_, response) => response.end(`a${'é'.repeat(MAX_ANSWER_BYTES)}`)),
    );
    const outcome = await webhooks.send(post(receiver.url));
    expect(outcome).toMatchObject({ body: `a${'é'.repeat(MAX_ANSWER_BYTES / 2 - 1)}` });
  });

  const FLOODS: Record<string, (socket: Socket) => void> = {
    'one header without an end': (socket) => {
      socket.write('HTTP/1.1 200 OK\r\nX-A: ');
      flood(socket, 'a'.repeat(1_000));
    },
    'headers without an end': (socket) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      flood(socket, 'X-A: b\r\n'.repeat(100));
    },
    'a reason without an end': (socket) => {
      socket.write('HTTP/1.1 200 ');
      flood(socket, 'a'.repeat(1_000));
    },
    'interim answers without an end': (socket) => flood(socket, 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(20)),
    'calls to continue without an end': (socket) => flood(socket, 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(20)),
    'early hints without an end': (socket) =>
      flood(socket, 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(20)),
    'trailers without an end': (socket) => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n');
      flood(socket, 'X-A: b\r\n'.repeat(100));
    },
  };

  test.each(Object.keys(FLOODS))('in %s gave no answer', async (name) => {
    expect(await sendTo(FLOODS[name]!)).toMatchObject({ type: 'failed', code: 'no-answer' });
    await receivers[0]!.idle();
  });
});

describe('a receiver that does not speak HTTP', () => {
  const GARBAGE: Record<string, string> = {
    'a greeting of mail': '220 mail.example ESMTP\r\n',
    'random bytes': '\x16\x03\x01\0\xff\xfe\0\0',
    'a request': 'POST / HTTP/1.1\r\n\r\n',
    'a bad version': 'HTTP/9.9 200 OK\r\n\r\n',
    'a status of no three digits': 'HTTP/1.1 20 OK\r\n\r\n',
    'a header without a colon': 'HTTP/1.1 200 OK\r\nabc\r\n\r\n',
    'two lengths': 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na',
    'a length and chunks':
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n',
    'a negative length': 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n',
    'a chunk without a size': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    'another protocol':
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  };

  test.each(Object.keys(GARBAGE))('but %s gave no answer', async (name) => {
    const outcome = await sendTo((socket) => socket.write(GARBAGE[name]!, 'latin1'));
    expect(outcome).toMatchObject({ type: 'failed', code: 'no-answer' });
    await receivers[0]!.idle();
  });
});

describe('a receiver that hangs up', () => {
  const noAnswer = { type: 'failed', code: 'no-answer' };
  const PARTS: Record<string, string> = {
    'before its answer': '',
    'in its status line': 'HTTP/1.1 2',
    'in its headers': 'HTTP/1.1 200 OK\r\nX-A: b\r\n',
    'after an interim answer': 'HTTP/1.1 102 Processing\r\n\r\n',
    'in its body': 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc',
    'in its chunks': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n',
    'in its trailers': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-A: b\r\n',
  };

  test.each(Object.keys(PARTS))('%s gave no answer, whether by a close or a reset', async (name) => {
    expect(await sendTo((socket) => socket.end(PARTS[name]!))).toMatchObject(noAnswer);
    expect(
      await sendTo((socket) => {
        if (PARTS[name] === '') socket.resetAndDestroy();
        else socket.write(PARTS[name]!, () => socket.resetAndDestroy());
      }),
    ).toMatchObject(noAnswer);
    expect(receivers.map((receiver) => receiver.connections())).toEqual([1, 1]);
  });

  test('when it is called gave no answer', async () => {
    const receiver = await started(rawReceiver((socket) => socket.resetAndDestroy()));
    // The reset may come before or after the request was sent.
    const outcome = await webhooks.send(post(receiver.url));
    expect(['no-answer', 'connection-failed']).toContain((outcome as { code?: string }).code);
  });

  test('after an answer that ends so gave that answer', async () => {
    expect(await sendTo((socket) => socket.end('HTTP/1.0 200 OK\r\n\r\nabc'))).toMatchObject({
      type: 'answered',
      status: 200,
      body: 'abc',
    });
  });
});

describe('an answer that is odd but whole', () => {
  const answered = (status: number, body: string): object => ({ type: 'answered', status, body });

  test('before the request was taken counts, and leaves no connection', async () => {
    const outcome = await sendTo(
      (socket) => {
        socket.pause();
        socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno');
      },
      { body: 'a'.repeat(32 * 1024 * 1024) },
    );
    expect(outcome).toMatchObject(answered(413, 'no'));
    receivers[0]!.open.forEach((socket) => socket.resume());
    await receivers[0]!.idle();
  });

  test('with trailers is read without them', async () => {
    const text = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nok\r\n0\r\nX-A: b\r\n\r\n';
    const outcome = await sendTo((socket) => socket.write(text));
    expect(outcome).toMatchObject(answered(200, 'ok'));
    expect((outcome as { headers: object }).headers).not.toHaveProperty('x-a');
  });

  test('that is compressed is not unpacked', async () => {
    const outcome = await sendTo((socket) =>
      socket.write(
        'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08',
        'latin1',
      ),
    );
    expect(outcome).toMatchObject(answered(200, '\x1f\ufffd\x08'));
  });

  test.each([
    ['204 No Content', 3, 204, ''],
    ['304 Not Modified', 3, 304, ''],
    ['200 OK', 2, 200, 'ab'],
    ['200 OK', 0, 200, ''],
  ])('of %s and length %i ends there, whatever follows', async (line, length, status, body) => {
    const text = `HTTP/1.1 ${line}\r\nContent-Length: ${length}\r\n\r\nabc`;
    expect(await sendTo((socket) => socket.write(text))).toMatchObject(answered(status, body));
    await receivers[0]!.idle();
  });

  test('after interim ones is the last', async () => {
    const interim = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n';
    const outcome = await sendTo((socket) =>
      socket.write(`${interim}HTTP/1.1 202 OK\r\nContent-Length: 0\r\n\r\n`),
    );
    expect(outcome).toMatchObject(answered(202, ''));
  });

  test('twice is one answer, and the second is not that of the next request', async () => {
    const receiver = await started(
      rawReceiver((socket) => {
        socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'.repeat(2)));
      }),
    );
    expect(await webhooks.send(post(receiver.url))).toMatchObject(answered(200, ''));
    expect(await webhooks.send(post(receiver.url))).toMatchObject(answered(200, ''));
    expect(receiver.connections()).toBe(2);
  });

  test('with names that mean something to JavaScript is harmless', async () => {
    const head =
      'HTTP/1.1 200 OK\r\n__proto__: a\r\nconstructor: b\r\ntoString: c\r\nContent-Length: 0\r\n\r\n';
    const { headers } = (await sendTo((socket) => socket.write(head))) as { headers: Record<string, string> };
    expect(headers['constructor']).toBe('b');
    expect(Object.getPrototypeOf(headers)).toBe(Object.prototype);
  });
});

describe('a kept connection', () => {
  /** Answers so many requests on each connection, and drops it when the next one comes. */
  const dropping = (served: number, drop: (socket: Socket) => void): Promise<Receiver> =>
    started(
      rawReceiver((socket) => {
        let requests = 0;
        socket.on('data', () => {
          requests++;
          if (requests > served) drop(socket);
          else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
        });
      }),
    );

  test.each<[string, (socket: Socket) => void]>([
    ['closed', (socket) => socket.end()],
    ['reset', (socket) => socket.resetAndDestroy()],
  ])('that is %s just as it is used is replaced', async (_, drop) => {
    const receiver = await dropping(1, drop);
    for (let i = 0; i < 3; i++)
      expect(await webhooks.send(post(receiver.url))).toMatchObject({ type: 'answered', status: 200 });
    expect(receiver.connections()).toBe(3);
  });

  test('is replaced by a new one, when there are others that may be as old', async () => {
    let dropped = 0;
    const receiver = await dropping(1, (socket) => {
      dropped++;
      socket.resetAndDestroy();
    });
    await Promise.all([1, 2, 3].map(() => webhooks.send(post(receiver.url))));
    expect(receiver.connections()).toBe(3);
    expect(await webhooks.send(post(receiver.url))).toMatchObject({ type: 'answered', status: 200 });
    expect([receiver.connections(), dropped]).toEqual([4, 1]);
  });

  test('is replaced once only, within the same time', async () => {
    let connections = 0;
    const receiver = await started(
      rawReceiver((socket) => {
        const first = ++connections === 1;
        let requests = 0;
        socket.on('data', () => {
          if (first && ++requests === 1) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
          else socket.resetAndDestroy();
        });
      }),
    );
    expect(await webhooks.send(post(receiver.url))).toMatchObject({ type: 'answered' });
    expect(await webhooks.send(post(receiver.url))).toMatchObject({ type: 'failed', code: 'no-answer' });
    expect(receiver.connections()).toBe(2);
  });

  test.each<[string, (socket: Socket, part: string) => void]>([
    ['closed', (socket, part) => socket.end(part)],
    ['reset', (socket, part) => socket.write(part, () => setImmediate(() => socket.resetAndDestroy()))],
  ])('is not replaced when it is %s in an answer', async (_, drop) => {
    for (const part of [
      'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc',
      'HTTP/1.1 102 Processing\r\n\r\n',
    ]) {
      const receiver = await dropping(1, (socket) => drop(socket, part));
      await webhooks.send(post(receiver.url));
      expect(await webhooks.send(post(receiver.url))).toMatchObject({ type: 'failed', code: 'no-answer' });
      expect(receiver.connections()).toBe(1);
    }
  });

  test('serves one request at a time: there are as many as requests under way', async () => {
    const receiver = await started(httpReceiver((_, response) => response.end('ok')));
    const lane = async (): Promise<void> => {
      for (let i = 0; i < 10; i++) await webhooks.send(post(receiver.url));
    };
    await Promise.all(Array.from({ length: 8 }, lane));
    expect(receiver.connections()).toBeLessThanOrEqual(8);
    expect(receiver.open.size).toBe(receiver.connections());
  });

  test('is closed with the client, and what is under way ends', async () => {
    const receiver = await started(afterHead(() => webhooks.close()));
    expect(await webhooks.send(post(receiver.url))).toMatchObject({ type: 'failed', code: 'no-answer' });
    await receiver.idle();
  });
});

describe('a secured connection', () => {
  const { key, cert } = selfSigned('receiver.example');
  const resolve = (): Promise<{ address: string; family: number }[]> =>
    Promise.resolve([{ address: '127.0.0.1', family: 4 }]);
  let receiver: Receiver;

  beforeEach(async () => {
    receiver = await started(httpsReceiver({ key, cert }, (_, response) => response.end('ok')));
    webhooks = createWebhooks({ allowLocal: true, timeoutMs: 5_000, resolve, ca: cert });
  });

  test('to a receiver that proves its name is answered, and kept', async () => {
    for (let i = 0; i < 3; i++)
      expect(await webhooks.send(post(`https://receiver.example:${receiver.port}/`))).toMatchObject({
        type: 'answered',
        body: 'ok',
      });
    expect(receiver.connections()).toBe(1);
  });

  test.each([
    ['another name', 'https://other.example:{port}/', cert],
    ['a certificate that nobody vouches for', 'https://receiver.example:{port}/', undefined],
  ])('to a receiver with %s is not trusted', async (_, url, ca) => {
    const strict = createWebhooks({ allowLocal: true, timeoutMs: 5_000, resolve, ...(ca ? { ca } : {}) });
    expect(await strict.send(post(url.replace('{port}', String(receiver.port))))).toMatchObject({
      type: 'failed',
      code: 'tls-failed',
    });
    strict.close();
  });

  test.each<[string, (socket: Socket) => void]>([
    ['hangs up', (socket) => socket.end()],
    ['speaks plain HTTP', (socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n')],
    ['resets', (socket) => socket.once('data', () => socket.resetAndDestroy())],
  ])('to a receiver that %s does not come about', async (_, handle) => {
    const plain = await started(rawReceiver(handle));
    expect(await webhooks.send(post(`https://receiver.example:${plain.port}/`))).toMatchObject({
      type: 'failed',
      code: 'tls-failed',
    });
  });
});
