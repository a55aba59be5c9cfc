import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BatchReport } from '../../tools/lib/api';
import { headwater, ROOT, type Headwater } from '../support/headwater';

const tutorial = readFileSync(join(ROOT, 'docs', 'datasets.md'), 'utf8');
const [, levels = ''] = /```json\n([^`]+)```/.exec(tutorial) ?? [];

let hw: Headwater;
beforeAll(async () => {
  hw = await headwater({ schemas: { levels } });
});
afterAll(() => hw?.dispose());

const level = (station: string, levelCm: unknown, hour = 10): object => ({
  station,
  measuredAt: `2026-01-01T${String(hour).padStart(2, '0')}:00:00Z`,
  levelCm,
});

interface RecordState {
  readonly id: string;
  readonly verdict: string;
  readonly dataset?: string;
  readonly batchId?: string;
  readonly index?: number;
  readonly version?: number;
}

async function post(body: unknown, more: RequestInit = {}, dataset = 'levels') {
  const response = await hw.api.request(`/api/datasets/${dataset}/records`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
    ...more,
  });
  const document = (await response.json().catch(() => ({}))) as Record<string, unknown>;
  return { status: response.status, document };
}

async function accepted(body: unknown): Promise<string[]> {
  const { status, document } = await post(body);
  expect([status, document]).toEqual([202, document]);
  return (document['ids'] as string[] | undefined) ?? [String(document['id'])];
}

const state = (id: string): Promise<RecordState> => hw.api.get<RecordState>(`/api/records/${id}`);

/** Waits for the record's verdict. */
async function verdict(id: string): Promise<RecordState> {
  for (;;) {
    const found = await state(id);
    if (found.verdict !== 'inFlight') return found;
    await sleep(50);
  }
}

async function balanced(): Promise<void> {
  for (let looks = 0; ; looks++) {
    const { balanced: isBalanced, faults } = await hw.api.ledger();
    if (isBalanced) return;
    if (looks === 20) expect(faults).toEqual([]);
    await sleep(100);
  }
}

test('a record is in flight, and then what became of it', async () => {
  const [id = ''] = await accepted(level('Dresden', 141));
  const begun = await state(id);
  expect([begun.id, begun.verdict]).toEqual([id, expect.stringMatching(/^(inFlight|upserted)$/)]);
  const landed = await verdict(id);
  expect(landed).toMatchObject({ id, dataset: 'levels', verdict: 'upserted', version: 1, index: 0 });
  expect(await hw.api.get('/api/datasets/levels/documents/Dresden')).toMatchObject({
    data: level('Dresden', 141),
    version: 1,
  });
  const report: BatchReport = await hw.api.closed(String(landed.batchId));
  expect(report).toMatchObject({
    format: 'records',
    status: 'completed',
    counts: { accepted: 1, upserted: 1 },
  });

  // The same content again, an older one, and newer ones that are sent together.
  const sent = await Promise.all([accepted(level('Dresden', 141)), accepted(level('Dresden', 99, 9))]);
  const [repeated, older] = await Promise.all(sent.flat().map(verdict));
  expect([repeated, older]).toMatchObject([{ verdict: 'unchanged', version: 1 }, { verdict: 'stale' }]);
  const several = await accepted([level('Dresden', 150, 11), level('Pirna', 1), level('Meissen', 2)]);
  expect(new Set(several).size).toBe(3);
  const verdicts = await Promise.all(several.map(verdict));
  expect(verdicts.map(({ id: of, verdict: is, version }) => [of, is, version])).toEqual([
    [several[0], 'upserted', 2],
    [several[1], 'upserted', 1],
    [several[2], 'upserted', 1],
  ]);
  await balanced();
});

test('every refusal names its cause, and nothing of it lands', async () => {
  const json = (body: string, headers: Record<string, string> = {}) =>
    post(undefined, { body, headers: { 'Content-Type': 'application/json', ...headers } });
  const many = Array.from({ length: 101 }, (_, at) => level(`refused-${at}`, 1));
  const answers = await Promise.all([
    post([level('refused', 1), level('refused', 'high'), { station: 5 }]),
    post([]),
    post(many),
    json('{"station":'),
    json('{}', { 'Content-Type': 'text/csv' }),
    json('{}', { 'x-functions-key': 'wrong' }),
    post({}, {}, 'nothing'),
  ]);
  expect(answers.map(({ status, document }) => [status, document['code']])).toEqual([
    [400, 'invalid-records'],
    [400, 'empty-batch'],
    [413, 'batch-too-large'],
    [400, 'malformed-body'],
    [415, 'unsupported-media-type'],
    [401, undefined],
    [404, 'unknown-dataset'],
  ]);
  expect(answers[0]?.document['records']).toEqual([
    { index: 1, errors: [expect.objectContaining({ pointer: '/levelCm', keyword: 'type' })] },
    {
      index: 2,
      errors: expect.arrayContaining([expect.objectContaining({ pointer: '/station' })]) as unknown,
    },
  ]);
  const unknown = await hw.api.request(`/api/records/${'0'.repeat(39)}`);
  expect([unknown.status, ((await unknown.json()) as { code: string }).code]).toEqual([
    404,
    'unknown-record',
  ]);
  expect((await hw.api.request('/api/datasets/levels/documents/refused')).status).toBe(404);
});

test('when the hub is killed, what was accepted lands, and what was not may be sent again', async () => {
  const ids = new Map<string, string>();
  const refused: string[] = [];
  const send = async (gauge: string): Promise<void> => {
    const { status, document } = await post(level(gauge, 1));
    if (status === 202) ids.set(gauge, String(document['id']));
    else {
      expect([status, document['code']]).toEqual([503, 'store-unavailable']);
      refused.push(gauge);
    }
  };
  const wave = (name: string): Promise<unknown> =>
    Promise.all(Array.from({ length: 20 }, (_, at) => send(`${name}-${at}`)));
  await wave('before');
  const during = wave('during');
  hw.cloud.kill('eventhubs', 'SIGKILL');
  await Promise.all([during, wave('while')]);
  await hw.cloud.ready('eventhubs');
  await wave('after');
  for (const gauge of refused.splice(0)) await send(gauge);
  expect([ids.size, refused]).toEqual([80, []]);
  const found = await Promise.all([...ids.values()].map(verdict));
  // What was refused may have landed all the same: then it was there already.
  expect(found.filter(({ verdict: is }) => is !== 'upserted' && is !== 'unchanged')).toEqual([]);
  expect(found.slice(0, 20).map((one) => one.verdict)).toEqual(Array.from({ length: 20 }, () => 'upserted'));
  await balanced();
});
