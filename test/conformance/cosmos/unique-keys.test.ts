import type { Container } from '@azure/cosmos';
import { newContainer, onEachBackend, refusal, startEndpoint } from './harness';

onEachBackend('unique keys', (backend) => {
  const withKeys = (...uniqueKeys: string[][]): Promise<Container> =>
    newContainer(backend().database, {
      uniqueKeyPolicy: { uniqueKeys: uniqueKeys.map((paths) => ({ paths })) },
    });

  test('a value occurs once in a logical partition', async () => {
    const container = await withKeys(['/email']);
    await container.items.create({ id: '1', pk: 'a', email: 'x' });
    expect(await refusal(container.items.create({ id: '2', pk: 'a', email: 'x' }))).toBe(409);
    expect(await refusal(container.items.upsert({ id: '2', pk: 'a', email: 'x' }))).toBe(409);
    await container.items.create({ id: '2', pk: 'b', email: 'x' });
    await container.items.create({ id: '3', pk: 'a', email: 'X' });
    expect(await refusal(container.item('3', 'a').replace({ id: '3', pk: 'a', email: 'x' }))).toBe(409);
    expect(await refusal(container.item('3', 'a').patch([{ op: 'set', path: '/email', value: 'x' }]))).toBe(
      409,
    );
    expect((await container.item('3', 'a').read()).resource).toMatchObject({ email: 'X' });
  });

  test('an item keeps its own value, and a value that was given up or deleted is free', async () => {
    const container = await withKeys(['/email']);
    await container.items.create({ id: '1', pk: 'a', email: 'x' });
    expect((await container.items.upsert({ id: '1', pk: 'a', email: 'x', n: 1 })).statusCode).toBe(200);
    await container.item('1', 'a').replace({ id: '1', pk: 'a', email: 'y' });
    await container.items.create({ id: '2', pk: 'a', email: 'x' });
    await container.item('2', 'a').delete();
    await container.items.create({ id: '3', pk: 'a', email: 'x' });
    expect(await refusal(container.items.create({ id: '4', pk: 'a', email: 'y' }))).toBe(409);
  });

  test('several paths count together, nested ones too, and a missing value as null', async () => {
    const container = await withKeys(['/name/first', '/name/last'], ['/badge']);
    const name = { first: 'A', last: 'B' };
    await container.items.create({ id: '1', pk: 'a', badge: 1, name });
    await container.items.create({ id: '2', pk: 'a', badge: 2, name: { ...name, last: 'C' } });
    expect(await refusal(container.items.create({ id: '3', pk: 'a', badge: 3, name }))).toBe(409);
    expect(await refusal(container.items.create({ id: '3', pk: 'a', badge: 1 }))).toBe(409);
    await container.items.create({ id: '3', pk: 'a', name: { first: 'A' } });
    expect(await refusal(container.items.create({ id: '4', pk: 'a', name: { first: 'B' } }))).toBe(409);
    await container.items.create({ id: '4', pk: 'a', badge: '1', name: { first: 'B' } });
  });

  test('a transactional batch that breaks one is undone, and may pass a value on', async () => {
    const container = await withKeys(['/email']);
    const create = (id: string, email: string) => ({
      operationType: 'Create' as const,
      resourceBody: { id, pk: 'a', email },
    });
    const refused = await container.items.batch([create('1', 'x'), create('2', 'x')], 'a');
    expect(refused.result?.map(({ statusCode }) => statusCode)).toEqual([424, 409]);
    expect((await container.item('1', 'a').read()).statusCode).toBe(404);
    const passed = await container.items.batch(
      [create('1', 'x'), { operationType: 'Delete', id: '1' }, create('2', 'x')],
      'a',
    );
    expect(passed.code).toBe(200);
    expect(await refusal(container.items.create({ id: '3', pk: 'a', email: 'x' }))).toBe(409);
  });

  test('the policy comes back, and cannot be changed', async () => {
    const container = await withKeys(['/email']);
    const { resource } = await container.read();
    expect(resource?.uniqueKeyPolicy?.uniqueKeys).toEqual([{ paths: ['/email'] }]);
    const uniqueKeyPolicy = { uniqueKeys: [{ paths: ['/other'] }] };
    const partitionKey = { paths: ['/pk'], version: 2 };
    expect(await refusal(container.replace({ id: container.id, partitionKey, uniqueKeyPolicy }))).toBe(400);
  });

  test.each([
    ['without paths', []],
    ['of a path without slash', ['email']],
    ['of more than 16 paths', Array.from({ length: 17 }, (_, n) => `/p${n}`)],
  ])('a key %s is refused', async (_, paths) => {
    expect(await refusal(withKeys(paths))).toBe(400);
  });
});

test('of the local endpoint, the value of an expired item is free', async () => {
  let now = Date.UTC(2030, 0, 1);
  const endpoint = await startEndpoint({ clock: () => now });
  const container = await newContainer(endpoint.database, {
    defaultTtl: -1,
    uniqueKeyPolicy: { uniqueKeys: [{ paths: ['/email'] }, { paths: ['/n'] }] },
  });
  await container.items.create({ id: '1', pk: 'a', email: 'x', n: 1, ttl: 10 });
  await container.items.create({ id: '2', pk: 'a', email: 'y', n: 2, ttl: 10 });
  expect(await refusal(container.items.create({ id: '3', pk: 'a', email: 'x', n: 2 }))).toBe(409);
  now += 11_000;
  expect((await container.items.create({ id: '3', pk: 'a', email: 'x', n: 2 })).statusCode).toBe(201);
  expect((await container.items.readAll().fetchAll()).resources).toHaveLength(1);
  await endpoint.dispose();
});
