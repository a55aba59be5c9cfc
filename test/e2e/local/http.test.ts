import { request } from 'node:http';
import { connect } from 'node:net';
import { KEYS, removeTemporaryFolders, startSampleHost } from '../../support/functions-host';

type Host = Awaited<ReturnType<typeof startSampleHost>>;
let host: Host;

beforeAll(async () => {
  host = await startSampleHost({
    environment: { FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '1048576', GREETING: 'hi' },
  });
});

afterAll(async () => {
  await host.dispose();
  removeTemporaryFolders();
});

const call = (path: string, init?: RequestInit): Promise<Response> => fetch(host.url + path, init);

/** Sends raw bytes and resolves with the status line of the answer. */
function raw(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(host.port, '127.0.0.1', () => socket.write(bytes));
    socket.on('data', (chunk) => {
      resolve(chunk.toString().split('\r\n')[0] ?? '');
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

describe('a request', () => {
  test('reaches its function with method, query, parameters, headers and bytes', async () => {
    const response = await call('/api/echo/kind%20one/12?a=1&a=2&b=%20', {
      method: 'PUT',
      headers: { 'x-test': 'value' },
      body: Buffer.from([0, 255, 128]),
    });
    expect(response.status).toBe(201);
    expect(response.headers.get('x-method')).toBe('PUT');
    expect(response.headers.getSetCookie()).toEqual([
      'one=1; max-age=60; path=/; httponly',
      'two=b%20c; path=/x; samesite=strict',
    ]);
    expect(await response.json()).toEqual({
      url: `${host.url}/api/echo/kind%20one/12?a=1&a=2&b=%20`,
      params: { kind: 'kind one', id: '12' },
      query: { a: '1,2', b: ' ' },
      header: 'value',
      body: '00ff80',
    });
  });

  test.each([
    ['the function name is the default route', '/api/hello?name=x', 200, 'Hello x'],
    ['case does not matter, nor does a slash at the end', '/API/Hello/?name=x', 200, 'Hello x'],
    ['a catch-all takes the rest', '/api/files/a/b%20c', 200, '{"path":"a/b c"}'],
    ['a constraint that fails is no match', '/api/echo/kind/twelve', 404, ''],
    ['an unknown route has an empty body', '/api/unknown', 404, ''],
    ['a function that is turned off does not exist', '/api/switchedOff', 404, ''],
    ['nothing returned is no content', '/api/nothing', 204, ''],
    ['a function that throws says nothing about itself', '/api/fails', 500, ''],
    ['settings are the environment', '/api/environment?name=GREETING', 200, 'hi'],
  ])('%s', async (_what, path, status, body) => {
    const response = await call(path);
    expect([response.status, await response.text()]).toEqual([status, body]);
  });

  test('with another method is not found', async () => {
    expect((await call('/api/hello', { method: 'DELETE' })).status).toBe(404);
  });

  test('a function with a binding that is not implemented says so instead of losing data', async () => {
    const response = await call('/api/enqueues');
    expect(response.status).toBe(501);
    expect(await response.text()).toContain('the type queue');
  });

  test('HEAD has the headers and no body', async () => {
    const response = await call('/api/echo/kind', { method: 'HEAD' });
    expect([response.status, response.headers.get('x-method'), await response.text()]).toEqual([
      201,
      'HEAD',
      '',
    ]);
    expect(Number(response.headers.get('content-length'))).toBeGreaterThan(0);
  });

  test('an optional parameter may be missing', async () => {
    const { params } = (await (await call('/api/echo/kind')).json()) as { params: unknown };
    expect(params).toEqual({ kind: 'kind' });
  });
});

describe('bodies', () => {
  test('come back byte for byte up to the limit', async () => {
    const body = Buffer.alloc(1_048_576, 'headwater');
    const response = await call('/api/bytes', { method: 'POST', body });
    expect(Buffer.from(await response.arrayBuffer()).equals(body)).toBe(true);
  });

  test('beyond the limit are refused by their announced length', async () => {
    expect((await call('/api/bytes', { method: 'POST', body: Buffer.alloc(1_048_577) })).status).toBe(413);
  });

  test('beyond the limit are refused while they stream', async () => {
    const status = await new Promise((resolve, reject) => {
      const upload = request(`${host.url}/api/bytes`, { method: 'POST' }, (response) => {
        resolve(response.statusCode);
        response.resume();
      });
      upload.on('error', reject);
      upload.write(Buffer.alloc(700_000));
      upload.write(Buffer.alloc(700_000));
    });
    expect(status).toBe(413);
  });
});

describe('keys', () => {
  const status = async (path: string, key?: string): Promise<number> =>
    (await call(path, key === undefined ? {} : { headers: { 'x-functions-key': key } })).status;

  test.each([
    ['/api/keyed', undefined, 401],
    ['/api/keyed', 'wrong', 401],
    ['/api/keyed', '', 401],
    ['/api/keyed', KEYS.system, 401],
    ['/api/keyed', KEYS.function, 200],
    ['/api/keyed', KEYS.master, 200],
    [`/api/keyed?code=${KEYS.function}`, undefined, 200],
    [`/api/keyed?code=${KEYS.function}`, 'wrong', 401],
    ['/api/keyed?code=wrong', KEYS.function, 200],
    ['/api/administered', KEYS.function, 401],
    ['/api/administered', KEYS.master, 200],
    ['/api/hello?code=wrong', 'wrong', 200],
    ['/admin/host/ping', undefined, 200],
    ['/admin/host/status', KEYS.function, 401],
    ['/admin/host/status', KEYS.master, 200],
    ['/runtime/webhooks/durabletask/instances/x', undefined, 401],
    ['/runtime/webhooks/durabletask/instances/x', KEYS.function, 401],
    ['/Runtime/Webhooks/DurableTask/instances/x', undefined, 401],
  ])('%s with %s is %d', async (path, key, expected) => {
    expect(await status(path, key)).toBe(expected);
  });
});

describe('hostile input', () => {
  test.each([
    ['a host that is none', 'GET /api/hello HTTP/1.1\r\nHost: a b\r\n\r\n', 'HTTP/1.1 400 Bad Request'],
    [
      'a target that is no path',
      'GET http://elsewhere/api/hello HTTP/1.1\r\nHost: x\r\n\r\n',
      'HTTP/1.1 400 Bad Request',
    ],
    ['a bad escape in the path', 'GET /api/files/%zz HTTP/1.1\r\nHost: x\r\n\r\n', 'HTTP/1.1 404 Not Found'],
    [
      'headers without end',
      `GET /api/hello HTTP/1.1\r\nHost: x\r\nx-large: ${'x'.repeat(40_000)}\r\n\r\n`,
      'HTTP/1.1 431 Request Header Fields Too Large',
    ],
  ])('%s', async (_what, bytes, expected) => {
    expect(await raw(bytes)).toBe(expected);
  });

  test('the host serves on', async () => {
    expect((await call('/api/hello?name=x')).status).toBe(200);
  });
});
