import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ChangeFeedStartFrom, CosmosClient, type Container } from '@azure/cosmos';
import { cosmosConnectionString, type CosmosOptions } from '../../local/cosmos/server';
import type { FromChild } from '../../local/shared/child';

const MAIN = resolve('build/local/cosmos/main.js');
const KEY = Buffer.from('a key for tests only').toString('base64');

let dataDir: string;
let children: ChildProcess[] = [];
let clients: CosmosClient[] = [];
beforeAll(() => {
  if (!existsSync(MAIN)) throw new Error('These tests run the built endpoint: build first (npx tsc -b).');
});
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'cosmos-faults-'));
});
afterEach(async () => {
  for (const client of clients) client.dispose();
  for (const child of children) await kill(child);
  [clients, children] = [[], []];
  await rm(dataDir, { recursive: true });
});

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

async function startChild(
  options: Partial<CosmosOptions> = {},
): Promise<{ child: ChildProcess; answer: FromChild }> {
  const child = fork(MAIN, { execArgv: ['--disable-warning=ExperimentalWarning'], silent: true });
  children.push(child);
  child.send({ type: 'start', options: { dataDir, port: 0, key: KEY, ...options } });
  const [answer] = (await once(child, 'message')) as [FromChild];
  return { child, answer };
}

async function start(
  options: Partial<CosmosOptions> = {},
): Promise<{ child: ChildProcess; container: Container }> {
  const { child, answer } = await startChild(options);
  if (answer.type !== 'ready') throw new Error(answer.message);
  const client = new CosmosClient(cosmosConnectionString({ port: answer.port, key: KEY }));
  clients.push(client);
  const { database } = await client.databases.createIfNotExists({ id: 'db' });
  const { container } = await database.containers.createIfNotExists({
    id: 'c',
    partitionKey: { paths: ['/pk'], version: 2 },
  });
  return { child, container };
}

/** Mulberry32: the moments of the kills are random, and the same in each run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const GROUP = 5;

interface Acknowledged {
  readonly single: Map<string, string>;
  readonly groups: Set<string>;
}

/** Writes single items and batches until the endpoint is gone; notes what was acknowledged. */
async function writeUntilKilled(
  container: Container,
  worker: number,
  acknowledged: Acknowledged,
  onWrite: () => void,
): Promise<void> {
  for (let n = 0; ; n++) {
    const name = `${worker}-${n}`;
    try {
      if (n % 2 === 0) {
        const { resource } = await container.items.create({ id: name, pk: `p${worker}` });
        acknowledged.single.set(name, String(resource?._etag));
      } else {
        const operations = Array.from({ length: GROUP }, (_, part) => ({
          operationType: 'Create' as const,
          resourceBody: { id: `${name}_${part}`, pk: `p${worker}`, group: name },
        }));
        const { code } = await container.items.batch(operations, `p${worker}`);
        if (code === 200) acknowledged.groups.add(name);
      }
    } catch {
      return;
    }
    onWrite();
  }
}

interface Found {
  readonly id: string;
  readonly group?: string;
  readonly _etag: string;
}

async function changesSince(container: Container, continuation: string): Promise<Found[]> {
  const found: Found[] = [];
  const changeFeedStartFrom = ChangeFeedStartFrom.Continuation(continuation);
  for await (const page of container.items
    .getChangeFeedIterator<Found>({ changeFeedStartFrom })
    .getAsyncIterator()) {
    if (page.statusCode === 304) break;
    found.push(...page.result);
  }
  return found;
}

test.each([1, 2, 3])('killed at a random moment, it keeps all it acknowledged (seed %d)', async (seed) => {
  const first = await start();
  await first.container.items.create({ id: 'before', pk: 'p' });
  const feed = first.container.items.getChangeFeedIterator({
    changeFeedStartFrom: ChangeFeedStartFrom.Beginning(),
  });
  const { continuationToken } = await feed.readNext();

  const acknowledged: Acknowledged = { single: new Map(), groups: new Set() };
  let untilKill = 40 + Math.floor(random(seed)() * 200);
  const onWrite = (): void => void (--untilKill === 0 && first.child.kill('SIGKILL'));
  await Promise.all(
    Array.from({ length: 8 }, (_, worker) =>
      writeUntilKilled(first.container, worker, acknowledged, onWrite),
    ),
  );
  expect(acknowledged.single.size + acknowledged.groups.size).toBeGreaterThan(30);

  const second = await start();
  const stored = (await second.container.items.readAll<Found>({ maxItemCount: 1_000 }).fetchAll()).resources;
  const byId = new Map(stored.map((item) => [item.id, item]));
  for (const [id, etag] of acknowledged.single) expect(byId.get(id)?._etag).toBe(etag);
  const groups = new Map<string, Found[]>();
  for (const item of stored) {
    if (item.group !== undefined) groups.set(item.group, [...(groups.get(item.group) ?? []), item]);
  }
  for (const name of acknowledged.groups) expect(groups.get(name)).toHaveLength(GROUP);
  // Those that were not acknowledged may be there, but only as a whole.
  for (const members of groups.values()) expect(members).toHaveLength(GROUP);

  const changed = (await changesSince(second.container, continuationToken)).map(({ id }) => id);
  const expected = stored.map(({ id }) => id).filter((id) => id !== 'before');
  expect(changed.toSorted()).toEqual(expected.toSorted());
});

test('a full disk refuses the write with 507 at once and harms nothing', async () => {
  const { container } = await start({ maxPages: 200 });
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
  const { child } = await start();
  await kill(child);
  const file = join(dataDir, 'cosmos.sqlite');
  const damaged = Buffer.alloc(8_192, 'garbage ');
  await rm(`${file}-wal`, { force: true });
  await writeFile(file, damaged);
  const { answer } = await startChild();
  expect(answer).toMatchObject({ type: 'failed', message: expect.stringContaining(file) });
  expect(await readFile(file)).toEqual(damaged);
});

test('told to stop, it ends and keeps what it has', async () => {
  const first = await start();
  await first.container.items.create({ id: 'kept', pk: 'p' });
  const exit = once(first.child, 'exit');
  first.child.send({ type: 'stop' });
  expect((await exit)[0]).toBe(0);
  const second = await start();
  expect((await second.container.item('kept', 'p').read()).statusCode).toBe(200);
});
