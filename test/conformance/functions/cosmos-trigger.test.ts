import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ChangeFeedStartFrom, CosmosClient, type Container } from '@azure/cosmos';
import { cosmosConnectionString, startCosmos } from '../../../local/cosmos/server';
import type { Service } from '../../../local/shared/child';
import {
  copySampleApp,
  removeTemporaryFolders,
  startSampleHost,
  temporaryFolder,
  until,
} from '../../support/functions-host';
import { forkSampleHost, killHost } from '../../support/host-process';
import { Sink } from '../../support/sink';

interface Change {
  id: string;
  n?: number;
  _lsn: number;
}

interface Report {
  name: string;
  batch: Change[];
  retry?: { retryCount: number; maxRetryCount: number };
  metadata?: Record<string, unknown>;
}

interface Lease {
  id: string;
  LeaseToken: string;
  ContinuationToken: string | null;
}

const KEY = Buffer.from('a key for tests only').toString('base64');

let store: Service;
let storeDir: string;
let client: CosmosClient;
let sink: Sink<Report>;
let sinkUrl: string;
let host: Awaited<ReturnType<typeof startSampleHost>> | undefined;
let child: ChildProcess | undefined;

const openStore = (port: number): Promise<Service> => startCosmos({ dataDir: storeDir, port, key: KEY });

beforeEach(async () => {
  storeDir = temporaryFolder();
  store = await openStore(0);
  client = new CosmosClient(cosmosConnectionString({ port: store.port, key: KEY }));
  await client.databases.create({ id: 'db' });
  sink = new Sink();
  sinkUrl = await sink.start();
});

afterEach(async () => {
  if (child) await killHost(child);
  child = undefined;
  await stopHost();
  client.dispose();
  sink.close();
  await store.dispose();
});

afterAll(removeTemporaryFolders);

async function newContainer(throughput = 400): Promise<Container> {
  const { container } = await client
    .database('db')
    .containers.create({ id: 'items', partitionKey: { paths: ['/id'], version: 2 }, throughput });
  return container;
}

const environment = (further: Record<string, string> = {}): Record<string, string> => ({
  Cosmos: cosmosConnectionString({ port: store.port, key: KEY }),
  FEED_CONTAINER: 'items',
  SINK: sinkUrl,
  ...further,
});

async function startHost(further: Record<string, string> = {}, appDir?: string): Promise<void> {
  host = await startSampleHost({ environment: environment(further), ...(appDir ? { appDir } : {}) });
}

async function stopHost(): Promise<void> {
  await host?.dispose();
  host = undefined;
}

const numbered = (count: number): string[] => Array.from({ length: count }, (_, index) => `item-${index}`);

const write = (container: Container, ids: string[], body: object = {}): Promise<unknown> =>
  Promise.all(ids.map((id) => container.items.upsert({ id, ...body })));

const reports = (name: string): Report[] => sink.reports.filter((report) => report.name === name);
const idsOf = (report: Report | undefined): string[] => report?.batch.map(({ id }) => id) ?? [];
const seen = (name: string): string[] => reports(name).flatMap(idsOf);

const untilSeen = (name: string, ids: string[]): Promise<void> =>
  until(() => {
    const all = new Set(seen(name));
    return ids.every((id) => all.has(id));
  });

async function leases(name: string): Promise<Lease[]> {
  const container = client.database('db').container('feed-leases');
  const { resources } = await container.items
    .query<Lease>({
      query: 'SELECT * FROM c WHERE STARTSWITH(c.id, @name) ORDER BY c.id',
      parameters: [{ name: '@name', value: `${name}-` }],
    })
    .fetchAll();
  return resources;
}

const hasLease = (name: string): Promise<void> =>
  until(async () => (await leases(name).catch(() => [])).length > 0);

const untilMoved = (name: string): Promise<void> =>
  until(async () => typeof (await leases(name).catch(() => []))[0]?.ContinuationToken === 'string');

const lsnOf = (lease: Lease | undefined): number => Number(JSON.parse(lease?.ContinuationToken ?? '"0"'));

test('every change is delivered, in batches of at most the size asked for, and the lease follows', async () => {
  const container = await newContainer();
  const ids = numbered(12);
  await write(container, ids);
  await startHost();
  await untilSeen('changes', ids);
  expect(reports('changes').map(({ batch }) => batch.length)).toEqual([5, 5, 2]);
  expect(seen('changes').toSorted()).toEqual(ids.toSorted());
  expect(reports('changes')[0]?.metadata).toEqual({
    sys: expect.objectContaining({ methodName: 'changes' }),
  });

  const texts = ['é', '日本', '😀', '"\\', ']},"_count":7}'];
  await write(container, ['item-0'], { n: 1, texts });
  const [change] = (await sink.wait('changes', 4)).at(-1)?.batch ?? [];
  expect(change).toMatchObject({ id: 'item-0', n: 1, texts });

  await until(async () => lsnOf((await leases('changes'))[0]) >= (change?._lsn ?? Infinity));
  expect(await leases('changes')).toEqual([
    expect.objectContaining({
      id: expect.stringMatching(/^changes-127\.0\.0\.1_.+_.+\.\.0$/),
      LeaseToken: '0',
      FeedRange: { Range: { min: '', max: 'FF' } },
      ContinuationToken: expect.stringMatching(/^"\d+"$/),
      Owner: expect.any(String),
      timestamp: expect.stringMatching(/Z$/),
    }),
  ]);
});

test('without startFromBeginning, what was there at the first start is not delivered', async () => {
  const container = await newContainer();
  await write(container, ['before']);
  await startHost();
  await hasLease('fromNow');
  await write(container, ['after']);
  await untilSeen('fromNow', ['after']);
  await untilMoved('fromNow');
  await stopHost();
  await write(container, ['meanwhile']);
  await startHost();
  await untilSeen('fromNow', ['meanwhile']);
  expect(seen('fromNow')).toEqual(['after', 'meanwhile']);
  expect(seen('changes')).toContain('before');
});

test('when the function throws the lease stays, the batch comes again, and another host goes on there', async () => {
  const container = await newContainer();
  await write(container, ['a', 'b']);
  await startHost({ FEEDS_FAIL: 'changes' });
  const failed = await sink.wait('changes', 3);
  expect(failed.map((report) => idsOf(report).toSorted())).toEqual([
    ['a', 'b'],
    ['a', 'b'],
    ['a', 'b'],
  ]);
  await stopHost();
  expect((await leases('changes')).map(({ ContinuationToken }) => ContinuationToken)).toEqual([null]);

  const before = reports('changes').length;
  await startHost();
  await until(() => reports('changes').length > before);
  await untilMoved('changes');
  expect(idsOf(reports('changes')[before]).toSorted()).toEqual(['a', 'b']);
});

test('a retry policy runs the same batch again and tells how often, then the lease moves', async () => {
  const container = await newContainer();
  await write(container, ['a']);
  await startHost({ FEEDS_FAIL: 'patient', 'AzureWebJobs.changes.Disabled': 'true' });
  const runs = await sink.wait('patient', 3);
  expect(runs.map(({ retry }) => retry?.retryCount ?? 0)).toEqual([0, 1, 2]);
  expect(runs.map(idsOf)).toEqual([['a'], ['a'], ['a']]);
  await untilMoved('patient');
  expect(reports('patient')).toHaveLength(3);
  expect(seen('changes')).toEqual([]);
});

test('a host killed in the middle of its batches loses nothing, and does not begin anew', async () => {
  const container = await newContainer();
  const ids = numbered(60);
  await write(container, ids);
  child = await forkSampleHost(temporaryFolder(), environment());
  await sink.wait('changes', 4);
  await killHost(child);
  child = undefined;
  const before = reports('changes').length;
  await startHost();
  await untilSeen('changes', ids);
  const again = new Set(reports('changes').slice(before).flatMap(idsOf));
  // The second batch was read when the lease of the first one was stored.
  expect(idsOf(reports('changes')[0]).filter((id) => again.has(id))).toEqual([]);
});

test('a store that is restarted is read again, and one that is down at the start is waited for', async () => {
  const container = await newContainer();
  const { port } = store;
  await store.dispose();
  await startHost();
  store = await openStore(port);
  await hasLease('changes');
  await write(container, ['first']);
  await untilSeen('changes', ['first']);
  await store.dispose();
  store = await openStore(port);
  // The test's own client finds its connections gone.
  await until(() =>
    write(container, ['second']).then(
      () => true,
      () => false,
    ),
  );
  await untilSeen('changes', ['second']);
});

test('each physical range has its lease, and one that fails does not hold up the other', async () => {
  const container = await newContainer(12_000);
  const ids = numbered(20);
  await write(container, ids);
  await startHost();
  await untilSeen('changes', ids);
  await until(async () => (await leases('changes')).every(({ ContinuationToken }) => ContinuationToken));
  const tokens = (await leases('changes')).map(({ LeaseToken }) => LeaseToken);
  expect(tokens).toEqual(['0', '1']);

  const parts = await Promise.all(
    (await container.getFeedRanges()).map(async (range) => {
      const iterator = container.items.getChangeFeedIterator<Change>({
        changeFeedStartFrom: ChangeFeedStartFrom.Beginning(range),
      });
      return (await iterator.readNext()).result.map(({ id }) => id);
    }),
  );
  const [[bad = ''] = [], others = []] = parts;
  await write(container, [bad], { text: 'poison' });
  await until(() => reports('changes').some((report) => JSON.stringify(report).includes('poison')));
  await write(container, others, { n: 2 });
  await until(() => {
    const told = new Set(
      reports('changes').flatMap(({ batch }) => batch.flatMap(({ id, n }) => (n === 2 ? [id] : []))),
    );
    return others.every((id) => told.has(id));
  });
});

test('a container that is made after the start is read from its beginning', async () => {
  const requests = (): number => store.counters?.()['requests'] ?? 0;
  const before = requests();
  await startHost({ 'AzureWebJobs.changes.Disabled': 'true', 'AzureWebJobs.patient.Disabled': 'true' });
  // Several turns of the only function that looks for it.
  await until(() => requests() >= before + 4);
  const container = await newContainer();
  await write(container, ['a']);
  await untilSeen('fromNow', ['a']);
  await container.delete();
  await write(await newContainer(), ['b']);
  await untilSeen('fromNow', ['b']);
});

test('after a rebuild of the app the feed goes on, once', async () => {
  const container = await newContainer();
  const appDir = copySampleApp();
  await startHost({}, appDir);
  await write(container, ['a']);
  await untilSeen('changes', ['a']);
  await untilMoved('changes');
  const code = `require('@azure/functions').app.http('added', { handler: () => ({ body: 'new' }) });`;
  writeFileSync(join(appDir, 'src', 'added.js'), code);
  process.kill(host?.workerPids[0] as number, 'SIGKILL');
  await until(async () => (await fetch(`${host?.url}/api/added`)).status === 200);
  await write(container, ['b']);
  await untilSeen('changes', ['b']);
  expect(seen('changes')).toEqual(['a', 'b']);
});
