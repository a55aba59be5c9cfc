import { getPriority } from 'node:os';
import { KEYS, removeTemporaryFolders, startSampleHost } from '../../support/functions-host';
import { until } from '../../support/until';

let host: Awaited<ReturnType<typeof startSampleHost>>;

beforeAll(async () => {
  host = await startSampleHost({ scaleGroups: true });
});

afterAll(async () => {
  await host.dispose();
  removeTemporaryFolders();
});

/** The process that answers requests. */
async function ofHttp(): Promise<number> {
  return Number(await (await fetch(`${host.url}/api/pid`)).text());
}

/** The process that an activity runs in. */
async function ofActivity(): Promise<number> {
  const path = `/runtime/webhooks/durabletask/orchestrators/call?timeout=30&pollingInterval=1&code=${KEYS.system}`;
  const response = await fetch(host.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ activity: 'workerOf' }),
  });
  return Number(await response.json());
}

test('requests, the durable functions and the others have a process each, and a request goes first', async () => {
  expect(host.workerPids.length).toBe(3);
  const [http, durable] = [await ofHttp(), await ofActivity()];
  expect(new Set(host.workerPids).has(http)).toBe(true);
  expect(new Set(host.workerPids).has(durable)).toBe(true);
  expect(durable).not.toBe(http);
  const others = host.workerPids.filter((pid) => pid !== http);
  for (const pid of others) expect(getPriority(pid)).toBeGreaterThan(getPriority(http));
});

test('a process that is lost is replaced by one of its group, and the other groups go on', async () => {
  const [http, durable] = [await ofHttp(), await ofActivity()];
  process.kill(durable, 'SIGKILL');
  expect(await ofHttp()).toBe(http);
  const next = await ofActivity();
  expect(next).not.toBe(durable);
  expect(next).not.toBe(http);
  process.kill(http, 'SIGKILL');
  await until(() => !host.workerPids.includes(http) && host.workerPids.length === 3);
  expect(await ofHttp()).not.toBe(http);
  expect(await ofActivity()).toBe(next);
});
