import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setImmediate as setImmediatePromise } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { HttpRequest, InvocationContext } from '@azure/functions';
import type { DurableClient } from 'durable-functions';
import { clientBindingData, RPC_PREFIX } from '../../../local/durable';
import { normalise, readRecording, type Exchange } from '../../support/durable-golden';
import { loadSdk } from '../../support/durable-sdk';
import { ORIGIN, PREFIX, startTestHost, type TestHost } from '../../support/durable-host';
import { httpDeviations } from './deviations';

// The SDK takes the origin of its links from here.
process.env['WEBSITE_HOSTNAME'] = new URL(ORIGIN).host;
const df = loadSdk();
const SCENARIO = '19-sdk-client';
const PATIENCE_MS = 10_000;

df.app.orchestration('Waiter', function* (context) {
  const event: unknown = yield context.df.waitForExternalEvent('Done');
  return { input: context.df.getInput(), event };
});

/** Serves the API for the SDK's client, as the functions host does. */
async function serve(host: TestHost): Promise<Server> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { pathname: path, searchParams: query } = new URL(request.url ?? '/', ORIGIN);
      const { method = 'GET', headers } = request;
      void host.http
        .rpc({ method, path, query, headers, body: Buffer.concat(chunks), origin: ORIGIN })
        .then((answer) => response.writeHead(answer.status, answer.headers).end(answer.body));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function bindingData(port: number, taskHub = 'H3190d', systemKey = 'SYSTEMKEY'): string {
  const base = { origin: ORIGIN, prefix: PREFIX, taskHub, connection: 'Storage', systemKey };
  return clientBindingData(base, `http://127.0.0.1:${port}${RPC_PREFIX}/`);
}

function clientOf(server: Server, taskHub = 'Hub', systemKey = 'key') {
  const { port } = server.address() as AddressInfo;
  const input = df.input.durableClient();
  const context = new InvocationContext({ options: { extraInputs: [input], extraOutputs: [] } });
  context.extraInputs.set(input, JSON.parse(bindingData(port, taskHub, systemKey)));
  return df.getClient(context);
}

describe("the SDK's client", () => {
  let host: TestHost;
  let server: Server;

  beforeEach(async () => {
    host = startTestHost();
    server = await serve(host);
  });

  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
    host.dispose();
  });

  test('starts, raises an event, reads the status, purges', async () => {
    const client = clientOf(server);
    const id = await client.startNew('Waiter', { input: { a: 1 } });
    expect(client.createHttpManagementPayload(id).statusQueryGetUri).toBe(
      `${ORIGIN}${PREFIX}/instances/${id}?taskHub=Hub&connection=Storage&code=key`,
    );
    await client.raiseEvent(id, 'Done', ['x']);
    await host.engine.whenEnded(id, PATIENCE_MS);
    const status = await client.getStatus(id);
    expect(status).toMatchObject({ runtimeStatus: 'Completed', output: { input: { a: 1 }, event: ['x'] } });
    expect(await client.purgeInstanceHistory(id)).toEqual({ instancesDeleted: 1 });
    await expect(client.getStatus(id)).rejects.toThrow('HTTP 404');
  });

  test('suspends, resumes, terminates and lists', async () => {
    const client = clientOf(server);
    const id = await client.startNew('Waiter', { instanceId: 'one' });
    await client.suspend(id, 'pause');
    expect((await client.getStatus(id)).runtimeStatus).toBe('Suspended');
    await client.resume(id, 'go');
    await client.terminate(id, 'enough');
    await client.startNew('Waiter', { instanceId: 'two' });
    const all = await client.getStatusAll();
    expect(all.map(({ instanceId, runtimeStatus }) => ({ instanceId, runtimeStatus }))).toEqual([
      { instanceId: 'one', runtimeStatus: 'Terminated' },
      { instanceId: 'two', runtimeStatus: expect.stringMatching(/Pending|Running/) as unknown },
    ]);
    await expect(client.startNew('Waiter', { instanceId: 'two' })).rejects.toThrow('409');
  });

  test('is told what is not supported', async () => {
    const client = clientOf(server);
    await expect(client.readEntityState(new df.EntityId('Counter', 'a'))).rejects.toThrow('501');
    await expect(client.signalEntity(new df.EntityId('Counter', 'a'), 'add', 1)).rejects.toThrow('501');
  });
});

interface Operation {
  m: string;
  args: unknown[];
}

/** What a recording says that the SDK's client answered: a value, or the message of what it threw. */
type Outcome = { r: unknown } | { threw: string };

/** Plays what an app recorded of its client against the client here. */
class ClientPlayer {
  readonly differences: unknown[] = [];
  private readonly started = new Set<string>();
  private readonly since = new Date();

  constructor(
    private readonly host: TestHost,
    private readonly client: DurableClient,
  ) {}

  async play(exchange: Exchange): Promise<void> {
    const { label } = exchange;
    const deviates = httpDeviations.find(
      ({ scenario, label: of }) => scenario === SCENARIO && label.startsWith(of),
    );
    const [wanted, run] = this.step(exchange);
    let actual = await run();
    for (const patience = Date.now() + PATIENCE_MS; isReading(exchange) && Date.now() < patience;) {
      if (equal(actual, wanted)) return;
      await setImmediatePromise();
      actual = await run();
    }
    const agrees = deviates
      ? JSON.stringify(actual).includes(String((deviates.ours as { status: number }).status))
      : equal(actual, wanted);
    if (!agrees) this.differences.push({ label, actual: normalise(actual), wanted: normalise(wanted) });
  }

  private step({
    path,
    method,
    requestBody,
    body,
    status,
    headers,
  }: Exchange): [unknown, () => Promise<unknown>] {
    const url = new URL(path, ORIGIN);
    if (path === '/__payload') return [body, () => Promise.resolve(JSON.parse(bindingData(17_071)))];
    if (path === '/http/opC')
      return [this.outcome(body), () => this.call(JSON.parse(requestBody ?? '') as Operation)];
    if (url.pathname === '/http/startC') {
      const [name, id] = [url.searchParams.get('fn') ?? '', url.searchParams.get('id') ?? ''];
      const { status: answered, body: text } = body as { status: string; body: string };
      return [
        { status: answered, body: JSON.parse(text) as unknown },
        () => this.start(name, id, requestBody),
      ];
    }
    return [{ status, headers, body }, () => this.send(method, url, requestBody ?? '')];
  }

  /** A list of the recording holds instances of other scenarios, too. */
  private outcome(recorded: unknown): Outcome {
    const { threw, body } = recorded as { threw?: { message: string }; body?: string };
    if (threw) return { threw: threw.message };
    const { r } = JSON.parse(body ?? '{}') as { r: unknown };
    if (!Array.isArray(r)) return { r };
    return { r: r.filter(({ instanceId }: { instanceId: string }) => this.started.has(instanceId)) };
  }

  private async call({ m, args }: Operation): Promise<Outcome> {
    const values = args.map((arg) => this.revive(arg));
    if (m === 'startNew')
      this.started.add(String((args[1] as { instanceId?: string } | undefined)?.instanceId));
    // The recording waited between its calls.
    if (['raiseEvent', 'rewind', 'purgeInstanceHistory'].includes(m))
      await settled(this.host, String(args[0]));
    try {
      const operations = this.client as unknown as Record<string, (...of: unknown[]) => Promise<unknown>>;
      const r = (await operations[m]?.(...values)) ?? '<undefined>';
      return { r: JSON.parse(JSON.stringify(r)) as unknown };
    } catch (error) {
      return { threw: (error as Error).message };
    }
  }

  private revive(arg: unknown): unknown {
    if (typeof arg !== 'object' || arg === null) return arg;
    const { $entity } = arg as { $entity?: [string, string] };
    if ($entity) return new df.EntityId(...$entity);
    return 'createdTimeFrom' in arg ? { ...arg, createdTimeFrom: this.since } : arg;
  }

  private async start(name: string, id: string, body: string | undefined): Promise<unknown> {
    const options = { instanceId: id, ...(!body ? {} : { input: JSON.parse(body) as unknown }) };
    this.started.add(await this.client.startNew(name, options));
    const request = new HttpRequest({ method: 'POST', url: `${ORIGIN}/http/startC` });
    const response = this.client.createCheckStatusResponse(request, id);
    return { status: String(response.status), body: await response.json() };
  }

  private async send(method: string, url: URL, body: string): Promise<unknown> {
    const rpc = url.pathname.startsWith(RPC_PREFIX);
    const { pathname, searchParams: query } = url;
    const path = rpc ? pathname : PREFIX + pathname;
    const origin = rpc ? 'http://127.0.0.1:17071' : ORIGIN;
    const request = { method, path, query, headers: {}, body: Buffer.from(body), origin };
    const answer = await (rpc ? this.host.http.rpc(request) : this.host.http.management(request));
    return { ...answer, body: answer.body === '' ? '' : (JSON.parse(answer.body) as unknown) };
  }
}

function isReading({ method, requestBody }: Exchange): boolean {
  return method === 'GET' || /"m":"getStatus/.test(requestBody ?? '');
}

function equal(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(normalise(a), normalise(b));
}

/** Until an instance has done all that it can do by now. */
async function settled(host: TestHost, id: string): Promise<void> {
  const waits = (): boolean => host.engine.find(id)?.status === 'Pending';
  while (waits()) await setImmediatePromise();
  if (host.engine.find(id)?.status === 'Running') await host.engine.whenEnded(id, 50);
}

test("what was recorded of the SDK's client is what it gets here", async () => {
  // It has nothing to wait for, as the recorded one.
  // oxlint-disable-next-line require-yield
  df.app.orchestration('NoActivity', function* (context) {
    return { got: context.df.getInput() };
  });
  df.app.orchestration('Waiter', function* (context) {
    return (yield context.df.waitForExternalEvent('Done')) as unknown;
  });
  const host = startTestHost();
  const server = await serve(host);
  try {
    const player = new ClientPlayer(host, clientOf(server, 'H3190d', 'SYSTEMKEY'));
    for (const exchange of readRecording(SCENARIO).http) await player.play(exchange);
    expect(player.differences).toEqual([]);
  } finally {
    server.closeAllConnections();
    server.close();
    host.dispose();
  }
});
