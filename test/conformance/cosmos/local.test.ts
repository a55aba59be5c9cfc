import { ChangeFeedStartFrom, CosmosClient, TriggerOperation, TriggerType } from '@azure/cosmos';
import { MISSING_FUNCTIONS } from '../../../local/cosmos/query/functions';
import { KEY, newContainer, refusal, startEndpoint, type Endpoint } from './harness';
import { drain } from './support/change-feed';

/** What only the local endpoint answers so: what it lacks, its estimates, and what needs a clock in the test's hands. */
describe('the local endpoint', () => {
  let endpoint: Endpoint;
  let now = Date.UTC(2030, 0, 1);
  beforeAll(async () => {
    endpoint = await startEndpoint({ clock: () => now });
  });
  afterAll(() => endpoint.dispose());

  test('answers 501 to what is missing', async () => {
    const container = await newContainer(endpoint.database);
    const missing = [
      container.scripts.storedProcedures.create({ id: 's', body: 'function () {}' }),
      container.scripts.storedProcedure('s').execute('p'),
      container.scripts.triggers.create({
        id: 't',
        body: 'function () {}',
        triggerType: TriggerType.Pre,
        triggerOperation: TriggerOperation.All,
      }),
      container.items.create({ id: 'triggering', pk: 'p' }, { preTriggerInclude: 't' }),
      container.scripts.userDefinedFunctions.create({ id: 'u', body: 'function () {}' }),
      endpoint.database.users.create({ id: 'user' }),
      ...[...MISSING_FUNCTIONS].map((name) =>
        container.items.query(`SELECT VALUE ${name}(c.a) FROM c`).fetchAll(),
      ),
      ...[
        { computedProperties: [{ name: 'n', query: 'SELECT VALUE c.n FROM c' }] },
        { clientEncryptionPolicy: { includedPaths: [], policyFormatVersion: 1 } },
        { materializedViewDefinition: { sourceCollectionId: 'c', definition: 'SELECT c.n FROM c' } },
        { analyticalStorageTtl: -1 },
      ].map((definition) => endpoint.database.containers.create({ id: 'lacking', ...definition })),
    ];
    expect(new Set(await Promise.all(missing.map(refusal)))).toEqual(new Set([501]));
  });

  test('tells clients to come back to where they came from, and keeps their connections', async () => {
    for (const host of ['127.0.0.1', 'localhost']) {
      const address = `http://${host}:${endpoint.port}/`;
      const client = new CosmosClient({ endpoint: address, key: KEY });
      const { resource } = await client.getDatabaseAccount();
      const locations = resource?.writableLocations.map((location) => location.databaseAccountEndpoint);
      expect(locations).toEqual([address]);
      client.dispose();
      // The SDK does not send a write again whose connection was closed.
      expect((await fetch(address)).headers.get('keep-alive')).toBe('timeout=120');
    }
  });

  test('keeps the policies of what it lacks only in queries', async () => {
    const fullTextPolicy = { defaultLanguage: 'en-US', fullTextPaths: [{ path: '/t', language: 'en-US' }] };
    const vectorEmbeddingPolicy = {
      vectorEmbeddings: [
        { path: '/v', dataType: 'float32', dimensions: 3, distanceFunction: 'cosine' },
      ] as never,
    };
    const container = await newContainer(endpoint.database, { fullTextPolicy, vectorEmbeddingPolicy });
    expect((await container.read()).resource).toMatchObject({ fullTextPolicy, vectorEmbeddingPolicy });
  });

  test('charges point operations by the published table', async () => {
    const container = await newContainer(endpoint.database);
    const small = await container.items.create({ id: 'ru', pk: 'a' });
    expect(small.requestCharge).toBe(4.95);
    expect((await container.item('ru', 'a').read()).requestCharge).toBe(1);
    // Padded to the sizes of the table's rows.
    const sizes: [number, number, number][] = [
      [2_048, 1.04, 6.29],
      [4_096, 1.14, 6.67],
      [16_384, 1.67, 9.52],
      [65_536, 4.76, 22.67],
      [131_072, 9.95, 48.19],
      [1_048_576, 145.9, 625],
    ];
    for (const [bytes, read, write] of sizes) {
      const empty = { id: `ru-${bytes}`, pk: 'a', pad: '' };
      const pad = 'é'.repeat((bytes - Buffer.byteLength(JSON.stringify(empty))) / 2);
      const created = await container.items.create({ ...empty, pad });
      expect(created.requestCharge).toBeCloseTo(write, 0);
      expect((await container.item(empty.id, 'a').read()).requestCharge).toBeCloseTo(read, 0);
      expect((await container.item(empty.id, 'a').delete()).requestCharge).toBeCloseTo(write, 0);
    }
    const batch = await container.items.batch(
      [
        { operationType: 'Create', resourceBody: { id: 'b', pk: 'a' } },
        { operationType: 'Read', id: 'b' },
      ],
      'a',
    );
    expect(batch.result?.map(({ requestCharge }) => requestCharge)).toEqual([4.95, 1]);
    expect(Number(batch.headers['x-ms-request-charge'])).toBe(5.95);
  });

  test('charges the pages of a query together as much as one large page', async () => {
    const container = await newContainer(endpoint.database);
    const operations = Array.from({ length: 40 }, (_, n) => ({
      operationType: 'Create' as const,
      resourceBody: { id: `${n}`, pk: 'p', n },
    }));
    await container.items.batch(operations, 'p');
    const cost = async (maxItemCount: number): Promise<number> =>
      (await container.items.query('SELECT * FROM c ORDER BY c.n', { maxItemCount }).fetchAll())
        .requestCharge;
    expect(Math.abs((await cost(10)) - (await cost(100)))).toBeLessThan(0.5);
  });

  test('begins its change feed at a time, to the millisecond', async () => {
    const container = await newContainer(endpoint.database);
    await container.items.create({ id: 'early', pk: 'p' });
    now += 10_000;
    const time = new Date(now);
    await container.items.create({ id: 'late', pk: 'p' });
    const { ids } = await drain(container, { changeFeedStartFrom: ChangeFeedStartFrom.Time(time) });
    expect(ids).toEqual(['late']);
  });

  // A feature that an account has to ask for.
  test('deletes all items of a partition key at once', async () => {
    const one = await newContainer(endpoint.database);
    const operations = Array.from({ length: 99 }, (_, n) => ({
      operationType: 'Create' as const,
      resourceBody: { id: `${n}`, pk: 'gone' },
    }));
    await one.items.batch(operations, 'gone');
    await one.items.create({ id: 'more', pk: 'gone' });
    await one.items.create({ id: 'last', pk: 'gone' });
    await one.items.create({ id: 'kept', pk: 'other' });
    expect((await one.deleteAllItemsForPartitionKey('gone')).statusCode).toBe(200);
    expect((await one.items.query('SELECT VALUE c.id FROM c').fetchAll()).resources).toEqual(['kept']);
  });

  test('tells how full a container is', async () => {
    const container = await newContainer(endpoint.database);
    await container.items.create({ id: '1', pk: 'p', pad: 'x'.repeat(5_000) });
    await container.items.create({ id: '2', pk: 'p' });
    const { headers } = await container.read({ populateQuotaInfo: true });
    expect(headers['x-ms-resource-quota']).toContain('collectionSize=10485760');
    expect(headers['x-ms-resource-usage']).toContain('documentsCount=2;collectionSize=5;');
    expect(headers['x-ms-documentdb-collection-index-transformation-progress']).toBe('100');
  });
});
