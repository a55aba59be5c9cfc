import { ChangeFeedStartFrom, CosmosClient } from '@azure/cosmos';
import { cosmosConnectionString } from '../../../local/cosmos/server';
import { KEY, newContainer, refusal, startEndpoint, type Endpoint } from './harness';

let endpoint: Endpoint;
let impatient: CosmosClient;
let now = Date.UTC(2030, 0, 1);
beforeAll(async () => {
  endpoint = await startEndpoint({ enforceThroughput: true, clock: () => now });
  impatient = new CosmosClient({
    connectionString: cosmosConnectionString({ port: endpoint.port, key: KEY }),
    connectionPolicy: {
      retryOptions: { maxRetryAttemptCount: 0, fixedRetryIntervalInMilliseconds: 0, maxWaitTimeInSeconds: 0 },
    },
  });
});
afterAll(async () => {
  impatient.dispose();
  await endpoint.dispose();
});

test('beyond the throughput of its container a request is refused with 429 until time has passed', async () => {
  const { id } = await newContainer(endpoint.database, { throughput: 400 });
  const { items, item } = ((container) => ({ items: container.items, item: container.item('0', 'p') }))(
    impatient.database('db').container(id),
  );
  const codes: number[] = [];
  while (codes.at(-1) !== 429 && codes.length < 200) {
    const created = items.create({ id: `${codes.length}`, pk: 'p' });
    codes.push(
      await created.then(({ statusCode }) => statusCode).catch((error: { code: number }) => error.code),
    );
  }
  // 400 request units at 4.95 each.
  expect(codes.filter((code) => code === 201)).toHaveLength(81);
  expect(codes.at(-1)).toBe(429);
  expect(await refusal(item.read())).toBe(429);
  expect(await refusal(items.query('SELECT * FROM c').fetchAll())).toBe(429);
  const batch = items.batch([{ operationType: 'Read', id: '0' }], 'p');
  await expect(batch).rejects.toMatchObject({ cause: { code: 429, substatus: 3200 } });
  now += 1_000;
  expect((await item.read()).statusCode).toBe(200);
});

test('of a bulk request those operations are refused for which nothing is left', async () => {
  const { id } = await newContainer(endpoint.database, { throughput: 400 });
  const { items } = impatient.database('db').container(id);
  const bulk = (from: number) =>
    items.bulk(
      Array.from({ length: 100 }, (_, at) => ({
        operationType: 'Create' as const,
        partitionKey: 'p',
        resourceBody: { id: `${from + at}`, pk: 'p' },
      })),
    );
  const codes = (await bulk(0)).map(({ statusCode }) => statusCode);
  expect(codes).toEqual([...Array<number>(81).fill(201), ...Array<number>(19).fill(429)]);
  // The SDK does not send them again.
  const again = await bulk(100);
  expect(again.every(({ statusCode }) => statusCode === 429)).toBe(true);
  now += 1_000;
  expect((await items.query('SELECT VALUE COUNT(1) FROM c').fetchAll()).resources).toEqual([81]);
});

test('the containers of a database share its throughput', async () => {
  const { database } = await endpoint.client.databases.create({ id: 'shared', throughput: 400 });
  const [first, second] = [await newContainer(database), await newContainer(database)];
  const own = await newContainer(database, { throughput: 400 });
  const at = ({ id }: { id: string }) => impatient.database('shared').container(id);
  let created = 0;
  while (created < 200) {
    const code = await at(first)
      .items.create({ id: `${created}`, pk: 'p' })
      .then(({ statusCode }) => statusCode)
      .catch((error: { code: number }) => error.code);
    if (code === 429) break;
    created++;
  }
  expect(created).toBe(81);
  expect(await refusal(at(second).items.create({ id: '1', pk: 'p' }))).toBe(429);
  expect((await at(own).items.create({ id: '1', pk: 'p' })).statusCode).toBe(201);
  now += 1_000;
  expect((await at(second).items.create({ id: '1', pk: 'p' })).statusCode).toBe(201);
});

test('the change feed is throttled too, and the client is told how long to wait', async () => {
  const { id } = await newContainer(endpoint.database, { throughput: 400 });
  const { items } = impatient.database('db').container(id);
  const pad = 'x'.repeat(1_000_000);
  await items.create({ id: 'large', pk: 'p', pad });
  const feed = items.getChangeFeedIterator({ changeFeedStartFrom: ChangeFeedStartFrom.Beginning() });
  // The item cost about 600 of 400 units: the debt is paid off after half a second.
  const refused: { code?: number; headers?: Record<string, string> } = await feed.readNext().then(
    () => ({}),
    (error: object) => error,
  );
  expect(refused.code).toBe(429);
  expect(Number(refused.headers?.['x-ms-retry-after-ms'])).toBeGreaterThan(400);
  now += 1_000;
  expect((await feed.readNext()).result).toHaveLength(1);
});

test('a new throughput counts at once', async () => {
  const container = await newContainer(endpoint.database, { throughput: 400 });
  const { items } = impatient.database('db').container(container.id);
  const write = (id: string) => items.create({ id, pk: 'p', pad: 'x'.repeat(1_000_000) });
  // About 600 of 400 units, so that 200 are owed: half a second at the old rate.
  await write('1');
  now += 100;
  expect(await refusal(write('2'))).toBe(429);
  const offer = (await container.readOffer()).resource;
  await endpoint.client
    .offer(String(offer?.id))
    .replace({ ...offer, content: { offerThroughput: 10_000 } } as never);
  now += 100;
  expect((await write('2')).statusCode).toBe(201);
});

test('without a throughput of its own a container is not throttled', async () => {
  const container = await newContainer(endpoint.database);
  const pad = 'x'.repeat(100_000);
  for (let n = 0; n < 30; n++) await container.items.create({ id: `${n}`, pk: 'p', pad });
});
