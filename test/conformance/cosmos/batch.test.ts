import { ChangeFeedStartFrom, type Container, type OperationInput } from '@azure/cosmos';
import { newContainer, onEachBackend, refusalText } from './harness';

onEachBackend('batches', (endpoint) => {
  let container: Container;
  beforeAll(async () => {
    container = await newContainer(endpoint().database);
  });

  const create = (id: string, pk: string, rest: object = {}): OperationInput => ({
    operationType: 'Create',
    resourceBody: { id, pk, ...rest },
  });
  const statuses = (results: readonly { statusCode: number }[] | undefined) =>
    results?.map((result) => result.statusCode);
  const idsIn = async (pk: string) =>
    (await container.items.query('SELECT VALUE c.id FROM c', { partitionKey: pk }).fetchAll()).resources;

  describe('a transactional batch', () => {
    test('runs every kind of operation, each seeing those before it', async () => {
      const { etag } = await container.items.create({ id: 'old', pk: 'kinds', n: 1 });
      await container.items.create({ id: 'gone', pk: 'kinds' });
      const { code, result } = await container.items.batch(
        [
          create('new', 'kinds'),
          { operationType: 'Upsert', resourceBody: { id: 'new', pk: 'kinds', n: 2 } },
          {
            operationType: 'Replace',
            id: 'old',
            ifMatch: etag,
            resourceBody: { id: 'old', pk: 'kinds', n: 2 },
          },
          {
            operationType: 'Patch',
            id: 'old',
            resourceBody: { operations: [{ op: 'incr', path: '/n', value: 5 }] },
          },
          { operationType: 'Read', id: 'old' },
          { operationType: 'Delete', id: 'gone' },
        ],
        'kinds',
      );
      expect(code).toBe(200);
      expect(statuses(result)).toEqual([201, 200, 200, 200, 200, 204]);
      expect(result?.[4]?.resourceBody).toMatchObject({ n: 7 });
      expect(result?.[0]).toMatchObject({ requestCharge: expect.any(Number), eTag: expect.any(String) });
      expect(await idsIn('kinds')).toEqual(['new', 'old']);
    });

    test.each<[string, OperationInput, number]>([
      ['a taken id', create('taken', 'atomic'), 409],
      [
        'a missing item',
        { operationType: 'Replace', id: 'no', resourceBody: { id: 'no', pk: 'atomic' } },
        404,
      ],
      [
        'an old ETag',
        {
          operationType: 'Replace',
          id: 'taken',
          ifMatch: '"old"',
          resourceBody: { id: 'taken', pk: 'atomic' },
        },
        412,
      ],
      ['another partition key', create('x', 'elsewhere'), 400],
      ['a bad ttl', create('x', 'atomic', { ttl: 0 }), 400],
    ])('is undone as a whole by %s', async (_, refused, status) => {
      await container.items.upsert({ id: 'taken', pk: 'atomic', n: 0 });
      const { code, result } = await container.items.batch(
        [
          create('first', 'atomic'),
          {
            operationType: 'Patch',
            id: 'taken',
            resourceBody: { operations: [{ op: 'set', path: '/n', value: 9 }] },
          },
          refused,
          create('last', 'atomic'),
        ],
        'atomic',
      );
      expect(code).toBe(207);
      expect(statuses(result)).toEqual([424, 424, status, 424]);
      expect(await idsIn('atomic')).toEqual(['taken']);
      expect((await container.item('taken', 'atomic').read()).resource).toMatchObject({ n: 0 });
    });

    test('creates a marker once, whoever comes second', async () => {
      const group = (n: number): OperationInput[] => [
        create('marker', 'once', { by: n }),
        { operationType: 'Upsert', resourceBody: { id: 'document', pk: 'once', by: n } },
      ];
      const runs = await Promise.all(
        Array.from({ length: 10 }, (_, n) => container.items.batch(group(n), 'once')),
      );
      const winners = runs.filter(({ code }) => code === 200);
      expect(winners).toHaveLength(1);
      const losers = runs.filter(({ code }) => code !== 200);
      for (const { result } of losers) expect(statuses(result)).toEqual([409, 424]);
      const marker = (await container.item('marker', 'once').read<{ by: number }>()).resource;
      const document = (await container.item('document', 'once').read<{ by: number }>()).resource;
      expect(document?.by).toBe(marker?.by);
    });

    test('takes a hundred operations', async () => {
      const operations = Array.from({ length: 100 }, (_, n) => create(`n${n}`, 'hundred'));
      const { code, result } = await container.items.batch(operations, 'hundred');
      expect(code).toBe(200);
      expect(result).toHaveLength(100);
      expect(await idsIn('hundred')).toHaveLength(100);
    });

    test('changes a hundred items under their ETags, or none', async () => {
      const items = Array.from({ length: 100 }, (_, n) => create(`n${n}`, 'etags', { n: 0 }));
      const made = (await container.items.batch(items, 'etags')).result ?? [];
      const changes = (last: string | undefined): OperationInput[] =>
        made.map(({ eTag }, n): OperationInput => {
          const common = { id: `n${n}`, ifMatch: (n === 99 ? last : eTag) ?? '' };
          const operations = [{ op: 'incr' as const, path: '/n', value: 1 }];
          return n % 2 === 0
            ? { operationType: 'Patch', ...common, resourceBody: { operations } }
            : { operationType: 'Replace', ...common, resourceBody: { id: common.id, pk: 'etags', n: 1 } };
        });
      const sum = async () =>
        (await container.items.query('SELECT VALUE SUM(c.n) FROM c', { partitionKey: 'etags' }).fetchAll())
          .resources;
      const refused = await container.items.batch(changes('"old"'), 'etags');
      expect(statuses(refused.result)).toEqual([...Array<number>(99).fill(424), 412]);
      expect(await sum()).toEqual([0]);
      const accepted = await container.items.batch(changes(made[99]?.eTag), 'etags');
      expect(statuses(accepted.result)).toEqual(Array<number>(100).fill(200));
      expect(await sum()).toEqual([100]);
    });

    test('of more than 2 MB is refused', async () => {
      const pad = 'x'.repeat(1024 * 1024);
      const batch = container.items.batch([create('1', 'big', { pad }), create('2', 'big', { pad })], 'big');
      await expect(batch).rejects.toMatchObject({ cause: { code: 413 } });
      expect(await idsIn('big')).toEqual([]);
    });

    test('leaves the bodies out when asked to', async () => {
      const options = { contentResponseOnWriteEnabled: false };
      const { result } = await container.items.batch([create('quiet', 'minimal')], 'minimal', options);
      expect(result?.[0]).toMatchObject({ statusCode: 201, eTag: expect.any(String) });
      expect(result?.[0]).not.toHaveProperty('resourceBody');
    });
  });

  describe('a bulk request', () => {
    test('runs each operation for itself, in many partitions', async () => {
      await container.items.create({ id: 'b1', pk: 'bulk-1' });
      const results = await container.items.bulk([
        create('b1', 'bulk-1'),
        create('b2', 'bulk-2'),
        { operationType: 'Read', id: 'b1', partitionKey: 'bulk-1' },
        { operationType: 'Delete', id: 'none', partitionKey: 'bulk-3' },
        { operationType: 'Upsert', resourceBody: { id: 'b3', pk: 'bulk-3', n: 1 } },
        {
          operationType: 'Patch',
          id: 'b3',
          partitionKey: 'bulk-3',
          resourceBody: { operations: [{ op: 'incr', path: '/n', value: 1 }] },
        },
      ]);
      expect(statuses(results)).toEqual([409, 201, 200, 404, 201, 200]);
      expect(results[2]?.resourceBody).toMatchObject({ id: 'b1', pk: 'bulk-1' });
      expect(results[5]?.resourceBody).toMatchObject({ n: 2 });
    });

    test('of any length is cut up by the SDK', async () => {
      const operations = Array.from({ length: 250 }, (_, n) => ({
        ...create(`l${n}`, `long-${n % 3}`),
        partitionKey: `long-${n % 3}`,
      }));
      const results = await container.items.executeBulkOperations(operations);
      expect(results).toHaveLength(250);
      expect(results.every(({ response }) => response?.statusCode === 201)).toBe(true);
      expect(await idsIn('long-0')).toHaveLength(84);
    });

    test('refuses an operation that is too large, with the words of the service', async () => {
      const big = 'x'.repeat(2_500_000);
      expect(await refusalText(container.items.bulk([create('big', 'large', { big })]))).toContain(
        'Message: {"Errors":["Request size is too large"]}\r\n',
      );
    });

    test('stops at a failure only when asked to', async () => {
      const operations = [create('s1', 'stop'), create('s1', 'stop'), create('s2', 'stop')];
      const results = await container.items.bulk(operations, { continueOnError: false });
      expect(statuses(results)).toEqual([201, 409, 424]);
      expect(await idsIn('stop')).toEqual(['s1']);
      const bad = [create('s3', 'stop', { ttl: 0 }), create('s4', 'stop')];
      expect(statuses(await container.items.bulk(bad, { continueOnError: false }))).toEqual([400, 424]);
      expect(statuses(await container.items.bulk(bad))).toEqual([400, 201]);
    });

    test.each([
      [1, ['s', 7, true, null]],
      [2, ['s', 7, true, null]],
    ])('is routed over the physical partitions of a key of version %d', async (version, keys) => {
      const split = await newContainer(endpoint().database, {
        throughput: 21_000,
        partitionKey: { paths: ['/pk'], version },
      });
      const pks = [...keys, -1.5, 1e300, 'ü', ...Array.from({ length: 60 }, (_, n) => `key-${n}`)];
      const results = await split.items.bulk(
        pks.map((pk, n) => ({ operationType: 'Create', resourceBody: { id: `${n}`, pk } })),
      );
      expect(new Set(statuses(results))).toEqual(new Set([201]));
      const counts = await Promise.all(
        (await split.getFeedRanges()).map(async (range) => {
          const page = await split.items
            .getChangeFeedIterator({ changeFeedStartFrom: ChangeFeedStartFrom.Beginning(range) })
            .readNext();
          return page.result.length;
        }),
      );
      // The SDK's hash and the endpoint's agree: each range has its share, and together they have all.
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(pks.length);
      expect(counts.filter((count) => count > 0)).toHaveLength(4);
    });
  });
});
