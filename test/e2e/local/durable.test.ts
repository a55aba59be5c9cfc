import { KEYS, removeTemporaryFolders, startSampleHost } from '../../support/functions-host';

type Host = Awaited<ReturnType<typeof startSampleHost>>;
let host: Host;

beforeAll(async () => {
  host = await startSampleHost({ workers: 2 });
});

afterAll(async () => {
  await host.dispose();
  removeTemporaryFolders();
});

interface Started {
  id: string;
  statusQueryGetUri: string;
  purgeHistoryDeleteUri: string;
}

const json = (body: unknown): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

/** Starts through the SDK's client in the app. */
async function start(name: string, input: unknown): Promise<Started> {
  const response = await fetch(`${host.url}/api/start/${name}`, json(input));
  expect(response.status).toBe(202);
  return (await response.json()) as Started;
}

/** Starts through the management API and waits there for the end. */
async function run(name: string, input: unknown): Promise<unknown> {
  const path = `/runtime/webhooks/durabletask/orchestrators/${name}?timeout=30&pollingInterval=1&code=${KEYS.system}`;
  const response = await fetch(host.url + path, json(input));
  return response.json();
}

test('an orchestration started by the SDK runs, and its links work as they are', async () => {
  const started = await start('greetings', ['a', 'b', 'c']);
  expect(started.statusQueryGetUri).toContain(
    `${host.url}/runtime/webhooks/durabletask/instances/${started.id}?`,
  );
  let response = await fetch(started.statusQueryGetUri);
  while (response.status === 202) response = await fetch(started.statusQueryGetUri);
  expect(await response.json()).toEqual(
    expect.objectContaining({ runtimeStatus: 'Completed', output: ['Hello a', 'Hello b', 'Hello c'] }),
  );
  expect((await fetch(started.purgeHistoryDeleteUri, { method: 'DELETE' })).status).toBe(200);
  expect((await fetch(started.statusQueryGetUri)).status).toBe(404);
});

test('activities fan out over the workers', async () => {
  expect(await run('fanOut', 200)).toBe(19_900);
});

test('rounds of sub-orchestrations continue as new', async () => {
  const seen = [3, 2, 1].flatMap((left) => [1, 2, 3].map((n) => `Hello ${left}/${n}`));
  expect(await run('rounds', { left: 3, seen: [] })).toEqual(seen);
});

test.each([
  ['a text', 'text', 'text'],
  ['a text of digits', '12', '12'],
  ['a number', 1.5, 1.5],
  ['a boolean, which the platform makes a text', true, 'True'],
  ['null', null, null],
  ['an object', { a: [1, 'x', { b: null }] }, { a: [1, 'x', { b: null }] }],
  ['a text beyond ASCII', 'Größe \u2028 🌊', 'Größe \u2028 🌊'],
])('an activity gets and gives back %s', async (_what, input, expected) => {
  expect(await run('call', { activity: 'same', input })).toEqual(expected);
});

test('the failure of an activity reaches the orchestrator', async () => {
  expect(await run('call', { activity: 'fail' })).toEqual({
    failed: expect.stringMatching(/^Activity function 'fail' failed: meant to fail/),
  });
});

test('an event raised by the SDK wakes an instance', async () => {
  const { id } = await start('waits', null);
  expect((await fetch(`${host.url}/api/raise/${id}`, json({ now: 1 }))).status).toBe(202);
  const result = async (): Promise<{ status: string; output: unknown }> =>
    (await (await fetch(`${host.url}/api/result/${id}`)).json()) as { status: string; output: unknown };
  let { status, output } = await result();
  while (status !== 'Completed') ({ status, output } = await result());
  expect(output).toEqual(['Hello before', { now: 1 }, 'Hello after']);
});

test.each([
  [undefined, 401],
  [KEYS.function, 401],
  ['wrong', 401],
  [KEYS.system, 404],
  [KEYS.master, 404],
])('management with the key %s is %d', async (code, status) => {
  const query = code === undefined ? '' : `?code=${code}`;
  expect((await fetch(`${host.url}/runtime/webhooks/durabletask/instances/unknown${query}`)).status).toBe(
    status,
  );
});
