import type { HttpRequest } from '@azure/functions';
import { headerOf, type Batch, type Failure } from '../../../src/domain/ingest/batch';
import { signLink } from '../../../src/domain/links';
import { noVerdicts } from '../../../src/domain/ingest/verdict';
import { createGetStatus } from '../../../src/triggers/ingest/links';
import type { TriggerDeps } from '../../../src/triggers/ingest/deps';
import { FakePlatform } from './platform';

/** The status of a batch whose instance is not there (any more). */

const ID = 'a'.repeat(32);
const KEY = 'a secret of at least 32 characters';
const counts = { ...noVerdicts(), upserted: 2 };

const platform = new FakePlatform();
beforeAll(() => platform.start());
afterAll(() => platform.stop());

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
  const request = {
    url: 'http://localhost/status',
    params: { batchId: ID },
    query: new URLSearchParams({ sig: signLink(KEY, 'status', headerOf(batch).id) }),
  };
  const answer = await createGetStatus(deps as unknown as TriggerDeps)(
    request as unknown as HttpRequest,
    platform.context(),
  );
  return { status: answer.status, body: JSON.parse(answer.body as string) as Record<string, unknown> };
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
