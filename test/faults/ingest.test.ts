import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ApiError } from '../../tools/lib/api';
import { APP_DIR } from '../../tools/lib/app';
import { headwater, type Headwater } from '../support/headwater';
import { VICTIMS, type Victim } from './support/plug';
import { runRound } from './support/round';

const PRELOAD = join(APP_DIR, 'build', 'test', 'faults', 'support', 'fault-point.js');

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'headwater-point-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const wasHit = (point: string): boolean => existsSync(join(folder, point));

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 600; turn++) {
    if (await condition()) return;
    await delay(50);
  }
  throw new Error('It never came to that.');
}

async function withFault<T>(fault: string, use: (hw: Headwater) => Promise<T>): Promise<T> {
  const environment = { HEADWATER_FAULT: fault, HEADWATER_FAULT_DIR: folder };
  const hw = await headwater({ environment, workerRequire: [PRELOAD] });
  try {
    return await use(hw);
  } finally {
    await hw.dispose();
  }
}

const BODY = '{"path":"a","size":1}\n{"path":"b","size":2}\n{"path":"b","size":3}\n';

/** Posts as a producer does: with the same idempotency key until there is an answer. */
async function post(hw: Headwater, key: string, upload?: string): Promise<string> {
  const [body, query] = upload === undefined ? [BODY, ''] : ['', `?upload=${upload}`];
  for (let attempt = 0; attempt < 100; attempt++) {
    try {
      return (await hw.api.post('things', body, { idempotencyKey: key, query })).batchId;
    } catch (error) {
      if (error instanceof ApiError && error.status < 500 && error.status !== 409) throw error;
      await delay(100);
    }
  }
  throw new Error('The batch was never accepted.');
}

async function expectLandedOnce(hw: Headwater, batchId: string): Promise<void> {
  const report = await hw.api.closed(batchId);
  expect(report.counts).toMatchObject({ accepted: 3, upserted: 2, stale: 1, inFlight: 0 });
  const documents = await hw.recount.documents();
  const found = documents.map(
    ({ data, _hw }) => `${String(data['path'])} ${String(data['size'])} version ${_hw.version}`,
  );
  expect(found.toSorted()).toEqual(['a 1 version 1', 'b 3 version 1']);
  const events = await hw.recount.events();
  expect([...events.keys()].toSorted()).toEqual([0, 1, 2].map((index) => `${batchId}/${index}`));
}

describe('a crash of the worker at', () => {
  test.each([
    'before inbox',
    'after inbox',
    'before reservation',
    'after reservation',
    'before start',
    'after start',
    'before open',
    'after open',
    'after archive',
    'after validated',
    'before group',
    'after group',
    'after verdicts',
  ])('"%s" loses and doubles nothing', async (point) => {
    await withFault(`crash:${point}`, async (hw) => {
      const batchId = await post(hw, 'one key');
      await expectLandedOnce(hw, batchId);
      expect(await post(hw, 'one key')).toBe(batchId);
      expect((await hw.recount.batches()).length).toBe(1);
      expect(wasHit(point)).toBe(true);
    });
  });
});

describe('a crash of the worker that reads an upload, at', () => {
  test.each(['after archive', 'after validated'])('"%s" loses and doubles nothing', async (point) => {
    await withFault(`crash:${point}`, async (hw) => {
      const request = { method: 'POST' };
      const grant = (await (await hw.api.request('/api/datasets/things/uploads', request)).json()) as Grant;
      const { uploadId, uploadUrl, headers } = grant;
      expect((await fetch(uploadUrl, { method: 'PUT', headers, body: BODY })).status).toBe(201);
      const batchId = await post(hw, 'one key', uploadId);
      await expectLandedOnce(hw, batchId);
      expect(wasHit(point)).toBe(true);
    });
  });
});

interface Grant {
  readonly uploadId: string;
  readonly uploadUrl: string;
  readonly headers: Record<string, string>;
}

describe('a lost answer to', () => {
  test.each(['reservation', 'start', 'open', 'group', 'verdicts'])(
    'a committed "%s" write changes nothing',
    async (point) => {
      await withFault(`lose:${point}`, async (hw) => {
        const batchId = await post(hw, 'one key');
        await expectLandedOnce(hw, batchId);
        expect((await hw.recount.batches()).length).toBe(1);
        expect(wasHit(point)).toBe(true);
      });
    },
  );
});

test('an activity that still runs after the termination can no longer write', async () => {
  await withFault('stall:group', async (hw) => {
    const { batchId, terminatePostUri } = await hw.api.post('things', BODY);
    await until(() => wasHit('group'));
    expect((await fetch(terminatePostUri, { method: 'POST' })).status).toBe(202);
    const report = await hw.api.closed(batchId);
    expect(report).toMatchObject({ status: 'failed', failure: { code: 'terminated' } });
    const { upserted, stale, notApplied } = report.counts;
    writeFileSync(join(folder, 'release'), '');
    await until(() => wasHit('group.done'));
    // The late group finds its marker; give it the time to do harm before looking.
    await delay(300);
    const documents = await hw.recount.documents();
    expect(documents.length).toBe(upserted);
    expect(notApplied).toBeGreaterThan(0);
    expect(upserted + stale + notApplied).toBe(3);
    expect((await hw.api.batch(batchId)).counts).toEqual(report.counts);
  });
});

test('a finished batch that is started again ends without effect', async () => {
  await withFault('none:none', async (hw) => {
    const { batchId } = await hw.api.post('things', BODY);
    await hw.api.closed(batchId);
    const before = await hw.api.batch(batchId);
    const management = `${hw.cloud.url}/runtime/webhooks/durabletask`;
    const code = `code=${hw.cloud.keys.functions.system}`;
    const status = async (): Promise<{ input: unknown; output: unknown; runtimeStatus: string }> =>
      (await fetch(`${management}/instances/${batchId}?showInput=true&${code}`)).json() as never;
    await until(async () => (await status()).runtimeStatus === 'Completed');
    const body = JSON.stringify((await status()).input);
    const again = await fetch(`${management}/orchestrators/ingestBatch/${batchId}?${code}`, {
      method: 'POST',
      body,
    });
    expect(again.status).toBe(202);
    await until(async () => (await status()).runtimeStatus === 'Completed');
    expect((await status()).output).toEqual({ status: 'completed' });
    expect(await hw.api.batch(batchId)).toEqual(before);
    await expectLandedOnce(hw, batchId);
    expect([...(await hw.recount.events()).values()]).toEqual([1, 1, 1]);
  });
});

/** Each victim once; `npm run test:faults` has any number of rounds, with any victims. */
const ROUNDS: readonly (readonly Victim[])[] = [
  ['worker', 'cosmos', 'blob', 'functions', 'eventhubs', 'everything'],
];

test('the rounds leave no victim out', () => {
  expect(ROUNDS.flat().toSorted()).toEqual([...VICTIMS].toSorted());
});

describe('kill -9 while 20 batches are in flight, of', () => {
  test.each(ROUNDS.map((victims, number) => [victims.join(' and then '), victims, number] as const))(
    '%s: every record has one verdict, and the newest version of each key is there',
    async (_, victims, number) => {
      expect((await runRound(1000 + number, victims)).faults).toEqual([]);
    },
    120_000,
  );
});
