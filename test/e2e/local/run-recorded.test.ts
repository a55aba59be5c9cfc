import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { callDeviations } from '../../conformance/durable/deviations';
import { normalise, readRecording } from '../../support/durable-golden';
import { removeTemporaryFolders, temporaryFolder } from '../../support/functions-host';

/** Whose instances need nothing from outside after their start. */
const SCENARIOS = [
  '01-one-activity',
  '02-three-sequential',
  '03-fan-out',
  '04-failures',
  '05-retry',
  '06-timers',
  '08-sub-orchestrations',
  '09-continue-as-new',
  '10-custom-status',
];

interface Status {
  readonly runtimeStatus: string;
  readonly output: unknown;
}

/** An instance as it was started on the platform, and as it ended there. */
interface Recorded {
  readonly name: string;
  readonly id: string;
  readonly body: string | undefined;
  readonly end: Status;
}

const isEnd = (body: unknown): body is Status =>
  ['Completed', 'Failed'].includes((body as Partial<Status> | null)?.runtimeStatus ?? '');

function recordedOf(scenario: string): Recorded[] {
  const { http } = readRecording(scenario);
  const deviating = new Set(
    callDeviations
      .filter((one) => one.scenario === scenario && one.compared === 'nothing')
      .map(({ name }) => name),
  );
  return http.flatMap(({ method, path, status, requestBody: body }) => {
    const [, name = '', id = ''] = /^\/orchestrators\/([^/?]+)\/([^/?]+)/.exec(path) ?? [];
    if (method !== 'POST' || status !== 202 || id === '' || deviating.has(name)) return [];
    const own = http.filter((exchange) => exchange.path.startsWith(`/instances/${id}`));
    if (own.some((exchange) => exchange.method !== 'GET')) return [];
    const end = own.map((exchange) => exchange.body).findLast(isEnd);
    return end ? [{ name, id, body, end }] : [];
  });
}

const data = temporaryFolder();
const child = spawn(
  process.execPath,
  [
    resolve(__dirname, '../../../build/tools/local.js'),
    'functions',
    '--port',
    '0',
    '--data',
    data,
    '--app',
    resolve(__dirname, '../../support/apps/recorded'),
  ],
  { stdio: ['ignore', 'pipe', 'ignore'] },
);
const exit = once(child, 'exit');
let api: (path: string, request?: RequestInit) => Promise<Response>;

beforeAll(async () => {
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  const url = line.replace('READY functions ', '');
  const { keys } = JSON.parse(readFileSync(join(data, 'keys.json'), 'utf8')) as {
    keys: { functions: { system: string } };
  };
  api = (path, request) =>
    fetch(`${url}/runtime/webhooks/durabletask${path}`, {
      ...request,
      headers: { 'x-functions-key': keys.functions.system, 'content-type': 'application/json' },
    });
});
afterAll(async () => {
  child.kill('SIGTERM');
  await exit;
  removeTemporaryFolders();
});

/** Starts an instance as it was recorded, and gives how it ends. */
async function endOf({ name, id, body }: Recorded): Promise<Status> {
  const started = await api(`/orchestrators/${name}/${id}`, { method: 'POST', body: body ?? null });
  expect(started.status).toBe(202);
  for (;;) {
    const status: unknown = await (await api(`/instances/${id}`)).json();
    if (isEnd(status)) return { runtimeStatus: status.runtimeStatus, output: status.output };
    await delay(50);
  }
}

test('the app of the recordings ends under the local host as it ended on the platform', async () => {
  const all = SCENARIOS.flatMap(recordedOf);
  expect(all.length).toBeGreaterThan(30);
  const ends = await Promise.all(
    all.map(async (one) => ({ name: one.name, ...(normalise(await endOf(one)) as Status) })),
  );
  expect(ends).toEqual(
    all.map(({ name, end: { runtimeStatus, output } }) => ({
      name,
      ...(normalise({ runtimeStatus, output }) as Status),
    })),
  );
});
