import { setTimeout as delay } from 'node:timers/promises';
import type { RecordReport } from '../../tools/lib/api';
import { headwater, type Headwater } from '../support/headwater';

let hw: Headwater;
beforeAll(async () => {
  const settings = { HEADWATER_PURGE_AFTER_HOURS: '0', HEADWATER_PURGE_SCHEDULE: '* * * * * *' };
  hw = await headwater({ settings });
});
afterAll(() => hw?.dispose());

const RECORDS = 2_500;
const BAD = 1_700;

/** Several chunks; one record is bad, and one key comes twice, far apart. */
const BODY = Array.from({ length: RECORDS }, (_, index) =>
  JSON.stringify({
    path: index === RECORDS - 1 ? 'thing 0' : `thing ${index}`,
    size: index === BAD ? 'none' : index,
  }),
).join('\n');

/** The platform's own answer, which only operators see. */
const instance = (id: string): Promise<Response> =>
  fetch(`${hw.api.url}/runtime/webhooks/durabletask/instances/${id}?code=${hw.cloud.keys.functions.system}`);

async function purged(id: string): Promise<void> {
  const isLeft = async (): Promise<boolean> =>
    (await hw.recount.blobNames('chunks', id)).length > 0 ||
    (await hw.recount.blobNames('validated', id)).length > 0 ||
    (await instance(id)).status !== 404;
  while (await isLeft()) await delay(200);
}

test('a closed batch is purged, and answers as before', async () => {
  const accepted = await hw.api.post('things', BODY);
  const { batchId: id, statusQueryGetUri } = accepted;
  const before = await hw.api.closed(id);
  expect(before.counts).toMatchObject({ accepted: RECORDS, upserted: RECORDS - 2, stale: 1, quarantined: 1 });
  await purged(id);

  expect(await hw.api.batch(id)).toEqual(before);
  const status = await fetch(statusQueryGetUri);
  const { accepted: _accepted, inFlight: _inFlight, ...counts } = before.counts;
  expect({ status: status.status, body: await status.json() }).toMatchObject({
    status: 200,
    body: {
      name: 'ingestBatch',
      instanceId: id,
      runtimeStatus: 'Completed',
      output: { status: 'completedWithRejects', counts },
    },
  });

  const records: RecordReport[] = [];
  for await (const record of hw.api.records(id, '?maxpagesize=1000')) records.push(record);
  expect(records).toHaveLength(RECORDS);
  expect(records.find(({ index }) => index === BAD)).toMatchObject({
    verdict: 'quarantined',
    record: { path: `thing ${BAD}`, size: 'none' },
  });
  expect(await hw.api.ledger()).toMatchObject({ balanced: true, total: { accepted: RECORDS, inFlight: 0 } });

  const redriven = await hw.api.request(`/api/batches/${id}/redrive`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify([{ index: BAD, record: { path: `thing ${BAD}`, size: BAD } }]),
  });
  expect(redriven.status).toBe(202);
  const again = ((await redriven.json()) as { batchId: string }).batchId;
  expect((await hw.api.closed(again)).counts).toMatchObject({ accepted: 1, upserted: 1 });
  await purged(again);
  expect(await hw.api.ledger()).toMatchObject({
    balanced: true,
    total: { accepted: RECORDS + 1, upserted: RECORDS - 1, versions: RECORDS - 1 },
  });
}, 60_000);
