import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { HttpFront } from '../../../local/functions/http-front';
import type { Random } from '../../../tools/lib/random';
import { PREFIX, startTestHost, type TestHost } from '../../support/durable-host';
import { loadSdk } from '../../support/durable-sdk';
import { attack, type Kinds } from './http-attack';
import { exchange, type Malformed } from './raw-http';

const SEED = Number(process.env['SEED'] ?? 20_261);
const REQUESTS = 2_000;
const BODY_LIMIT = 65_536;
const KEYS = { master: 'the-master-key', function: 'the-function-key', system: 'the-system-key' };
/** Deeper JSON than .NET reads. */
const DEEP = 65;

const df = loadSdk();
df.app.orchestration('Waiter', function* (context) {
  return (yield context.df.waitForExternalEvent('Done')) as unknown;
});
df.app.orchestration('Fails', function* (context) {
  yield context.df.callActivity('Fails');
});
df.app.activity('Fails', {
  handler: () => {
    throw new Error('always');
  },
});

/** Instances that no malformed request may change. */
const STANDING = ['runs', 'suspended', 'done', 'failed', 'terminated'];

function head(line: string, ...headers: string[]): string {
  return `${[`${line} HTTP/1.1`, 'Host: 127.0.0.1', ...headers].join('\r\n')}\r\n\r\n`;
}

function call(method: string, path: string, body = '', type = 'application/json'): Malformed {
  const key = `${path.includes('?') ? '&' : '?'}code=${KEYS.system}`;
  const lines = [`Content-Type: ${type}`, `Content-Length: ${Buffer.byteLength(body, 'latin1')}`];
  return { bytes: head(`${method} ${PREFIX}${path}${key}`, ...lines) + body };
}

/** Any characters but those that end a line; of one byte each. */
function junk(r: Random, length: number): string {
  const codes = Array.from({ length }, () => r.integer(33, 255)).map((code) => (code === 127 ? 64 : code));
  return String.fromCharCode(...codes);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** A good text with a few characters gone, doubled or changed, so that it is none. */
function badJson(r: Random): string {
  const good = r.pick([
    '{"a":[1,2.5e3,"x\\u0041"],"b":null}',
    '[true,false,null,-0.1]',
    '"text with \\"quotes\\""',
    '{"nested":{"deeper":{"deepest":[[]]}}}',
  ]);
  for (;;) {
    const at = r.integer(0, good.length - 1);
    const text = r.pick([
      good.slice(0, at),
      good.slice(0, at) + good.slice(at + 1),
      good.slice(0, at) +
        r.pick(['}', ']', '"', '\\', ',', '\0', "'", 'NaN', '//', junk(r, 2)]) +
        good.slice(at),
      `${good}${good}`,
      r.pick(['undefined', '{a:1}', "{'a':1}", '[1,]', '{"a":}', '01', '+1', '.5', 'NaN', '-', '\x01']),
      r.pick(['[', '{"a":']).repeat(r.integer(1, 20_000)),
      `${'['.repeat(r.integer(DEEP, 20_000))}${']'.repeat(DEEP)}`,
      '['.repeat(DEEP) + ']'.repeat(DEEP),
    ]);
    const trimmed = text.trim();
    // No body at all is no input, and fine.
    if (trimmed !== '' && (!isJson(trimmed) || trimmed.startsWith('['.repeat(DEEP)))) return text;
  }
}

function wrongKey(r: Random): string {
  const right = KEYS.system;
  const at = r.integer(0, right.length - 1);
  return r.pick([
    '',
    KEYS.function,
    `${right.slice(0, at)}~${right.slice(at + 1)}`,
    right.slice(0, -1),
    right.toUpperCase(),
    'k'.repeat(r.integer(1, 4_000)),
    `${right}&code=${right}x`.slice(0, right.length - 1),
  ]);
}

const OPERATIONS = ['terminate', 'suspend', 'resume', 'rewind', 'restart', 'raiseEvent/Done'];

const KINDS: Kinds = {
  'a start whose input is no JSON': (r) =>
    call('POST', `/orchestrators/${r.pick(['Waiter', 'Nowhere', 'waiter/hostile'])}`, badJson(r)),
  'an event that is no JSON': (r) =>
    call('POST', `/instances/${r.pick(STANDING)}/raiseEvent/Done`, badJson(r)),
  'an event of another type': (r) =>
    call(
      'POST',
      `/instances/${r.pick(STANDING)}/raiseEvent/Done`,
      '1',
      r.pick([
        'text/plain',
        'application/cloudevents+json',
        'application/jsonp',
        '',
        junk(r, 9),
        'json',
        ';application/json',
      ]),
    ),
  'a wait that ends before it begins': (r) => {
    const timeout = r.integer(1, 50);
    const query = `timeout=${timeout}&pollingInterval=${timeout + r.integer(1, 1_000)}`;
    return call('POST', r.pick([`/orchestrators/Waiter?${query}`, `/instances/done/restart?${query}`]));
  },
  'an instance that is not there': (r) => {
    const id = r.pick([
      'none',
      'n'.repeat(r.integer(1, 9_000)),
      '%00',
      '%F0%9F%98%80',
      '@none@x',
      'RUNS',
      '%27--',
      '*',
    ]);
    const operation = r.pick(OPERATIONS);
    return r.pick([
      call('POST', `/instances/${id}/${operation}`, '1'),
      call('GET', `/instances/${id}?showHistory=true`),
      call('DELETE', `/instances/${id}`),
    ]);
  },
  'a path that is none': (r) => {
    const bad = r.pick(['%zz', '%', '%E0%A4', 'a%2Fb', '%2e%2e', '..', '%2F', '%C0%AF', '%ff', '\x80\xff']);
    return r.pick([
      call('POST', `/orchestrators/${bad}/${bad}/x`, '1'),
      call('GET', `/instances/${bad}`),
      call('POST', `/instances/runs/raiseEvent/${bad}/x`, '1'),
      call('POST', `/instances/runs/${bad}`),
      call('GET', `/${bad}`),
    ]);
  },
  'an operation that there is none of': (r) =>
    r.pick([
      call(
        'POST',
        `/instances/runs/${r.pick(['explode', 'terminate/now', 'raiseEvent', 'raiseEvent/a/b', 'Terminate2'])}`,
      ),
      call('POST', '/orchestrators'),
      call('POST', '/orchestrators/Waiter/id/more'),
      call('POST', `/${r.pick(['', 'instance', 'orchestrator/Waiter', 'admin', 'instances'])}`),
    ]),
  'a method that is none of its own': (r) =>
    call(
      r.pick(['PUT', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'MERGE', 'LOCK']),
      r.pick(['/orchestrators/Waiter', '/instances/runs', '/instances', '/instances/runs/terminate']),
    ),
  'a reading one where it changes something': (r) => call('GET', `/instances/runs/${r.pick(OPERATIONS)}`),
  'a removal without a beginning': (r) =>
    call(
      'DELETE',
      `/instances?${r.pick(['', 'createdTimeTo=2100-01-01', 'createdTimeFrom=yesterday', 'createdTimeFrom=', 'CreatedTimeFrom', 'runtimeStatus=Completed', 'createdTimeFrom=9e99'])}`,
    ),
  'what must end first': (r) => call('DELETE', `/instances/${r.pick(['runs', 'suspended'])}`),
  'what has ended': (r) =>
    call(
      'POST',
      `/instances/${r.pick(['done', 'failed', 'terminated'])}/${r.pick(['terminate', 'suspend', 'resume', 'raiseEvent/Done'])}`,
      '1',
    ),
  'what has not failed': (r) =>
    call('POST', `/instances/${r.pick(['runs', 'suspended', 'done', 'terminated'])}/rewind`),
  'a second one of an id': (r) =>
    r.pick([
      call('POST', `/orchestrators/Waiter/${r.pick(['runs', 'suspended'])}`, '{}'),
      call('POST', `/instances/${r.pick(['runs', 'suspended'])}/restart?restartWithNewInstanceId=false`),
    ]),
  'a list of none': (r) => call('GET', `/instances?top=${r.pick(['0', '-1', '-99999999999999999999'])}`),
  'what is not there yet': (r) =>
    r.pick([
      call('GET', '/entities'),
      call('POST', `/entities/${junk(r, 4).replace(/[^a-z]/g, 'x')}/key?op=add`, badJson(r)),
      call('DELETE', '/entities/Counter/key'),
    ]),
  'a wrong key': (r) => {
    const [method, path] = r.pick([
      ['GET', '/instances'],
      ['POST', '/orchestrators/Waiter'],
      ['POST', '/instances/runs/terminate'],
      ['DELETE', '/instances/done'],
      ['GET', '/instances/runs'],
    ] as const);
    const key = wrongKey(r);
    return {
      bytes: r.pick([
        head(`${method} ${PREFIX}${path}?code=${encodeURIComponent(key)}`),
        head(`${method} ${PREFIX}${path}?code=${KEYS.system}`, `x-functions-key: ${key === '' ? 'x' : key}`),
        head(`${method} ${PREFIX}${path}`, `Authorization: Bearer ${KEYS.system}`),
        head(`${method} ${PREFIX}${path}?Code=${KEYS.system}`),
      ]),
    };
  },
  'a length that is none': (r) => ({
    bytes: `${head(`POST ${PREFIX}/orchestrators/Waiter?code=${KEYS.system}`, ...r.pick([['Content-Length: -1'], ['Content-Length: 1e3'], ['Content-Length: 5', 'Content-Length: 6'], ['Content-Length: 5', 'Transfer-Encoding: chunked'], [`Content-Length: ${r.integer(BODY_LIMIT + 1, 2 ** 40)}`], ['Transfer-Encoding: gzip']]))}"one"`,
    cut: true,
  }),
  'a body that ends too early': (r) => ({
    bytes: `${head(`POST ${PREFIX}/orchestrators/Waiter?code=${KEYS.system}`, ...r.pick([['Content-Length: 1000'], ['Transfer-Encoding: chunked']]))}${r.pick(['', '5', '5\r\n"on', '"one"'])}`,
    cut: true,
  }),
  'headers beyond all measure': (r) => ({
    bytes: head(
      `POST ${PREFIX}/orchestrators/Waiter?code=${KEYS.system}`,
      `x: ${'x'.repeat(r.integer(33_000, 60_000))}`,
    ),
  }),
};

let host: TestHost;
let front: HttpFront;
let port: number;
const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown): void => void unhandled.push(reason);

beforeAll(async () => {
  process.on('unhandledRejection', onUnhandled);
  host = startTestHost();
  for (const id of ['runs', 'suspended', 'done', 'terminated'])
    await host.engine.startInstance({ name: 'Waiter', id, input: '{"a":1}' });
  await host.engine.startInstance({ name: 'Fails', id: 'failed', input: null });
  await host.engine.raiseEvent('done', 'Done', '1');
  await host.engine.terminate('terminated', 'enough');
  await host.engine.suspend('suspended', 'wait');
  for (const id of ['done', 'failed']) await host.engine.whenEnded(id, 10_000);
  front = new HttpFront({
    keys: KEYS,
    noKeys: false,
    bodyLimit: BODY_LIMIT,
    maxOutstandingRequests: -1,
    routes: () => undefined,
    streams: () => false,
    worker: () => Promise.reject(new Error('There are no functions here.')),
    invoke: () => Promise.reject(new Error('There are no functions here.')),
    management: () => (request) => host.http.management(request),
    problem: () => undefined,
    unsupported: () => undefined,
  });
  front.server.listen(0, '127.0.0.1');
  await once(front.server, 'listening');
  ({ port } = front.server.address() as AddressInfo);
});

afterAll(async () => {
  front.server.closeAllConnections();
  front.server.close();
  await once(front.server, 'close');
  host.dispose();
  process.off('unhandledRejection', onUnhandled);
});

/** Refused, and if with words then with those of the API: a JSON text, or an object with a message. */
function isProper(answer: string): boolean {
  if (!/^HTTP\/1\.1 (4\d\d|501) /.test(answer)) return false;
  const [headers = '', body = ''] = answer.split('\r\n\r\n', 2);
  if (!headers.includes('application/json') || body === '') return body === '';
  const parsed = JSON.parse(body) as string | { Message?: unknown };
  return typeof parsed === 'string' || typeof parsed.Message === 'string';
}

const standing = (): unknown => host.engine.list({ top: 1_000 }).instances;

test(`${REQUESTS} malformed requests (SEED=${SEED}) are each refused, and change nothing`, async () => {
  const before = standing();
  const findings = await attack({
    port,
    kinds: KINDS,
    requests: REQUESTS,
    seed: SEED,
    isProper,
    serves: async () =>
      expect(await exchange(port, call('GET', '/instances/runs'))).toMatch(/^HTTP\/1\.1 202 /),
  });
  expect(findings).toEqual([]);
  expect(standing()).toEqual(before);
  expect(unhandled).toEqual([]);
  // What waits still hears of what is well formed.
  expect(await exchange(port, call('POST', '/instances/runs/raiseEvent/Done', '"good"'))).toMatch(
    /^HTTP\/1\.1 202 /,
  );
  await host.engine.whenEnded('runs', 10_000);
  expect(host.engine.find('runs')).toMatchObject({ status: 'Completed', output: '"good"' });
});
