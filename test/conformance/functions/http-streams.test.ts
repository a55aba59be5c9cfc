import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { KEYS, removeTemporaryFolders, startSampleHost } from '../../support/functions-host';
import { Sink } from '../../support/sink';

type Host = Awaited<ReturnType<typeof startSampleHost>>;
const LIMIT = 8 * 1024 * 1024;
let host: Host;
let sink: Sink<{ name: string; message?: string }>;

beforeAll(async () => {
  sink = new Sink();
  host = await startSampleHost({
    appDir: resolve(__dirname, '../../support/apps/streams'),
    noKeys: true,
    environment: { FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: String(LIMIT), SINK: await sink.start() },
  });
});

afterAll(async () => {
  await host.dispose();
  sink.close();
  removeTemporaryFolders();
});

const call = (path: string, init?: RequestInit): Promise<Response> => fetch(host.url + path, init);
const post = (path: string): ClientRequest => request(host.url + path, { method: 'POST' });
const answer = async (sent: ClientRequest): Promise<IncomingMessage> =>
  ((await once(sent, 'response')) as [IncomingMessage])[0];

const part = async (reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> =>
  Buffer.from((await reader.read()).value ?? []).toString();

test('a request reaches its function whole: repeated query names apart, parameters, headers, bytes', async () => {
  const response = await call('/api/describe/kind%20one/12?a=1&a=2&b=%20', {
    method: 'PUT',
    headers: { 'x-test': 'value', 'x-forwarded-host': 'elsewhere', 'x-ms-invocation-id': 'chosen' },
    body: Buffer.from([0, 255, 128]),
  });
  expect([response.status, response.headers.get('x-one'), response.headers.get('x-hook')]).toEqual([
    201,
    '1',
    'post',
  ]);
  expect(response.headers.getSetCookie()).toEqual(['one=1; HttpOnly', 'two=b%20c; Path=/x; SameSite=Strict']);
  expect(await response.json()).toEqual({
    method: 'PUT',
    url: `${host.url}/api/describe/kind%20one/12?a=1&a=2&b=%20`,
    params: { kind: 'kind one', id: '12' },
    query: [
      ['a', '1'],
      ['a', '2'],
      ['b', ' '],
    ],
    header: 'value',
    invocation: 36,
    body: '00ff80',
  });
});

test.each([
  ['/api/keyed', 200, 'opened'],
  ['/api/unknown', 404, ''],
  ['/api/describe/kind/twelve', 404, ''],
  [`/admin/host/status?code=${KEYS.function}`, 401, ''],
])('%s is %d', async (path, status, body) => {
  const response = await call(path);
  expect([response.status, await response.text()]).toEqual([status, body]);
});

test('HEAD has the headers and no body', async () => {
  const response = await call('/api/describe/kind', { method: 'HEAD' });
  expect([response.status, response.headers.get('x-one'), await response.text()]).toEqual([201, '1', '']);
});

test('an answer leaves as it is made', async () => {
  const response = await call('/api/parts');
  const reader = response.body!.getReader();
  expect(await part(reader)).toBe('first');
  await call('/api/release');
  expect(await part(reader)).toBe('second');
  expect((await reader.read()).done).toBe(true);
});

test('a body arrives as it is sent, and both ways at once', async () => {
  const sent = post('/api/echo');
  sent.write('first');
  const back = await answer(sent);
  expect(String((await once(back, 'data'))[0])).toBe('first');
  sent.end('second');
  expect(await text(back)).toBe('second');
});

test('a body of megabytes arrives byte for byte, with a length and without', async () => {
  const body = randomBytes(LIMIT);
  const digest = createHash('sha256').update(body).digest('hex');
  expect(await (await call('/api/digest', { method: 'POST', body })).text()).toBe(digest);
  const sent = post('/api/digest');
  sent.end(body);
  expect(await text(await answer(sent))).toBe(digest);
});

test('a body beyond the limit is refused by its announced length, and while it streams', async () => {
  expect((await call('/api/digest', { method: 'POST', body: Buffer.alloc(LIMIT + 1) })).status).toBe(413);
  const sent = post('/api/digest');
  sent.write(Buffer.alloc(LIMIT));
  sent.write('x');
  const refused = await answer(sent);
  expect(refused.statusCode).toBe(413);
  sent.destroy();
  // The function sees that its request was cut.
  await sink.wait('cut', 1);
});

test('a function may answer without reading', async () => {
  const sent = post('/api/refuses');
  sent.write(Buffer.alloc(1024 * 1024));
  const refused = await answer(sent);
  expect([refused.statusCode, await text(refused)]).toEqual([403, 'unread']);
  sent.destroy();
});

test('a caller that leaves is seen by the function, at whatever moment it leaves', async () => {
  const before = sink.reports.filter(({ name }) => name === 'cut').length;
  const began = sink.reports.filter(({ name }) => name === 'began').length;
  const sent = post('/api/digest');
  sent.on('error', () => undefined);
  sent.write('first');
  await sink.wait('began', began + 1);
  sent.destroy();
  await sink.wait('cut', before + 1);

  const [pid] = host.workerPids;
  for (let round = 0; round < 20; round++) {
    const socket = connect(host.port, '127.0.0.1');
    const head = 'POST /api/digest HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n';
    await new Promise<void>((done) => socket.write(head, () => done()));
    socket.destroy();
  }
  await sink.wait('cut', before + 2);
  expect(host.workerPids).toEqual([pid]);
  expect(await (await call('/api/pid')).text()).toBe(String(pid));
});

test('a long address is served', async () => {
  const value = 'v'.repeat(25_000);
  const { query } = (await (await call(`/api/describe/x?long=${value}`)).json()) as { query: unknown };
  expect(query).toEqual([['long', value]]);
});

test.each([
  ['nothing', 'it returned nothing'],
  ['throws', 'it failed'],
])('%s: its caller waits in vain, as on the platform, and the log says so', async (name, why) => {
  const lines: string[] = [];
  const write = jest
    .spyOn(process.stderr, 'write')
    .mockImplementation((line) => lines.push(String(line)) > 0);
  const leaving = new AbortController();
  const left = call(`/api/${name}`, { signal: leaving.signal }).catch(() => 'left');
  while (!lines.some((line) => line.includes(`"${name}" gave no answer: ${why}`))) {
    await new Promise((next) => setTimeout(next, 20));
  }
  leaving.abort();
  expect(await left).toBe('left');
  write.mockRestore();
});

test('a worker that dies fails what it held, and the next request is served', async () => {
  const response = await call('/api/exitsMidway');
  const reader = response.body!.getReader();
  expect(await part(reader)).toBe('first');
  await call('/api/release');
  await expect(reader.read()).rejects.toThrow('terminated');
  const sent = post('/api/exits');
  sent.write('first');
  expect((await answer(sent)).statusCode).toBe(500);
  sent.destroy();
  expect((await call('/api/pid')).status).toBe(200);
});

test('nobody else on the network reaches the worker', () => {
  // 127.0.0.1, as /proc writes it (https://man7.org/linux/man-pages/man5/proc_pid_net.5.html).
  expect(addressesOf(host.workerPids[0]!)).toEqual([expect.stringMatching(/^0100007F:/)]);
});

/** Where a process listens, in hexadecimal. */
function addressesOf(pid: number): string[] {
  const sockets = new Set(readdirSync(`/proc/${pid}/fd`).flatMap((fd) => socketOf(pid, fd) ?? []));
  return ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .flatMap(([, address = '', , state, , , , , , socket = '']) =>
        state === '0A' && sockets.has(socket) ? address : [],
      ),
  );
}

function socketOf(pid: number, fd: string): string | undefined {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
  } catch {
    return undefined; // closed meanwhile
  }
}
