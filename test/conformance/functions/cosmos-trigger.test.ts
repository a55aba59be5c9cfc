import { CosmosClient, type Container } from '@azure/cosmos';
import { cosmosConnectionString, startCosmos } from '../../../local/cosmos/server';
import type { Service } from '../../../local/shared/child';
import {
  removeTemporaryFolders,
  startSampleHost,
  temporaryFolder,
  until,
} from '../../support/functions-host';
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
  FeedRange: unknown;
  Owner: string;
  timestamp: string;
}

const KEY = Buffer.from('a key for tests only').toString('base64');

let store: Service;
let storeDir: string;
let client: CosmosClient;
let sink: Sink<Report>;
let sinkUrl: string;
let host: Awaited<ReturnType<typeof startSampleHost>> | undefined;

beforeEach(async () => {
  storeDir = temporaryFolder();
  store = await startCosmos({ dataDir: storeDir, port: 0, key: KEY });
  client = new CosmosClient(cosmosConnectionString({ port: store.port, key: KEY }));
  await client.databases.create({ id: 'db' });
  sink = new Sink();
  sinkUrl = await sink.start();
});

afterEach(async () => {
  await host?.dispose();
  host = undefined;
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

async function startHost(environment: Record<string, string> = {}, dataDir?: string): Promise<void> {
  host = await startSampleHost({
    dataDir,
    environment: {
      Cosmos: cosmosConnectionString({ port: store.port, key: KEY }),
      FEED_CONTAINER: 'items',
      SINK: sinkUrl,
      Identity__accountEndpoint: 'http://127.0.0.1:1',
      ...environment,
    },
  });
}

const numbered = (from: number, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `item-${from + index}`);

const write = (container: Container, ids: string[], body: object = {}): Promise<unknown> =>
  Promise.all(ids.map((id) => container.items.upsert({ id, ...body })));

const seen = (name: string): string[] =>
  sink.reports.filter((report) => report.name === name).flatMap(({ batch }) => batch.map(({ id }) => id));

async function untilSeen(name: string, ids: string[]): Promise<void> {
  await until(() => {
    const all = new Set(seen(name));
    return ids.every((id) => all.has(id));
  });
}

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

const lsnOf = (lease: Lease | undefined): number => Number(JSON.parse(lease?.ContinuationToken ?? '"0"'));

test('every change is delivered once, in batches of at most the size asked for, and the lease follows', async () => {
  const container = await newContainer();
  const ids = numbered(0, 12);
  await write(container, ids);
  await startHost();
  await untilSeen('changes', ids);
  const batches = sink.reports.filter(({ name }) => name === 'changes');
  expect(batches.map(({ batch }) => batch.length)).toEqual([5, 5, 2]);
  expect(seen('changes').toSorted()).toEqual(ids.toSorted());

  await write(container, ['item-0'], { n: 1 });
  await sink.wait('changes', 4);
  const last = sink.reports.filter(({ name }) => name === 'changes').at(-1)?.batch ?? [];
  expect(last).toEqual([expect.objectContaining({ id: 'item-0', n: 1 })]);

  await until(async () => lsnOf((await leases('changes'))[0]) >= (last[0]?._lsn ?? Infinity));
  const [lease, ...others] = await leases('changes');
  expect(others).toEqual([]);
  expect(lease).toMatchObject({
    id: expect.stringMatching(/^changes-127\.0\.0\.1_.+_.+\.\.0$/),
    LeaseToken: '0',
    FeedRange: { Range: { min: '', max: 'FF' } },
    ContinuationToken: expect.stringMatching(/^"\d+"$/),
    Owner: expect.any(String),
    timestamp: expect.stringMatching(/Z$/),
  });
});

test('without startFromBeginning, changes before the start are not delivered', async () => {
  const container = await newContainer();
  await write(container, ['before']);
  await startHost();
  await until(async () => (await leases('fromNow').catch(() => [])).length === 1);
  await write(container, ['after']);
  await untilSeen('fromNow', ['after']);
  expect(seen('fromNow')).toEqual(['after']);
  expect(seen('changes')).toContain('before');
});
