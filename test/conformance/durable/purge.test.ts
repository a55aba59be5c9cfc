import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { loadSdk } from '../../support/durable-sdk';
import { startTestHost, type TestHost } from '../../support/durable-host';

const df = loadSdk();
const PATIENCE_MS = 10_000;

df.app.orchestration('Waiter', function* (context) {
  yield context.df.waitForExternalEvent('Done');
  return yield context.df.callActivity('Echo', 'x');
});
df.app.activity('Echo', { handler: (input: unknown) => input });

const LONG_AGO = '2020-01-01T00:00:00Z';
const LATER = '2100-01-01T00:00:00Z';

let folder: string;
let file: string;
let host: TestHost;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'headwater-purge-'));
  file = join(folder, 'durable.db');
  host = startTestHost({ file });
  for (const id of ['done', 'ended', 'runs'])
    await host.engine.startInstance({ name: 'Waiter', id, input: '{}' });
  await host.engine.raiseEvent('done', 'Done', '1');
  await host.engine.whenEnded('done', PATIENCE_MS);
  await host.engine.terminate('ended', null);
  await host.engine.raiseEvent('runs', 'Other', '1');
});

afterEach(() => {
  host.dispose();
  rmSync(folder, { recursive: true, force: true });
});

/** Rows of each table that belong to an instance which is not there, or to one of these. */
function rows(...ids: string[]): number {
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    const among = `(SELECT seq FROM instances WHERE id NOT IN (${ids.map((id) => `'${id}'`).join(',')}))`;
    return ['instances WHERE seq', 'episodes WHERE instance', 'inbox WHERE instance']
      .map((part) => db.prepare(`SELECT count(*) AS n FROM ${part} NOT IN ${among}`).get()?.['n'])
      .reduce<number>((total, n) => total + Number(n), 0);
  } finally {
    db.close();
  }
}

const purge = (query: string) => host.send('DELETE', `/instances?${query}`);

test('a filter needs a beginning', async () => {
  expect((await purge(`createdTimeTo=${LATER}`)).status).toBe(400);
  expect((await purge('createdTimeFrom=zzz')).status).toBe(400);
  expect(host.engine.find('done')).toBeDefined();
});

test.each([
  `createdTimeFrom=${LATER}`,
  `createdTimeFrom=${LONG_AGO}&createdTimeTo=${LONG_AGO}`,
  `createdTimeFrom=${LONG_AGO}&runtimeStatus=Failed`,
  `createdTimeFrom=${LONG_AGO}&runtimeStatus=Running,Pending`,
])('what no ended instance satisfies is not found: %s', async (query) => {
  expect((await purge(query)).status).toBe(404);
  for (const id of ['done', 'ended', 'runs']) expect(host.engine.find(id)).toBeDefined();
});

test('a filter removes ended instances, with all their rows, and leaves those that run', async () => {
  expect(rows('done', 'ended')).toBeGreaterThan(2);
  const answer = await purge(`createdTimeFrom=${LONG_AGO}&createdTimeTo=${LATER}`);
  expect({ ...answer, body: JSON.parse(answer.body) as unknown }).toMatchObject({
    status: 200,
    body: { instancesDeleted: 2 },
  });
  expect(rows('done', 'ended')).toBe(0);
  expect(await host.engine.raiseEvent('ended', 'Done', '1')).toBe('notFound');
  await host.engine.raiseEvent('runs', 'Done', '1');
  await host.engine.whenEnded('runs', PATIENCE_MS);
  expect(host.engine.find('runs')).toMatchObject({ status: 'Completed', output: '"x"' });
});

test('a filter by status removes those only', async () => {
  expect((await purge(`createdTimeFrom=${LONG_AGO}&runtimeStatus=Terminated`)).status).toBe(200);
  expect(rows('ended')).toBe(0);
  expect(host.engine.find('done')).toBeDefined();
});

test('by id all rows go, too, and an id can be used again', async () => {
  await host.engine.purge('done');
  expect(rows('done')).toBe(0);
  await host.engine.startInstance({ name: 'Waiter', id: 'done', input: '{}' });
  await host.engine.raiseEvent('done', 'Done', '1');
  await host.engine.whenEnded('done', PATIENCE_MS);
  expect(host.engine.find('done')).toMatchObject({ status: 'Completed' });
});

test('of two at once one finds nothing', async () => {
  const outcomes = await Promise.all([host.engine.purge('done'), host.engine.purge('done')]);
  expect(outcomes).toEqual([{ outcome: 'purged' }, { outcome: 'notFound' }]);
});

test('more are removed than go into one write', async () => {
  const ids = Array.from({ length: 250 }, (_, n) => `many-${n}`);
  await Promise.all(ids.map((id) => host.engine.startInstance({ name: 'Waiter', id, input: null })));
  await Promise.all(ids.map((id) => host.engine.terminate(id, null)));
  expect(await host.engine.purgeBy({ createdFrom: 0, statuses: ['Terminated'] })).toBe(251);
  expect(rows('ended', ...ids)).toBe(0);
});
