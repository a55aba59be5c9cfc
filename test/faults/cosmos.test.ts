import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Container } from '@azure/cosmos';
import type { CosmosOptions } from '../../local/cosmos/server';
import { random } from '../../tools/lib/random';
import { CounterLoad } from './cosmos/counter-load';
import { Endpoint, MAIN } from './cosmos/endpoint';
import { ItemLoad } from './cosmos/item-load';
import type { Load } from './cosmos/load';
import { ResourceLoad } from './cosmos/resource-load';
import { UniqueLoad } from './cosmos/unique-load';
import { VersionLoad } from './cosmos/version-load';

const LIVES = 2;

let dataDir: string;
let endpoints: Endpoint[] = [];
beforeAll(() => {
  if (!existsSync(MAIN)) throw new Error('These tests run the built endpoint: build first (npx tsc -b).');
});
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'cosmos-faults-'));
});
afterEach(async () => {
  for (const endpoint of endpoints) await endpoint.kill();
  endpoints = [];
  await rm(dataDir, { recursive: true });
});

async function start(options: Partial<CosmosOptions> = {}): Promise<Endpoint> {
  const endpoint = await Endpoint.start(dataDir, options);
  endpoints.push(endpoint);
  await endpoint.client.databases.createIfNotExists({ id: 'db' });
  return endpoint;
}

async function containerOf({ database }: Endpoint): Promise<Container> {
  const partitionKey = { paths: ['/pk'], version: 2 };
  return (await database.containers.createIfNotExists({ id: 'c', partitionKey })).container;
}

test.each([1, 2, 3])('killed at a random moment, it keeps all it acknowledged (seed %d)', async (seed) => {
  const r = random(seed);
  const loads: readonly Load[] = [
    new ItemLoad(),
    new VersionLoad(seed),
    new CounterLoad(seed),
    new UniqueLoad(seed),
    new ResourceLoad(seed),
  ];
  let endpoint = await start();
  for (const load of loads) await load.prepare(endpoint.database);
  for (let life = 0; life < LIVES; life++) {
    endpoint.killAfter(r.integer(50, 250));
    const living = endpoint;
    await Promise.all(loads.map((load) => load.run(living)));
    endpoint = await start();
    for (const load of loads) await load.check(endpoint.database);
  }
});

test('a full disk refuses the write with 507 at once and harms nothing', async () => {
  const container = await containerOf(await start({ maxPages: 200 }));
  const pad = 'x'.repeat(50_000);
  let stored = 0;
  let refused: { code?: number } | undefined;
  while (!refused) {
    try {
      await container.items.create({ id: `${stored}`, pk: 'p', pad });
      stored++;
    } catch (error) {
      refused = error as { code?: number };
    }
  }
  expect(refused.code).toBe(507);
  expect(stored).toBeGreaterThan(2);
  const operations = [1, 2].map((n) => ({
    operationType: 'Create' as const,
    resourceBody: { id: `batch-${n}`, pk: 'p', pad },
  }));
  await expect(container.items.batch(operations, 'p')).rejects.toMatchObject({ cause: { code: 507 } });
  const count = async () =>
    (await container.items.query<number>('SELECT VALUE COUNT(1) FROM c').fetchAll()).resources[0];
  expect(await count()).toBe(stored);
  // Reads go on, and so do writes once there is room again.
  expect((await container.item('0', 'p').delete()).statusCode).toBe(204);
  expect((await container.items.create({ id: 'small', pk: 'p' })).statusCode).toBe(201);
  expect(await count()).toBe(stored);
});

test('a damaged store refuses to start, names its file and leaves it as it is', async () => {
  await (await start()).kill();
  const file = join(dataDir, 'cosmos.sqlite');
  const damaged = Buffer.alloc(8_192, 'garbage ');
  await rm(`${file}-wal`, { force: true });
  await writeFile(file, damaged);
  await expect(start()).rejects.toThrow(file);
  expect(await readFile(file)).toEqual(damaged);
});

test('told to stop, it ends and keeps what it has', async () => {
  const first = await start();
  await (await containerOf(first)).items.create({ id: 'kept', pk: 'p' });
  const exit = once(first.child, 'exit');
  first.child.send({ type: 'stop' });
  expect((await exit)[0]).toBe(0);
  const container = await containerOf(await start());
  expect((await container.item('kept', 'p').read()).statusCode).toBe(200);
});
