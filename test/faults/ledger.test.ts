import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Container } from '@azure/cosmos';
import { BlobServiceClient } from '@azure/storage-blob';
import type { Ledger } from '../../src/activities/ledger/ledger';
import { rowId, rowPartition } from '../../src/domain/egress/row';
import { bucketOf, documentId, partitionKey } from '../../src/domain/keys';
import { APP_DIR } from '../../tools/lib/app';
import { cosmosContainer, headwater, subscribeSince, type Headwater } from '../support/headwater';
import { Receiver } from '../support/receiver';

const PRELOAD = join(APP_DIR, 'build', 'test', 'faults', 'support', 'ledger-faults.js');

let folder: string;
let hw: Headwater;
const receiver = new Receiver();
let subscription: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'headwater-ledger-'));
  hw = await headwater({ environment: { HEADWATER_FAULT_DIR: folder }, workerRequire: [PRELOAD] });
  subscription = await subscribeSince(hw, { url: await receiver.start(), datasets: ['things'] });
});
afterAll(async () => {
  receiver.close();
  await hw?.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const container = (name: string): Container => cosmosContainer(hw, name);
const ledger = (): Promise<Ledger> => hw.api.get<Ledger>('/api/ledger');

/** What is named, in a stable order. */
const named = ({ faults }: Pick<Ledger, 'faults'>): object[] =>
  faults
    .map((fault) => ({ ...fault, detail: undefined }))
    .toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

async function until(condition: (now: Ledger) => boolean): Promise<Ledger> {
  for (let turn = 0; turn < 300; turn++) {
    const now = await ledger();
    if (condition(now)) return now;
    await delay(100);
  }
  throw new Error(`It never came to that: ${JSON.stringify(await ledger())}`);
}

async function land(...records: object[]): Promise<string> {
  const body = records.map((record) => JSON.stringify(record)).join('\n');
  const { batchId } = await hw.api.post('things', body, { query: '?onInvalid=reject' });
  await hw.api.closed(batchId);
  return batchId;
}

const settled = (now: Ledger): boolean =>
  now.subscriptions.every(({ versions, delivered, superseded }) => delivered + superseded === versions);

async function changeRow(key: string, change: (row: Record<string, unknown>) => object): Promise<void> {
  const [id, pk] = [rowId('things', documentId(key)), rowPartition(subscription, key)];
  const { resource } = await container('deliveries').item(id, pk).read<Record<string, unknown>>();
  await container('deliveries').items.upsert({ ...resource, ...change(resource ?? {}) });
}

test('names what was lost, each by its name, and what can be repaired is repaired', async () => {
  const keys = Array.from({ length: 20 }, (_, index) => `key ${index}`);
  // While a verdict file is missing, what else is wrong in its buckets may not show.
  const apart = new Set(['key 0', 'new'].map(bucketOf));
  const others = Array.from({ length: 20 }, (_, index) => `other ${index}`).filter(
    (key) => !apart.has(bucketOf(key)),
  );
  const first = await land(...keys.map((path) => ({ path })));
  const unfiled = await land(...others.slice(1).map((path) => ({ path })));
  const forgotten = await land({ path: others[0] });
  const rejected = await land({ path: others[1], size: 2 }, { path: 'bad', size: 'none' });
  const second = await land(...keys.slice(10).map((path) => ({ path, size: 1 })));
  expect(await until((now) => settled(now) && now.subscriptions[0]?.versions !== 0)).toMatchObject({
    balanced: true,
    datasets: { things: { accepted: 32 + others.length, versions: 30 + others.length, balanced: true } },
    faultCount: 0,
  });
  const blobs = BlobServiceClient.fromConnectionString(hw.cloud.settings['AzureWebJobsStorage'] ?? '');
  for (const id of [unfiled, forgotten, rejected])
    await blobs.getContainerClient('verdicts').deleteBlob(`${id}/00000.ndjson`);
  await container('documents')
    .item(`${forgotten}:0:0`, partitionKey('things', bucketOf(others[0] ?? '')))
    .delete();
  await container('deliveries')
    .item(rowId('things', documentId('key 3')), rowPartition(subscription, 'key 3'))
    .delete();
  await changeRow('key 4', (row) => ({ delivered: Number(row['delivered']) + 1 }));
  await changeRow('key 5', (row) => ({ owed: Number(row['owed']) + 1 }));
  await changeRow('key 15', (row) => ({ owed: 1, settled: 1, delivered: Number(row['delivered']) - 1 }));
  const counts = { upserted: 9, unchanged: 1, stale: 0, quarantined: 0, deadLettered: 0, notApplied: 0 };
  await container('batches')
    .item(second, second)
    .patch([{ op: 'set', path: '/counts', value: counts }]);
  const skipping = await land(
    { path: 'key 0', note: 'never written' },
    { path: 'new', note: 'never written' },
  );
  await land({ path: 'key 1', note: 'passed over' }, { path: 'late', note: 'passed over' });

  const wrong = await until((now) => now.faults.some(({ key }) => key === 'late'));
  const row = { dataset: 'things', subscription };
  const skipped = [
    { code: 'skipped-write', dataset: 'things', batchId: skipping, chunk: 0, key: 'key 0' },
    { code: 'skipped-write', dataset: 'things', batchId: skipping, chunk: 0, key: 'new' },
  ];
  const file = { code: 'missing-verdicts', dataset: 'things', chunk: 0 };
  // Without its markers a file cannot be made again.
  const tampered = [
    { ...file, batchId: forgotten },
    { code: 'row-forgotten', ...row, key: 'key 5' },
    { code: 'row-unbalanced', ...row, key: 'key 4' },
    { code: 'summary-differs', dataset: 'things', batchId: second },
  ];
  const found = named(wrong).map((fault) => fault as Record<string, unknown>);
  expect(found.filter(({ code }) => code === 'skipped-write')).toEqual(skipped);
  expect(found).toEqual(expect.arrayContaining(tampered));
  expect(found).toEqual(
    expect.arrayContaining([
      { ...file, batchId: unfiled },
      { ...file, batchId: rejected },
      { code: 'missing-row', ...row, key: 'key 3', batchId: first },
      { code: 'missing-row', ...row, key: 'late', batchId: expect.any(String) },
      { code: 'row-behind', ...row, key: 'key 1', batchId: expect.any(String) },
      { code: 'row-behind', ...row, key: 'key 15', batchId: second },
    ]),
  );
  expect(wrong).toMatchObject({ balanced: false, faultCount: 12, datasets: { things: { balanced: false } } });

  writeFileSync(join(folder, 'repair'), '');
  const repaired = await until((now) => now.faultCount === 6 && !now.subscriptions[0]?.pending.due);
  expect(named(repaired)).toEqual(
    named({ faults: [...skipped, ...tampered] as unknown as Ledger['faults'] }),
  );
  expect(repaired.datasets['things']).toMatchObject({
    accepted: 36 + others.length,
    upserted: 33 + others.length,
    quarantined: 1,
    notApplied: 1,
    inFlight: 0,
  });
  expect(receiver.events.filter(({ subject }) => subject.includes('late')).length).toBe(1);
});
