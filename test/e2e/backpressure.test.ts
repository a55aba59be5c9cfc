import { setTimeout as delay } from 'node:timers/promises';
import { headwater, type Headwater } from '../support/headwater';

let hw: Headwater;
beforeAll(async () => {
  hw = await headwater({
    settings: {
      HEADWATER_MAX_INGRESS_LAG: '3',
      // No trigger: only the sweep makes batches of what the hub has, and what it finds twice.
      'AzureWebJobs.recordsArrived.Disabled': 'true',
      HEADWATER_SWEEP_SCHEDULE: '*/2 * * * * *',
    },
  });
});
afterAll(() => hw.dispose());

const post = (size: number): Promise<Response> =>
  hw.api.request('/api/datasets/things/records', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ path: 'a', size }),
  });
const health = async (): Promise<Record<string, unknown>> =>
  (await (await fetch(`${hw.cloud.url}/api/health`)).json()) as Record<string, unknown>;

test('both doors close when too much waits, and open by themselves', async () => {
  const ids: string[] = [];
  let refused: Response | undefined;
  for (let size = 0; !refused && size < 100; size++) {
    const response = await post(size);
    if (response.status === 202) ids.push(((await response.json()) as { id: string }).id);
    else refused = response;
    await delay(100);
  }
  expect(ids.length).toBeGreaterThan(3);
  expect(refused?.status).toBe(429);
  expect(await refused?.json()).toMatchObject({ code: 'overloaded' });
  expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  expect(await health()).toMatchObject({ accepting: false, lag: { events: expect.any(Number) } });
  const batch = await hw.api.request('/api/datasets/things/batches', {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-ndjson' },
    body: '{"path":"b","size":1}\n',
  });
  expect(batch.status).toBe(429);

  for (let accepting = false; !accepting; await delay(100))
    accepting = (await health())['accepting'] === true;
  const again = await post(1_000);
  expect(again.status).toBe(202);
  ids.push(((await again.json()) as { id: string }).id);

  for (const id of ids)
    for (let verdict = ''; !['upserted', 'unchanged', 'stale'].includes(verdict); await delay(100))
      verdict = ((await (await hw.api.request(`/api/records/${id}`)).json()) as { verdict: string }).verdict;
  const ledger = await (await hw.api.request('/api/ledger')).json();
  expect(ledger).toMatchObject({ balanced: true, total: { accepted: ids.length, inFlight: 0 } });
});
