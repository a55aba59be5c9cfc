import { setImmediate } from 'node:timers/promises';
import { loadSdk } from '../../support/durable-sdk';
import { startTestHost, type TestHost } from '../../support/durable-host';
import { fc } from '../../support/properties';

const df = loadSdk();
const MAX_DEPTH = 64;

df.app.orchestration('Waiter', function* (context) {
  const event: unknown = yield context.df.waitForExternalEvent('Done');
  return { input: context.df.getInput(), event };
});
df.app.orchestration('Order', function* (context) {
  const { df: durable } = context;
  const seen: unknown[] = [];
  for (const name of ['a', 'b', 'a']) seen.push(yield durable.waitForExternalEvent(name));
  return seen;
});
df.app.orchestration('Fails', function* (context) {
  yield context.df.callActivity('Fails');
});
df.app.activity('Fails', {
  handler: () => {
    throw new Error('always');
  },
});

let host: TestHost;

beforeAll(() => {
  host = startTestHost();
});

afterAll(() => {
  host.dispose();
});

const parsed = (body: string): Record<string, unknown> => JSON.parse(body) as Record<string, unknown>;

const raise = (id: string, name: string, body: string) =>
  host.send('POST', `/instances/${id}/raiseEvent/${name}`, body, { 'content-type': 'application/json' });

describe('the Durable HTTP API', () => {
  test('takes JSON as deep as .NET reads it, whatever stands in its texts', async () => {
    const text = fc.array(fc.constantFrom('[', ']', '{', '}', '"', '\\', 'x')).map((parts) => parts.join(''));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.boolean(), { minLength: 60, maxLength: 68 }),
        text,
        async (levels, inner) => {
          const input = levels.reduce<unknown>(
            (value, isArray) => (isArray ? [inner, value] : { [inner]: value }),
            inner,
          );
          const { status } = await host.send('POST', '/orchestrators/Waiter', JSON.stringify(input));
          expect(status).toBe(levels.length > MAX_DEPTH ? 400 : 202);
        },
      ),
      { numRuns: 30 },
    );
  });

  test('hands out events in any order of names, and in their order for one name', async () => {
    await host.send('POST', '/orchestrators/Order/order');
    for (const [name, value] of [
      ['b', 1],
      ['a', 2],
      ['a', 3],
    ] as const)
      expect((await raise('order', name, String(value))).status).toBe(202);
    await host.engine.whenEnded('order', 10_000);
    expect(parsed((await host.send('GET', '/instances/order')).body)['output']).toEqual([2, 1, 3]);
  });

  test('pages through instances while some come and go', async () => {
    const ids = Array.from({ length: 7 }, (_, n) => `page-${n}`);
    for (const id of ids) await host.send('POST', `/orchestrators/Waiter/${id}`, `"${id}"`);
    const seen: string[] = [];
    let token = '';
    do {
      const path = '/instances?instanceIdPrefix=page-&top=3&showInput=false';
      const { body, headers } = await host.send('GET', path, '', { 'x-ms-continuation-token': token });
      const page = JSON.parse(body) as { instanceId: string; input: unknown }[];
      expect(page.every(({ input }) => input === null)).toBe(true);
      seen.push(...page.map(({ instanceId }) => instanceId));
      token = headers['x-ms-continuation-token'] ?? '';
      // What has been told goes, and so does the one that the next page was to begin with.
      for (const id of ['page-0', 'page-3']) {
        await host.send('POST', `/instances/${id}/terminate`);
        await host.send('DELETE', `/instances/${id}`);
      }
    } while (token !== '');
    expect(seen).toEqual(ids.filter((id) => id !== 'page-3'));
  });

  test('waits for the end of what it restarts, when it is asked to', async () => {
    await host.send('POST', '/orchestrators/Waiter/again', '{"a":1}');
    const first = host.send('POST', '/instances/again/restart?timeout=10&pollingInterval=1');
    let copy: string | undefined;
    while (copy === undefined) {
      await setImmediate();
      const list = JSON.parse((await host.send('GET', '/instances?top=1000')).body) as {
        instanceId: string;
        input: unknown;
      }[];
      copy = list.find(
        ({ instanceId, input }) => instanceId !== 'again' && JSON.stringify(input) === '{"a":1}',
      )?.instanceId;
    }
    await raise(copy, 'Done', '[2]');
    expect(await first).toMatchObject({ status: 200, body: '{"input":{"a":1},"event":[2]}' });
    const short = await host.send('POST', '/instances/again/restart?timeout=0.01&pollingInterval=0.01');
    expect(short.status).toBe(202);
  });

  test('answers 500 for a failure, when it is asked to', async () => {
    const wait = await host.send('POST', '/orchestrators/Fails/fails?timeout=10&pollingInterval=1');
    expect(parsed(wait.body)).toMatchObject({ runtimeStatus: 'Failed' });
    const path = '/instances/fails?returnInternalServerErrorOnFailure=';
    expect((await host.send('GET', `${path}true`)).status).toBe(500);
    expect((await host.send('GET', `${path}false`)).status).toBe(200);
  });
});
