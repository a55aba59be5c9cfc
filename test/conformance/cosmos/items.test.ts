import { PartitionKeyBuilder, PatchOperationType, type Container, type PartitionKey } from '@azure/cosmos';
import { newContainer, onEachBackend, refusal } from './harness';

onEachBackend('items', (endpoint) => {
  let container: Container;
  beforeAll(async () => {
    container = await newContainer(endpoint().database);
  });

  const ifMatch = (condition: string) => ({ accessCondition: { type: 'IfMatch', condition } });
  const ifNoneMatch = (condition: string) => ({ accessCondition: { type: 'IfNoneMatch', condition } });

  test('an item is created, read, replaced and deleted', async () => {
    const created = await container.items.create({
      id: 'life',
      pk: 'a',
      n: 1,
      nested: { list: [1, 'x', null] },
    });
    expect(created.statusCode).toBe(201);
    expect(created.etag).toBe(created.resource?._etag);
    expect(created.etag).toMatch(/^"[^"]+"$/);
    const read = await container.item('life', 'a').read();
    expect(read.resource).toEqual(created.resource);
    expect(read.resource).toMatchObject({ n: 1, nested: { list: [1, 'x', null] }, _ts: expect.any(Number) });
    const replaced = await container.item('life', 'a').replace({ id: 'life', pk: 'a', n: 2 });
    expect(replaced.statusCode).toBe(200);
    expect(replaced.resource?._rid).toBe(created.resource?._rid);
    expect(replaced.etag).not.toBe(created.etag);
    expect((await container.item('life', 'a').delete()).statusCode).toBe(204);
    expect((await container.item('life', 'a').read()).statusCode).toBe(404);
    expect(await refusal(container.item('life', 'a').delete())).toBe(404);
  });

  test('create refuses an id that is taken, in the same partition only', async () => {
    await container.items.create({ id: 'once', pk: 'a' });
    expect(await refusal(container.items.create({ id: 'once', pk: 'a' }))).toBe(409);
    expect((await container.items.create({ id: 'once', pk: 'b' })).statusCode).toBe(201);
  });

  test('of many concurrent creations of one id exactly one succeeds', async () => {
    const attempts = Array.from({ length: 20 }, (_, n) =>
      container.items.create({ id: 'race', pk: 'a', n }).then(
        () => 201,
        (error: { code: number }) => error.code,
      ),
    );
    const codes = await Promise.all(attempts);
    expect(codes.filter((code) => code === 201)).toHaveLength(1);
    expect(codes.filter((code) => code === 409)).toHaveLength(19);
  });

  test('upsert answers 201 for a new item and 200 for an old one', async () => {
    expect((await container.items.upsert({ id: 'up', pk: 'a', n: 1 })).statusCode).toBe(201);
    const second = await container.items.upsert({ id: 'up', pk: 'a', n: 2 });
    expect(second.statusCode).toBe(200);
    expect((await container.item('up', 'a').read()).resource).toMatchObject({ n: 2 });
  });

  test('an ETag condition decides over a write', async () => {
    const { etag } = await container.items.create({ id: 'cond', pk: 'a', n: 1 });
    const item = container.item('cond', 'a');
    const second = await item.replace({ id: 'cond', pk: 'a', n: 2 }, ifMatch(etag));
    expect(second.statusCode).toBe(200);
    expect(await refusal(item.replace({ id: 'cond', pk: 'a', n: 3 }, ifMatch(etag)))).toBe(412);
    expect(await refusal(item.delete(ifMatch(etag)))).toBe(412);
    expect(await refusal(container.items.upsert({ id: 'cond', pk: 'a', n: 3 }, ifMatch(etag)))).toBe(412);
    expect(await refusal(item.patch([{ op: 'incr', path: '/n', value: 1 }], ifMatch(etag)))).toBe(412);
    expect((await item.read()).resource).toMatchObject({ n: 2 });
    expect((await item.delete(ifMatch(second.etag))).statusCode).toBe(204);
  });

  test('a read under If-None-Match answers 304 until the item changes', async () => {
    const { etag } = await container.items.create({ id: 'cached', pk: 'a' });
    expect((await container.item('cached', 'a').read(ifNoneMatch(etag))).statusCode).toBe(304);
    await container.items.upsert({ id: 'cached', pk: 'a', n: 1 });
    expect((await container.item('cached', 'a').read(ifNoneMatch(etag))).statusCode).toBe(200);
  });

  test('an item cannot change its id', async () => {
    await container.items.create({ id: 'fixed', pk: 'a' });
    expect(await refusal(container.item('fixed', 'a').replace({ id: 'other', pk: 'a' }))).toBe(400);
  });

  test('a partition key that is not the item’s own is refused', async () => {
    await container.items.create({ id: 'mine', pk: 'a' });
    expect(await refusal(container.item('mine', 'a').replace({ id: 'mine', pk: 'b' }))).toBe(400);
  });

  test('system properties sent along are replaced by the endpoint’s own', async () => {
    const { resource } = await container.items.create({
      id: 'system',
      pk: 'a',
      _rid: 'x',
      _etag: 'y',
      _ts: 1,
    });
    expect(resource?._rid).not.toBe('x');
    expect(resource?._ts).toBeGreaterThan(1);
  });

  test.each([
    ['a trailing space', 'x '],
    ['a percent sign', 'x%20y'],
    ['a line break', 'x\ny'],
    ['a carriage return', 'x\ry'],
    ['a tab', 'x\ty'],
    ['a question mark', 'x?y=z'],
    ['an ampersand and a plus', 'a&b+c'],
    ['other scripts', 'ключ-鍵-🔑'],
  ])('an id with %s works', async (_, id) => {
    await container.items.create({ id, pk: 'ids' });
    const read = await container.item(id, 'ids').read();
    expect(read.statusCode).toBe(200);
    expect(read.resource?.id).toBe(id);
    expect((await container.item(id, 'ids').replace({ id, pk: 'ids', n: 1 })).statusCode).toBe(200);
    expect((await container.item(id, 'ids').delete()).statusCode).toBe(204);
  });

  test.each([
    ['longer than 1,023 bytes', 'é'.repeat(512)],
    ['a number', 5],
  ])('an id that is %s is refused', async (_, id) => {
    const results = await container.items.bulk([{ operationType: 'Create', resourceBody: { id, pk: 'a' } }]);
    expect(results[0]?.statusCode).toBe(400);
  });

  test.each([['text'], [42], [-0.5], [true], [false], [null]])(
    'the partition key %p finds its items',
    async (pk) => {
      await container.items.create({ id: 'typed', pk, own: String(pk) });
      expect((await container.item('typed', pk).read()).resource).toMatchObject({ own: String(pk) });
    },
  );

  test('items without a partition key have a partition of their own', async () => {
    await container.items.create({ id: 'none' });
    expect((await container.item('none', undefined).read()).resource).toMatchObject({ id: 'none' });
    expect((await container.item('none', null).read()).statusCode).toBe(404);
  });

  test('an item of more than 2 MB is refused with 413', async () => {
    const big = 'x'.repeat(2 * 1024 * 1024);
    expect(await refusal(container.items.create({ id: 'big', pk: 'a', big }))).toBe(413);
    expect(await refusal(container.items.create({ id: 'huge', pk: 'a', big: big + big + big }))).toBe(413);
    expect((await container.items.create({ id: 'fits', pk: 'a', big: big.slice(1_000) })).statusCode).toBe(
      201,
    );
  });

  describe('patch', () => {
    const patch = async (id: string, operations: object[], condition?: string) => {
      const item = container.item(id, 'p');
      return item.patch(
        condition === undefined ? (operations as never) : ({ operations, condition } as never),
      );
    };

    test('applies its operations in order', async () => {
      await container.items.create({ id: 'all', pk: 'p', n: 1, list: [1, 2], gone: true, from: 'moved' });
      const { resource, statusCode } = await patch('all', [
        { op: PatchOperationType.add, path: '/list/-', value: 4 },
        { op: PatchOperationType.add, path: '/list/2', value: 3 },
        { op: PatchOperationType.set, path: '/made', value: { deep: {} } },
        { op: PatchOperationType.set, path: '/made/deep/er', value: 1 },
        { op: PatchOperationType.replace, path: '/list/0', value: 'one' },
        { op: PatchOperationType.remove, path: '/gone' },
        { op: PatchOperationType.incr, path: '/n', value: 1.5 },
        { op: PatchOperationType.incr, path: '/fresh', value: 2 },
        { op: 'move', from: '/from', path: '/to' },
      ]);
      expect(statusCode).toBe(200);
      expect(resource).toMatchObject({
        n: 2.5,
        fresh: 2,
        list: ['one', 2, 3, 4],
        made: { deep: { er: 1 } },
        to: 'moved',
      });
      expect(resource).not.toHaveProperty('gone');
      expect(resource).not.toHaveProperty('from');
    });

    test('changes nothing when one operation is refused', async () => {
      await container.items.create({ id: 'half', pk: 'p', n: 1 });
      const operations = [
        { op: 'incr', path: '/n', value: 1 },
        { op: 'replace', path: '/missing', value: 1 },
      ];
      expect(await refusal(patch('half', operations))).toBe(400);
      expect((await container.item('half', 'p').read()).resource).toMatchObject({ n: 1 });
    });

    test('holds its condition against the item', async () => {
      await container.items.create({ id: 'if', pk: 'p', n: 1 });
      const operations = [{ op: 'set', path: '/done', value: true }];
      expect(await refusal(patch('if', operations, 'FROM c WHERE c.n = 2'))).toBe(412);
      expect((await patch('if', operations, 'FROM c WHERE c.n = 1')).resource).toMatchObject({ done: true });
    });

    test.each([
      ['the id', { op: 'set', path: '/id', value: 'other' }],
      ['the partition key', { op: 'set', path: '/pk', value: 'other' }],
      ['a system property', { op: 'set', path: '/_etag', value: 'other' }],
      ['a path without slash', { op: 'set', path: 'n', value: 1 }],
      ['a text by increment', { op: 'incr', path: '/text', value: 1 }],
    ])('refuses to change %s', async (_, operation) => {
      await container.items.upsert({ id: 'kept', pk: 'p', text: 'x' });
      expect(await refusal(patch('kept', [operation]))).toBe(400);
    });

    test('refuses an item that does not exist, and more than ten operations', async () => {
      const operation = { op: 'set', path: '/n', value: 1 };
      expect(await refusal(patch('nobody', [operation]))).toBe(404);
      await container.items.create({ id: 'many', pk: 'p' });
      expect(
        await refusal(
          patch(
            'many',
            Array.from({ length: 11 }, () => operation),
          ),
        ),
      ).toBe(400);
    });
  });

  test('hierarchical partition keys address, and are queried by prefix', async () => {
    const hierarchical = await newContainer(endpoint().database, {
      partitionKey: { paths: ['/tenant', '/user'], kind: 'MultiHash' as never, version: 2 },
    });
    await hierarchical.items.create({ id: '1', tenant: 'a', user: 'x' });
    await hierarchical.items.create({ id: '2', tenant: 'a', user: 'y' });
    await hierarchical.items.create({ id: '3', tenant: 'b', user: 'x' });
    expect((await hierarchical.item('2', ['a', 'y']).read()).resource).toMatchObject({ id: '2' });
    expect((await hierarchical.item('2', ['a', 'x']).read()).statusCode).toBe(404);
    expect(await refusal(hierarchical.item('2', ['a']).read())).toBe(400);
    const { resources } = await hierarchical.items
      .query('SELECT VALUE c.id FROM c ORDER BY c.id', { partitionKey: ['a'] })
      .fetchAll();
    expect(resources).toEqual(['1', '2']);
  });

  test('parts of a hierarchical key may be missing from an item', async () => {
    const hierarchical = await newContainer(endpoint().database, {
      partitionKey: { paths: ['/tenant', '/user'], kind: 'MultiHash' as never, version: 2 },
    });
    const half = new PartitionKeyBuilder().addValue('a').addNoneValue().build();
    await hierarchical.items.create({ id: 'half', tenant: 'a' });
    await hierarchical.items.create({ id: 'none' });
    expect((await hierarchical.item('half', half).read()).resource).toMatchObject({ id: 'half' });
    expect((await hierarchical.item('none').read()).resource).toMatchObject({ id: 'none' });
    expect(await refusal(hierarchical.item('half', 'a').read())).toBe(400);
    const ids = async (partitionKey: PartitionKey) =>
      (await hierarchical.items.query('SELECT VALUE c.id FROM c', { partitionKey }).fetchAll()).resources;
    expect(await ids(half)).toEqual(['half']);
    expect(await ids(['a'])).toEqual(['half']);
    const patched = await hierarchical.item('half', half).patch([{ op: 'set', path: '/n', value: 1 }]);
    expect(patched.resource).toMatchObject({ n: 1 });
    expect((await hierarchical.item('none').delete()).statusCode).toBe(204);
  });

  test('an item may be nested 128 levels deep', async () => {
    const nested = (levels: number): unknown => {
      let value: unknown = 'x'.repeat(300);
      for (let n = 0; n < levels; n++) value = n % 2 === 0 ? [value] : { value };
      return value;
    };
    const container = await newContainer(endpoint().database);
    await container.items.create({ id: 'deep', pk: 'p', nested: nested(127) });
    expect(await refusal(container.items.create({ id: 'deeper', pk: 'p', nested: nested(128) }))).toBe(400);
  });
});
