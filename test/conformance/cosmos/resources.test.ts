import { randomUUID } from 'node:crypto';
import { CosmosClient } from '@azure/cosmos';
import { newContainer, onEachBackend, refusal, refusalText } from './harness';

onEachBackend('resources', (endpoint) => {
  test('a database is created once, read, listed, queried and deleted', async () => {
    const { client } = endpoint();
    const id = `headwater-${randomUUID()}`;
    expect((await client.databases.createIfNotExists({ id })).statusCode).toBe(201);
    expect((await client.databases.createIfNotExists({ id })).statusCode).toBe(200);
    expect(await refusal(client.databases.create({ id }))).toBe(409);
    const listed = (await client.databases.readAll({ maxItemCount: 1 }).fetchAll()).resources;
    expect(listed.map((database) => database.id)).toEqual(
      expect.arrayContaining([id, endpoint().database.id]),
    );
    const queried = await client.databases
      .query({ query: 'SELECT * FROM d WHERE d.id = @id', parameters: [{ name: '@id', value: id }] })
      .fetchAll();
    expect(queried.resources).toHaveLength(1);
    expect((await client.database(id).delete()).statusCode).toBe(204);
    expect(await refusal(client.database(id).read())).toBe(404);
  });

  test('deleting a database takes its containers along', async () => {
    const { client } = endpoint();
    const id = `headwater-${randomUUID()}`;
    const { database } = await client.databases.create({ id });
    const container = await newContainer(database, { id: 'owned' });
    await container.items.create({ id: '1', pk: 'a' });
    await database.delete();
    const again = (await client.databases.create({ id })).database;
    expect((await again.containers.readAll().fetchAll()).resources).toEqual([]);
    const fresh = await newContainer(again, { id: 'owned' });
    expect((await fresh.items.readAll().fetchAll()).resources).toEqual([]);
    await again.delete();
  });

  test('a container keeps its definition, normalised', async () => {
    const container = await newContainer(endpoint().database, { defaultTtl: -1 });
    const { resource } = await container.read();
    // Clients look into it: four bytes are the database's.
    expect(Buffer.from(String(resource?._rid).replaceAll('-', '/'), 'base64')).toHaveLength(8);
    expect(resource).toMatchObject({
      id: container.id,
      defaultTtl: -1,
      partitionKey: { paths: ['/pk'], kind: 'Hash', version: 2 },
      indexingPolicy: { indexingMode: 'consistent', automatic: true, includedPaths: [{ path: '/*' }] },
    });
    expect((await endpoint().database.containers.createIfNotExists({ id: container.id })).statusCode).toBe(
      200,
    );
    expect(await refusal(endpoint().database.containers.create({ id: container.id }))).toBe(409);
  });

  test('a container can be replaced, but neither renamed nor re-keyed', async () => {
    const container = await newContainer(endpoint().database);
    const definition = { id: container.id, partitionKey: { paths: ['/pk'], version: 2 } };
    const replaced = await container.replace({ ...definition, defaultTtl: 60 });
    expect(replaced.resource?.defaultTtl).toBe(60);
    expect(await refusal(container.replace({ ...definition, id: 'renamed' }))).toBe(400);
    const rekeyed = container.replace({ ...definition, partitionKey: { paths: ['/other'], version: 2 } });
    expect(await refusal(rekeyed)).toBe(400);
  });

  test.each([
    ['no slash', { paths: ['pk'] }],
    ['a trailing slash', { paths: ['/pk/'] }],
    ['a wildcard', { paths: ['/*'] }],
    ['no path', { paths: [] }],
    ['an open quotation', { paths: ['/"pk'] }],
  ])('a partition key with %s is refused', async (_, partitionKey) => {
    expect(await refusal(endpoint().database.containers.create({ id: 'bad', partitionKey }))).toBe(400);
  });

  test('a refused partition key is told why', async () => {
    const create = (path: string) =>
      endpoint().database.containers.create({ id: 'bad', partitionKey: { paths: [path] } });
    expect(await refusalText(create('/pk/'))).toContain(
      'Partition key paths must contain only valid characters and not contain a trailing slash or wildcard character',
    );
    expect(await refusalText(create('pk'))).toContain(
      "The partition key component definition path 'pk' could not be accepted",
    );
  });

  test('a container with a non-ASCII id works', async () => {
    const container = await newContainer(endpoint().database, { id: 'späße-容器' });
    await container.items.create({ id: 'ä', pk: 'ö' });
    expect((await container.item('ä', 'ö').read()).resource).toMatchObject({ id: 'ä' });
  });

  test('a database and a container that do not exist answer 404', async () => {
    expect(await refusal(endpoint().client.database('none').read())).toBe(404);
    expect(await refusal(endpoint().database.container('none').read())).toBe(404);
    expect(await refusal(endpoint().client.database('none').containers.create({ id: 'c' }))).toBe(404);
  });

  test('throughput is reported as an offer and can be replaced', async () => {
    const container = await newContainer(endpoint().database, { throughput: 12_000 });
    const offer = (await container.readOffer()).resource;
    expect(offer?.content?.offerThroughput).toBe(12_000);
    const { resources: offers } = await endpoint().client.offers.readAll().fetchAll();
    expect(offers.map(({ id }) => id)).toContain(offer?.id);
    const replaced = { ...offer, content: { ...offer?.content, offerThroughput: 700 } };
    await endpoint()
      .client.offer(String(offer?.id))
      .replace(replaced as never);
    expect((await container.readOffer()).resource?.content?.offerThroughput).toBe(700);
    await container.delete();
    expect(await refusal(endpoint().client.offer(String(offer?.id)).read())).toBe(404);
  });

  test('a database may have a throughput, which its containers share', async () => {
    const { client } = endpoint();
    const id = `headwater-${randomUUID()}`;
    const { database } = await client.databases.create({ id, throughput: 500 });
    const offer = (await database.readOffer()).resource;
    expect(offer?.content?.offerThroughput).toBe(500);
    const container = await newContainer(database);
    expect((await container.readOffer()).resource).toBeUndefined();
    const own = await newContainer(database, { throughput: 700 });
    expect((await own.readOffer()).resource?.content?.offerThroughput).toBe(700);
    const { id: offerId } = offer ?? { id: '' };
    const found = client.offers.query({
      query: 'SELECT * FROM o WHERE o.id = @id',
      parameters: [{ name: '@id', value: offerId }],
    });
    expect((await found.fetchAll()).resources).toHaveLength(1);
    const changed = { ...offer, content: { offerThroughput: 600 } };
    await client.offer(offerId).replace(changed as never);
    expect((await database.readOffer()).resource?.content?.offerThroughput).toBe(600);
    await database.delete();
    expect(await refusal(client.offer(offerId).read())).toBe(404);
    expect((await endpoint().database.readOffer()).resource).toBeUndefined();
  });

  test('an offer keeps its identity', async () => {
    const container = await newContainer(endpoint().database);
    const offer = (await container.readOffer()).resource;
    expect(offer?.content?.offerThroughput).toBe(400);
    const replace = (change: object) =>
      endpoint()
        .client.offer(String(offer?.id))
        .replace({ ...offer, ...change });
    expect([400, 401]).toContain(await refusal(replace({ _rid: 'NotAllowed' })));
    expect([400, 401]).toContain(await refusal(replace({ id: 'NotAllowed' })));
    expect([400, 401]).toContain(await refusal(replace({ _rid: undefined })));
  });

  test('the maximum of an autoscale setting makes the offer and the physical partitions', async () => {
    const container = await newContainer(endpoint().database, { maxThroughput: 12_000 });
    const offer = (await container.readOffer()).resource;
    expect(offer?.content?.offerAutopilotSettings).toMatchObject({ maxThroughput: 12_000 });
    expect((await container.readPartitionKeyRanges().fetchAll()).resources).toHaveLength(2);
  });

  test.each([
    [12_000, ['05C1DFFFFFFFF8']],
    [18_000, ['05C1D5AB55AB50', '05C1E5AB55AB50']],
    [21_000, ['05C1CFFFFFFFF8', '05C1DFFFFFFFF8', '05C1E7FFFFFFF8']],
  ])('a key without a version is hashed by version 1, over %d RU/s', async (throughput, bounds) => {
    for (const version of [{}, { version: 1 }]) {
      const partitionKey = { paths: ['/pk'], ...version };
      const container = await newContainer(endpoint().database, { throughput, partitionKey });
      const { resources } = await container.readPartitionKeyRanges().fetchAll();
      expect(resources.slice(1).map(({ minInclusive }) => minInclusive)).toEqual(bounds);
      expect((await container.read()).resource?.partitionKey).toEqual({ ...partitionKey, kind: 'Hash' });
    }
  });

  test('an indexing policy comes back normalised, spatial indexes too', async () => {
    const container = await newContainer(endpoint().database, {
      indexingPolicy: {
        indexingMode: 'Consistent' as never,
        excludedPaths: [{ path: '/unused/*' }],
        spatialIndexes: [{ path: '/where/*', types: ['Point' as never] }],
      },
    });
    const { resource } = await container.read();
    expect(resource?.indexingPolicy).toMatchObject({
      indexingMode: 'consistent',
      automatic: true,
      includedPaths: [{ path: '/*' }],
      excludedPaths: [{ path: '/unused/*' }, { path: '/"_etag"/?' }],
      spatialIndexes: [{ path: '/where/*' }],
    });
    expect(resource?.geospatialConfig).toEqual({ type: 'Geography' });
  });

  test.each([
    [400, 1],
    [12_000, 2],
    [21_000, 4],
  ])('%d RU/s make %d physical partitions', async (throughput, expected) => {
    const container = await newContainer(endpoint().database, { throughput });
    const { resources } = await container.readPartitionKeyRanges().fetchAll();
    expect(resources).toHaveLength(expected);
    expect(resources[0]?.minInclusive).toBe('');
    expect(resources.at(-1)?.maxExclusive).toBe('FF');
  });

  test('a wrong key and no key are refused with 401', async () => {
    const url = await endpoint().client.getWriteEndpoint();
    const other = Buffer.from('another key').toString('base64');
    const intruder = new CosmosClient({ endpoint: url, key: other });
    expect(await refusal(intruder.databases.readAll().fetchAll())).toBe(401);
    intruder.dispose();
    const anonymous = await fetch(new URL('dbs', url));
    expect(anonymous.status).toBe(401);
    expect(await anonymous.json()).toMatchObject({ code: 'Unauthorized' });
  });

  test('the list of conflicts is empty', async () => {
    const container = await newContainer(endpoint().database);
    expect((await container.conflicts.readAll().fetchAll()).resources).toEqual([]);
  });
});
