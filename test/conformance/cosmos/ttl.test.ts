import { ChangeFeedStartFrom, type Container } from '@azure/cosmos';
import { newContainer, refusal, startEndpoint, type Endpoint } from './harness';

let endpoint: Endpoint;
let now = Date.UTC(2030, 0, 1);
const wait = (seconds: number): void => void (now += seconds * 1_000);
beforeAll(async () => {
  endpoint = await startEndpoint({ clock: () => now });
});
afterAll(() => endpoint.dispose());

const idsOf = async (container: Container): Promise<string[]> =>
  (await container.items.query('SELECT VALUE c.id FROM c').fetchAll()).resources;

test('an item past its ttl is invisible to every operation', async () => {
  const container = await newContainer(endpoint.database, { defaultTtl: -1 });
  await container.items.create({ id: 'short', pk: 'p', ttl: 10 });
  await container.items.create({ id: 'long', pk: 'p' });
  wait(9.999);
  expect((await container.item('short', 'p').read()).statusCode).toBe(200);
  wait(0.001);
  expect((await container.item('short', 'p').read()).statusCode).toBe(404);
  expect(await refusal(container.item('short', 'p').delete())).toBe(404);
  expect(await refusal(container.item('short', 'p').replace({ id: 'short', pk: 'p' }))).toBe(404);
  expect(await idsOf(container)).toEqual(['long']);
  const feed = container.items.getChangeFeedIterator<{ id: string }>({
    changeFeedStartFrom: ChangeFeedStartFrom.Beginning(),
  });
  expect((await feed.readNext()).result.map(({ id }) => id)).toEqual(['long']);
});

test('its id is free again', async () => {
  const container = await newContainer(endpoint.database, { defaultTtl: -1 });
  await container.items.create({ id: 'again', pk: 'p', ttl: 1, n: 1 });
  expect(await refusal(container.items.create({ id: 'again', pk: 'p' }))).toBe(409);
  wait(2);
  expect((await container.items.create({ id: 'again', pk: 'p', n: 2 })).statusCode).toBe(201);
  wait(2);
  expect((await container.item('again', 'p').read()).resource).toMatchObject({ n: 2 });
});

test('a write renews the time', async () => {
  const container = await newContainer(endpoint.database, { defaultTtl: 10 });
  await container.items.create({ id: 'kept', pk: 'p' });
  wait(6);
  await container.item('kept', 'p').patch([{ op: 'set', path: '/n', value: 1 }]);
  wait(6);
  expect((await container.item('kept', 'p').read()).statusCode).toBe(200);
});

test('the container’s default counts for items without their own, and -1 is for ever', async () => {
  const container = await newContainer(endpoint.database, { defaultTtl: 10 });
  await container.items.create({ id: 'default', pk: 'p' });
  await container.items.create({ id: 'own', pk: 'p', ttl: 100 });
  await container.items.create({ id: 'ever', pk: 'p', ttl: -1 });
  wait(50);
  expect(await idsOf(container)).toEqual(['own', 'ever']);
  wait(100);
  expect(await idsOf(container)).toEqual(['ever']);
});

test('without a default nothing expires, whatever the items say', async () => {
  const container = await newContainer(endpoint.database);
  await container.items.create({ id: 'kept', pk: 'p', ttl: 1 });
  wait(100);
  expect(await idsOf(container)).toEqual(['kept']);
});

test.each<unknown>([0, -2, 1.5, 'x', null])('the ttl %p is refused', async (ttl) => {
  const container = await newContainer(endpoint.database, { defaultTtl: -1 });
  expect(await refusal(container.items.create({ id: 'bad', pk: 'p', ttl: ttl as number }))).toBe(400);
  const id = 'bad-container';
  expect(await refusal(endpoint.database.containers.create({ id, defaultTtl: ttl as number }))).toBe(400);
});
