import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { InvocationContext, type HttpRequest } from '@azure/functions';
import { clientBindingData, RPC_PREFIX } from '../../../local/durable';
import { headerOf, type Batch, type Failure } from '../../../src/domain/ingest/batch';
import { signLink } from '../../../src/domain/links';
import { noVerdicts } from '../../../src/domain/ingest/verdict';
import { createGetStatus } from '../../../src/triggers/ingest/links';
import type { TriggerDeps } from '../../../src/triggers/ingest/deps';
import { loadSdk } from '../../support/durable-sdk';

/** The status of a batch whose instance is not there (any more). */

const df = loadSdk();
const ID = 'a'.repeat(32);
const KEY = 'a secret of at least 32 characters';
const counts = { ...noVerdicts(), upserted: 2 };

let platform: Server;
beforeAll(async () => {
  platform = createServer((_request, response) => response.writeHead(404).end());
  platform.listen(0, '127.0.0.1');
  await once(platform, 'listening');
});
afterAll(() => platform.close());

const open: Batch = {
  id: ID,
  dataset: 'things',
  schemaVersion: '1',
  format: 'json',
  onInvalid: 'quarantine',
  contentHash: '',
  bodySha256: '',
  bytes: 1,
  accepted: 2,
  receivedAt: '2026-03-01T12:00:00.123Z',
  status: 'accepted',
};
const closed: Batch = { ...open, status: 'completed', completedAt: '2026-03-01T12:00:05.500Z', counts };
const failed = (code: Failure['code']): Batch => ({
  ...closed,
  status: 'failed',
  failure: { code, message: 'Why.' },
});

async function statusOf(batch: Batch) {
  const deps = { config: { signingKey: KEY }, batches: { read: () => Promise.resolve({ batch, etag: '' }) } };
  const input = df.input.durableClient();
  const context = new InvocationContext({ options: { extraInputs: [input], extraOutputs: [] } });
  const { port } = platform.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  const base = { origin, prefix: '', taskHub: 'Hub', connection: 'Storage', systemKey: 'key' };
  context.extraInputs.set(input, JSON.parse(clientBindingData(base, `${origin}${RPC_PREFIX}/`)));
  const request = {
    url: 'http://localhost/status',
    params: { batchId: ID },
    query: new URLSearchParams({ sig: signLink(KEY, 'status', headerOf(batch).id) }),
  };
  const answer = await createGetStatus(deps as unknown as TriggerDeps)(
    request as unknown as HttpRequest,
    context,
  );
  return { status: answer.status, body: JSON.parse(String(answer.body)) as Record<string, unknown> };
}

const TIMES = { createdTime: '2026-03-01T12:00:00Z', lastUpdatedTime: '2026-03-01T12:00:05Z' };
const NOTHING = { name: 'ingestBatch', instanceId: ID, input: null, customStatus: null };

test('before it is started it is pending', async () => {
  const body = {
    ...NOTHING,
    ...TIMES,
    lastUpdatedTime: TIMES.createdTime,
    runtimeStatus: 'Pending',
    output: null,
  };
  expect(await statusOf(open)).toEqual({ status: 202, body });
});

test('after the purge a batch that came to its end is completed', async () => {
  const body = { ...NOTHING, ...TIMES, runtimeStatus: 'Completed', output: { status: 'completed', counts } };
  expect(await statusOf(closed)).toEqual({ status: 200, body });
});

test.each([
  ['terminated', 'Terminated'],
  ['orchestration-failed', 'Failed'],
  ['orchestration-lost', 'Failed'],
] as const)('one that was closed because it is %s is %s', async (code, runtimeStatus) => {
  expect(await statusOf(failed(code))).toEqual({
    status: 200,
    body: { ...NOTHING, ...TIMES, runtimeStatus, output: 'Why.' },
  });
});

test('an upload that could not be read was an outcome like others', async () => {
  expect((await statusOf(failed('malformed-body'))).body).toMatchObject({
    runtimeStatus: 'Completed',
    output: { status: 'failed' },
  });
});
