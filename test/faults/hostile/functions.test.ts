import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import type { Random } from '../../../tools/lib/random';
import {
  KEYS,
  removeTemporaryFolders,
  SAMPLE_APP,
  SAMPLE_SETTINGS,
  temporaryFolder,
} from '../../support/functions-host';
import { attack, type Kinds } from './http-attack';

const SEED = Number(process.env['SEED'] ?? 7071);
const REQUESTS = 2_000;
const BODY_LIMIT = 65_536;

const STREAMS_APP = resolve(__dirname, '../../support/apps/streams');

let host: ChildProcess;
let port: number;

/** In a process of its own, where an unhandled rejection is its end. */
async function start(appDir: string): Promise<void> {
  host = fork(resolve(__dirname, '../../../build/local/functions/main.js'), {
    stdio: ['ignore', 'inherit', 'ignore', 'ipc'],
  });
  host.send({
    type: 'start',
    options: {
      appDir,
      dataDir: temporaryFolder(),
      port: 0,
      workers: 1,
      keys: KEYS,
      environment: { ...SAMPLE_SETTINGS, FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: String(BODY_LIMIT) },
    },
  });
  [{ port }] = (await once(host, 'message')) as [{ port: number }];
}

afterEach(async () => {
  const ended = once(host, 'exit');
  host.send({ type: 'stop' });
  await ended;
});

afterAll(removeTemporaryFolders);

const head = (line: string, ...headers: string[]): string =>
  `${[line, 'Host: 127.0.0.1', ...headers].join('\r\n')}\r\n\r\n`;

/** Any characters but those that end a line; of one byte each. */
function junk(r: Random, length: number): string {
  return String.fromCharCode(
    ...Array.from({ length }, () => {
      const code = r.integer(1, 255);
      return code === 10 || code === 13 ? 64 : code;
    }),
  );
}

/** A key that is nearly the right one, or nothing like it. */
function wrongKey(r: Random, right: string): string {
  const at = r.integer(0, right.length - 1);
  return r.pick([
    `${right.slice(0, at)}~${right.slice(at + 1)}`,
    right.slice(0, -1),
    `${right}=`,
    right.toUpperCase(),
    `${right},${right}`,
    'k'.repeat(r.integer(1, 4_000)),
    '*',
  ]);
}

const durable = (path: string): string =>
  `/runtime/webhooks/durabletask/${path}${path.includes('?') ? '&' : '?'}code=${KEYS.system}`;

const post = (path: string, body: string): string =>
  `${head(`POST ${path} HTTP/1.1`, 'Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body, 'latin1')}`)}${body}`;

const KINDS: Kinds = {
  'a request line that is none': (r) => ({
    bytes: head(
      r.pick([
        'GET',
        'GET /api/hello',
        'GET /api/hello HTTP/9.9',
        'GET /api/hello HTTP/1.1 x',
        'get /api/hello HTTP/1.1',
        'GET /api/hello\tHTTP/1.1',
        `${junk(r, 5)} / HTTP/1.1`,
        'PRI * HTTP/2.0',
        '\x16\x03\x01\x02',
      ]),
    ),
    cut: true,
  }),
  'a target that is no path': (r) => ({
    bytes: head(
      `GET ${r.pick(['http://elsewhere/api/hello', '*', 'api/hello', '//', 'http://[', '?code=x', `\\${r.integer(0, 9)}`])} HTTP/1.1`,
    ),
  }),
  'a path that is nobody’s': (r) => ({
    bytes: head(
      `GET /api/${r.pick(['%zz', '%', '%00', '../hello', 'hello/..', '%2e%2e/hello', 'hello%2f', 'echo/x/1e9', '\x80\xff', 'v'.repeat(r.integer(1, 9_000))])}${r.pick(['', '?', '?%', '?a=%zz'])} HTTP/1.1`,
    ),
  }),
  'a method that the route has not': (r) => ({
    bytes: head(
      `${r.pick(['DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'MKCOL'])} /api/hello HTTP/1.1`,
    ),
  }),
  'a header that is none': (r) => ({
    bytes: head(
      'GET /api/hello HTTP/1.1',
      r.pick(['no colon', ': no name', 'a b: c', 'x: \0y', 'x : y', 'x: a\rb', ' folded', '\x7f\0: x']),
    ),
  }),
  'headers beyond all measure': (r) => ({
    bytes: head(
      'GET /api/hello HTTP/1.1',
      ...r.pick([
        [`x: ${'x'.repeat(r.integer(33_000, 60_000))}`],
        Array.from({ length: r.integer(3_000, 4_000) }, (_, at) => `x${at}: ${at}`),
      ]),
    ),
  }),
  'a host that is none': (r) => ({
    bytes: `GET /api/hello HTTP/1.1\r\n${r.pick(['', 'Host: a b\r\n', 'Host: [::1\r\n', 'Host: a:b\r\n', 'Host: a:99999\r\n', 'Host: \x01\r\n', 'Host: a/b?c#@[\r\n'])}\r\n`,
  }),
  'a length that is none': (r) => ({
    bytes: `${head('POST /api/bytes HTTP/1.1', ...r.pick([['Content-Length: -1'], ['Content-Length: 1e3'], ['Content-Length: 5', 'Content-Length: 6'], ['Content-Length: 5, 5'], ['Content-Length: 99999999999999999999'], ['Content-Length: 5', 'Transfer-Encoding: chunked'], ['Transfer-Encoding: gzip'], ['Transfer-Encoding: chunked, identity'], ['Content-Length: 0x5']]))}hello`,
    cut: true,
  }),
  'a body beyond the limit': (r) => ({
    bytes: head('POST /api/bytes HTTP/1.1', `Content-Length: ${r.integer(BODY_LIMIT + 1, 2 ** 40)}`),
  }),
  'a chunk that is none': (r) => ({
    bytes: `${head('POST /api/bytes HTTP/1.1', 'Transfer-Encoding: chunked')}${r.pick(['zz\r\nhello\r\n', '5\r\nhelloX', '-5\r\nhello\r\n', 'ffffffffffffffffff\r\nx', '5\nhello', '\r\n', '5;\0\r\nhello\r\n'])}`,
    cut: true,
  }),
  'a body that ends too early': (r) => ({
    bytes: `${head('POST /api/bytes HTTP/1.1', ...r.pick([['Content-Length: 1000'], ['Transfer-Encoding: chunked']]))}${r.pick(['', '5', '5\r\nhe', 'hello'])}`,
    cut: true,
  }),
  'headers that end too early': (r) => {
    const whole = head('POST /api/bytes HTTP/1.1', 'Content-Type: application/json', 'Content-Length: 5');
    return { bytes: whole.slice(0, r.integer(1, whole.length - 1)), cut: true };
  },
  'a wrong key for a function': (r) => {
    const [path, right] = r.pick([
      ['/api/keyed', KEYS.function],
      ['/api/keyed', KEYS.master],
      ['/api/administered', KEYS.master],
      ['/admin/host/status', KEYS.master],
      ['/admin/functions', KEYS.function],
      ['/runtime/webhooks/durabletask/instances', KEYS.system],
      ['/Runtime/Webhooks/DurableTask/orchestrators/greetings', KEYS.master],
    ] as const);
    const key = wrongKey(r, right);
    return {
      bytes: r.pick([
        head(`GET ${path}?code=${encodeURIComponent(key)} HTTP/1.1`),
        head(`GET ${path} HTTP/1.1`, `x-functions-key: ${key}`),
        head(`GET ${path}?code=${right} HTTP/1.1`, `x-functions-key: ${key}`),
        head(`GET ${path} HTTP/1.1`, `x-functions-key: ${right}`, 'x-functions-key: another'),
        head(`GET ${path} HTTP/1.1`, `Authorization: Bearer ${right}`),
        head(`GET ${path}?Code=${right} HTTP/1.1`),
      ]),
    };
  },
  'a durable call that is none': (r) => ({
    bytes: r.pick([
      () => post(durable('orchestrators/greetings'), r.pick(['{', '[1,', 'nul', '"', junk(r, 20), '{"a":}'])),
      () => post(durable(`instances/none/raiseEvent/${junk(r, 3).replace(/[^a-z]/g, 'x')}`), '{}'),
      () =>
        head(
          `GET ${durable(`instances/${r.pick(['%zz', 'none', '%2f', '%00', 'n'.repeat(300)])}`)} HTTP/1.1`,
        ),
      () => head(`DELETE ${durable('instances')} HTTP/1.1`),
      () => head(`DELETE ${durable('instances?createdTimeFrom=yesterday')} HTTP/1.1`),
      () => post(durable('instances/none/terminate'), ''),
      () => post(durable('instances/none/explode'), '{}'),
      () => head(`GET ${durable('instances?top=-1')} HTTP/1.1`),
      () => head(`PUT ${durable('orchestrators/greetings')} HTTP/1.1`, 'Content-Length: 0'),
      () => post(durable('orchestrators/greetings?timeout=1&pollingInterval=5'), '[]'),
      () => post(durable('entities/Counter/1'), '{'),
      () => head(`GET ${durable('')} HTTP/1.1`),
    ])(),
  }),
  'an offer to speak another protocol': (r) => ({
    bytes: r.pick([
      head('CONNECT 127.0.0.1:80 HTTP/1.1'),
      head('GET /api/unknown HTTP/1.1', 'Connection: Upgrade', 'Upgrade: websocket'),
      head(
        'GET /api/unknown HTTP/1.1',
        'Connection: Upgrade, HTTP2-Settings',
        'Upgrade: h2c',
        'HTTP2-Settings: x',
      ),
      head('POST /api/unknown HTTP/1.1', 'Expect: the-unexpected', 'Content-Length: 0'),
    ]),
  }),
};

const PROPER = /^HTTP\/1\.1 (4\d\d|501) /;

/** Sends so many of these kinds, and tells what was answered otherwise than with a refusal. */
async function attackHost(requests: number, kinds: Kinds): Promise<string[]> {
  const pid = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/api/pid`)).text();
  const worker = await pid();
  return attack({
    port,
    kinds,
    requests,
    seed: SEED,
    isProper: (answer) => PROPER.test(answer),
    serves: async () => expect([host.exitCode, host.signalCode, await pid()]).toEqual([null, null, worker]),
  });
}

test(`${REQUESTS} malformed requests (SEED=${SEED}) are each refused, and the host serves on`, async () => {
  await start(SAMPLE_APP);
  expect(await attackHost(REQUESTS, KINDS)).toEqual([]);
});

test(`so are those to an app with HTTP streams (SEED=${SEED}), whose worker serves on`, async () => {
  await start(STREAMS_APP);
  const names = [
    'a length that is none',
    'a chunk that is none',
    'a body that ends too early',
    'a body beyond the limit',
  ];
  const kinds = names.map((name): [string, Kinds[string]] => [
    name,
    (r) => {
      const { bytes, ...rest } = KINDS[name]!(r);
      return { ...rest, bytes: bytes.replace('/api/bytes', '/api/digest') };
    },
  ]);
  expect(await attackHost(300, Object.fromEntries(kinds))).toEqual([]);
});
