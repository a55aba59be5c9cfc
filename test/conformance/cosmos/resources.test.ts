import { CosmosClient, TriggerOperation, TriggerType } from '@azure/cosmos';
import { KEY, newContainer, refusal, startEndpoint, type Endpoint } from './harness';

let endpoint: Endpoint;
beforeAll(async () => {
  endpoint = await startEndpoint();
});
afterAll(() => endpoint.dispose());

test('a database is created once, read, listed, queried and deleted', async () => {
  const { client } = endpoint;
  expect((await client.databases.createIfNotExists({ id: 'first' })).statusCode).toBe(201);
  expect((await client.databases.createIfNotExists({ id: 'first' })).statusCode).toBe(200);
  expect(await refusal(client.databases.create({ id: 'first' }))).toBe(409);
  const { resources } = await client.databases.readAll().fetchAll();
  expect(resources.map(({ id }) => id)).toEqual(['db', 'first']);
  const queried = await client.databases
    .query({ query: 'SELECT * FROM d WHERE d.id = @id', parameters: [{ name: '@id', value: 'first' }] })
    .fetchAll();
  expect(queried.resources).toHaveLength(1);
  expect((await client.database('first').delete()).statusCode).toBe(204);
  expect(await refusal(client.database('first').read())).toBe(404);
});

test('deleting a database takes its containers along', async () => {
  const { client } = endpoint;
  const { database } = await client.databases.create({ id: 'owner' });
  const container = await newContainer(database, { id: 'owned' });
  await container.items.create({ id: '1', pk: 'a' });
  await database.delete();
  const again = (await client.databases.create({ id: 'owner' })).database;
  expect((await again.containers.readAll().fetchAll()).resources).toEqual([]);
  const fresh = await newContainer(again, { id: 'owned' });
  expect((await fresh.items.readAll().fetchAll()).resources).toEqual([]);
});

test('a container keeps its definition, normalised', async () => {
  const container = await newContainer(endpoint.database, { defaultTtl: -1 });
  const { resource } = await container.read();
  expect(resource).toMatchObject({
    id: container.id,
    defaultTtl: -1,
    partitionKey: { paths: ['/pk'], kind: 'Hash', version: 2 },
    indexingPolicy: { indexingMode: 'consistent', automatic: true, includedPaths: [{ path: '/*' }] },
  });
  expect((await endpoint.database.containers.createIfNotExists({ id: container.id })).statusCode).toBe(200);
  expect(await refusal(endpoint.database.containers.create({ id: container.id }))).toBe(409);
});

test('a container can be replaced, but neither renamed nor re-keyed', async () => {
  const container = await newContainer(endpoint.database);
  const definition = { id: container.id, partitionKey: { paths: ['/pk'], version: 2 } };
  const replaced = await container.replace({ ...definition, defaultTtl: 60 });
  expect(replaced.resource?.defaultTtl).toBe(60);
  const rekeyed = container.replace({ ...definition, partitionKey: { paths: ['/other'], version: 2 } });
  expect(await refusal(rekeyed)).toBe(400);
});

test.each([
  ['no slash', { paths: ['pk'] }],
  ['a trailing slash', { paths: ['/pk/'] }],
  ['a wildcard', { paths: ['/*'] }],
  ['no path', { paths: [] }],
])('a partition key with %s is refused', async (_, partitionKey) => {
  expect(await refusal(endpoint.database.containers.create({ id: 'bad', partitionKey }))).toBe(400);
});

test('a container with a non-ASCII id works', async () => {
  const container = await newContainer(endpoint.database, { id: 'späße-容器' });
  await container.items.create({ id: 'ä', pk: 'ö' });
  expect((await container.item('ä', 'ö').read()).resource).toMatchObject({ id: 'ä' });
});

test('a database and a container that do not exist answer 404', async () => {
  expect(await refusal(endpoint.client.database('none').read())).toBe(404);
  expect(await refusal(endpoint.database.container('none').read())).toBe(404);
  expect(await refusal(endpoint.client.database('none').containers.create({ id: 'c' }))).toBe(404);
});

test('throughput is reported as an offer and can be replaced', async () => {
  const container = await newContainer(endpoint.database, { throughput: 12_000 });
  const offer = (await container.readOffer()).resource;
  expect(offer?.content?.offerThroughput).toBe(12_000);
  const replaced = { ...offer, content: { ...offer?.content, offerThroughput: 700 } };
  await endpoint.client.offer(String(offer?.id)).replace(replaced as never);
  expect((await container.readOffer()).resource?.content?.offerThroughput).toBe(700);
  await container.delete();
  expect(await refusal(endpoint.client.offer(String(offer?.id)).read())).toBe(404);
});

test.each([
  [400, 1],
  [12_000, 2],
  [21_000, 4],
])('%d RU/s make %d physical partitions', async (throughput, expected) => {
  const container = await newContainer(endpoint.database, { throughput });
  const { resources } = await container.readPartitionKeyRanges().fetchAll();
  expect(resources).toHaveLength(expected);
  expect(resources[0]?.minInclusive).toBe('');
  expect(resources.at(-1)?.maxExclusive).toBe('FF');
});

test('a wrong key and no key are refused with 401', async () => {
  const endpointUrl = `http://127.0.0.1:${endpoint.port}`;
  const other = Buffer.from('another key').toString('base64');
  const intruder = new CosmosClient({ endpoint: endpointUrl, key: other });
  expect(await refusal(intruder.databases.readAll().fetchAll())).toBe(401);
  intruder.dispose();
  const anonymous = await fetch(`${endpointUrl}/dbs`);
  expect(anonymous.status).toBe(401);
  expect(await anonymous.json()).toMatchObject({ code: 'Unauthorized' });
  const owner = new CosmosClient({ endpoint: endpointUrl, key: KEY });
  expect((await owner.databases.readAll().fetchAll()).resources).not.toHaveLength(0);
  owner.dispose();
});

test('what is missing answers 501 and says so', async () => {
  const container = await newContainer(endpoint.database);
  const missing = [
    container.scripts.storedProcedures.create({ id: 's', body: 'function () {}' }),
    container.scripts.triggers.create({
      id: 't',
      body: 'function () {}',
      triggerType: TriggerType.Pre,
      triggerOperation: TriggerOperation.All,
    }),
    container.scripts.userDefinedFunctions.create({ id: 'u', body: 'function () {}' }),
    endpoint.database.users.create({ id: 'user' }),
    endpoint.database.containers.create({
      id: 'unique',
      uniqueKeyPolicy: { uniqueKeys: [{ paths: ['/a'] }] },
    }),
  ];
  for (const operation of missing) expect(await refusal(operation)).toBe(501);
  expect((await container.conflicts.readAll().fetchAll()).resources).toEqual([]);
});
