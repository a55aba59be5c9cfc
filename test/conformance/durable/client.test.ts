import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { InvocationContext } from '@azure/functions';
import { clientBindingData, RPC_PREFIX } from '../../../local/durable';
import { loadSdk } from '../../support/durable-sdk';
import { ORIGIN, PREFIX, startTestHost, type TestHost } from '../../support/durable-host';

// The SDK takes the origin of its links from here.
process.env['WEBSITE_HOSTNAME'] = new URL(ORIGIN).host;
const df = loadSdk();
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

function clientOf(server: Server) {
  const { port } = server.address() as AddressInfo;
  const base = { origin: ORIGIN, prefix: PREFIX, taskHub: 'Hub', connection: 'Storage', systemKey: 'key' };
  const input = df.input.durableClient();
  const context = new InvocationContext({ options: { extraInputs: [input], extraOutputs: [] } });
  context.extraInputs.set(
    input,
    JSON.parse(clientBindingData(base, `http://127.0.0.1:${port}${RPC_PREFIX}/`)),
  );
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
    const id = await client.startNew('Waiter');
    await client.terminate(id, 'enough');
    await expect(client.readEntityState(new df.EntityId('Counter', 'a'))).rejects.toThrow('501');
  });
});
