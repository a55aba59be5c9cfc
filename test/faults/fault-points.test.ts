import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ApiError, type AcceptedBatch } from '../../tools/lib/api';
import { APP_DIR } from '../../tools/lib/app';
import { headwater, type Headwater } from '../support/headwater';
import { until } from '../support/until';

const PRELOAD = join(APP_DIR, 'build', 'test', 'faults', 'support', 'fault-point.js');

let folder: string;
let hw: Headwater;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'headwater-point-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** One Headwater for the tests of a block, each of which arms its fault. */
function serves(): void {
  beforeAll(async () => {
    hw = await headwater({ environment: { HEADWATER_FAULT_DIR: folder }, workerRequire: [PRELOAD] });
  });
  afterAll(() => hw.dispose());
}

const sign = (name: string): string => join(folder, name);

/** @param fault `<action> <point>`, as in `support/fault-point.ts` */
function arm(fault: string): void {
  for (const name of ['armed', 'hit', 'done', 'release']) rmSync(sign(name), { force: true });
  // The worker reads a whole name or none.
  writeFileSync(sign('arming'), fault);
  renameSync(sign('arming'), sign('armed'));
}

const wasHit = (): boolean => existsSync(sign('hit'));

/** Two documents, of which one changes; named after the batch, since several share a store. */
const bodyOf = (name: string): string =>
  [
    `{"path":"${name}/a","size":1}`,
    `{"path":"${name}/b","size":2}`,
    `{"path":"${name}/b","size":3}`,
    '',
  ].join('\n');

/** Posts as a producer does: with the same idempotency key until there is an answer. */
async function post(name: string, upload?: string): Promise<AcceptedBatch> {
  const [body, query] = upload === undefined ? [bodyOf(name), ''] : ['', `?upload=${upload}`];
  for (let attempt = 0; attempt < 200; attempt++) {
    try {
      return await hw.api.post('things', body, { idempotencyKey: name, query });
    } catch (error) {
      if (error instanceof ApiError && error.status < 500 && error.status !== 409) throw error;
      await delay(100);
    }
  }
  throw new Error('The batch was never accepted.');
}

interface Instance {
  readonly runtimeStatus: string;
  readonly input: unknown;
  readonly output: unknown;
}

const management = (path: string): string =>
  `${hw.cloud.url}/runtime/webhooks/durabletask${path}?showInput=true&code=${hw.cloud.keys.functions.system}`;

async function completed(batchId: string): Promise<Instance> {
  let instance: Instance | undefined;
  await until(async () => {
    const response = await fetch(management(`/instances/${batchId}`)).catch(() => undefined);
    instance = response?.ok ? ((await response.json()) as Instance) : undefined;
    return instance?.runtimeStatus === 'Completed';
  });
  return instance!;
}

async function documentsOf(name: string): Promise<string[]> {
  const documents = await hw.recount.documents();
  return documents
    .filter(({ data }) => String(data['path']).startsWith(`${name}/`))
    .map(({ data, _hw }) => `${String(data['path'])} ${String(data['size'])} version ${_hw.version}`)
    .toSorted();
}

/** How often each event of a batch is in the hub. */
async function eventsOf(batchId: string): Promise<[number: number, times: number][]> {
  const events = await hw.recount.events();
  return [...events]
    .filter(([id]) => id.startsWith(`${batchId}/`))
    .map(([id, times]): [number, number] => [Number(id.slice(batchId.length + 1)), times])
    .toSorted(([a], [b]) => a - b);
}

async function expectLandedOnce(name: string, batchId: string): Promise<void> {
  const report = await hw.api.closed(batchId);
  expect(report.counts).toMatchObject({ accepted: 3, upserted: 2, stale: 1, inFlight: 0 });
  expect(await documentsOf(name)).toEqual([`${name}/a 1 version 1`, `${name}/b 3 version 1`]);
  expect((await eventsOf(batchId)).map(([number]) => number)).toEqual([0, 1, 2]);
  // Nothing of it is under way when the next fault is armed.
  await completed(batchId);
}

/** @returns the batch, which landed once and is the only new one */
async function landWith(fault: string, upload?: string): Promise<string> {
  const before = (await hw.recount.batches()).length;
  arm(fault);
  const name = fault.replaceAll(' ', '-');
  const { batchId } = await post(name, upload);
  await expectLandedOnce(name, batchId);
  expect(wasHit()).toBe(true);
  expect((await post(name, upload)).batchId).toBe(batchId);
  expect((await hw.recount.batches()).length).toBe(before + 1);
  return batchId;
}

/** Few enough a block that the host does not pause long before it starts a worker again. */
describe.each([
  ['before inbox', 'after inbox', 'before reservation'],
  ['after reservation', 'before start', 'after start'],
  ['before open', 'after open', 'after archive'],
  ['after validated', 'before group', 'after group', 'after verdicts'],
])('a crash of the worker', (...points) => {
  serves();
  test.each(points)('"%s" loses and doubles nothing', async (point) => {
    await landWith(`crash ${point}`);
  });
});

interface Grant {
  readonly uploadId: string;
  readonly uploadUrl: string;
  readonly headers: Record<string, string>;
}

describe('with a worker that lives', () => {
  serves();

  test.each(['reservation', 'start', 'open', 'group', 'verdicts'])(
    'a lost answer to a committed "%s" write changes nothing',
    async (point) => {
      await landWith(`lose ${point}`);
    },
  );

  test('an activity that still runs after the termination can no longer write', async () => {
    arm('stall group');
    const { batchId, terminatePostUri } = await post('stalled');
    await until(wasHit);
    expect((await fetch(terminatePostUri, { method: 'POST' })).status).toBe(202);
    const report = await hw.api.closed(batchId);
    expect(report).toMatchObject({ status: 'failed', failure: { code: 'terminated' } });
    const { upserted, stale, notApplied } = report.counts;
    writeFileSync(sign('release'), '');
    await until(() => existsSync(sign('done')));
    // The late group finds its marker; give it the time to do harm before looking.
    await delay(300);
    expect((await documentsOf('stalled')).length).toBe(upserted);
    expect(notApplied).toBeGreaterThan(0);
    expect(upserted + stale + notApplied).toBe(3);
    expect((await hw.api.batch(batchId)).counts).toEqual(report.counts);
  });

  test('a finished batch that is started again ends without effect', async () => {
    const { batchId } = await post('again');
    await hw.api.closed(batchId);
    const before = await hw.api.batch(batchId);
    const { input } = await completed(batchId);
    const again = await fetch(management(`/orchestrators/ingestBatch/${batchId}`), {
      method: 'POST',
      body: JSON.stringify(input),
    });
    expect(again.status).toBe(202);
    expect((await completed(batchId)).output).toEqual({ status: 'completed' });
    expect(await hw.api.batch(batchId)).toEqual(before);
    await expectLandedOnce('again', batchId);
    expect((await eventsOf(batchId)).map(([, times]) => times)).toEqual([1, 1, 1]);
  });

  test.each(['after archive', 'after validated'])(
    'until it crashes "%s" of an upload: nothing is lost or doubled',
    async (point) => {
      const response = await hw.api.request('/api/datasets/things/uploads', { method: 'POST' });
      const { uploadId, uploadUrl, headers } = (await response.json()) as Grant;
      const fault = `crash ${point}`;
      const body = bodyOf(fault.replaceAll(' ', '-'));
      expect((await fetch(uploadUrl, { method: 'PUT', headers, body })).status).toBe(201);
      await landWith(fault, uploadId);
    },
  );
});
