import { CosmosClient } from '@azure/cosmos';
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

test('without a throughput of its own a container is not throttled', async () => {
  const container = await newContainer(endpoint.database);
  const pad = 'x'.repeat(100_000);
  for (let n = 0; n < 30; n++) await container.items.create({ id: `${n}`, pk: 'p', pad });
});
