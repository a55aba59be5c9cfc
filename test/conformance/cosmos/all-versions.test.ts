import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ChangeFeedMode,
  ChangeFeedPolicy,
  ChangeFeedRetentionTimeSpan,
  ChangeFeedStartFrom,
  type ChangeFeedIteratorOptions,
  type Container,
} from '@azure/cosmos';
import { prepareContent } from '../../../local/cosmos/operations/content';
import { inTransaction } from '../../../local/cosmos/operations/transaction';
import { locate } from '../../../local/cosmos/operations/write';
import { Catalog } from '../../../local/cosmos/store/catalog';
import { purgeSlice } from '../../../local/cosmos/store/purge';
import { Throttle } from '../../../local/cosmos/throttle';
import { Database } from '../../../local/shared/database';
import { newContainer, onEachBackend, refusalText, startEndpoint, type Endpoint } from './harness';
import { drain as drainLatest, fromStart, goOn } from './support/change-feed';

interface Entry {
  readonly current?: { readonly id: string; readonly n?: number };
  readonly metadata: {
    readonly operationType: string;
    readonly lsn: number;
    readonly crts: number;
    readonly previousImageLSN?: number;
    readonly timeToLiveExpired?: boolean;
    readonly id?: string;
    readonly partitionKey?: Record<string, unknown>;
  };
}

interface Drained {
  readonly entries: Entry[];
  readonly continuation: string;
}

type Start = NonNullable<ChangeFeedIteratorOptions['changeFeedStartFrom']>;

const feedOf = (container: Container, changeFeedStartFrom: Start, maxItemCount = 100) =>
  container.items.getChangeFeedIterator<Entry>({
    changeFeedStartFrom,
    changeFeedMode: ChangeFeedMode.AllVersionsAndDeletes,
    maxItemCount,
  });

async function drain(container: Container, start: Start, maxItemCount?: number): Promise<Drained> {
  const entries: Entry[] = [];
  for await (const page of feedOf(container, start, maxItemCount).getAsyncIterator()) {
    if (page.statusCode === 304) return { entries, continuation: page.continuationToken };
    entries.push(...page.result);
  }
  return { entries, continuation: '' };
}

const from = (continuation: string): Start => ChangeFeedStartFrom.Continuation(continuation);
const inShort = ({ current, metadata }: Entry): string =>
  `${metadata.operationType} ${current?.id ?? metadata.id}`;

/** On a real account the mode has to be enabled: https://learn.microsoft.com/azure/cosmos-db/change-feed-modes. */
onEachBackend('all versions and deletes', (backend) => {
  test('every version and deletion comes, in the order of the changes', async () => {
    const container = await newContainer(backend().database);
    await container.items.create({ id: 'before', pk: 'p' });
    const { entries, continuation } = await drain(container, ChangeFeedStartFrom.Now());
    expect(entries).toEqual([]);
    await container.items.create({ id: 'a', pk: 'p', n: 1 });
    await container.items.upsert({ id: 'a', pk: 'p', n: 2 });
    await container.item('a', 'p').patch([{ op: 'incr', path: '/n', value: 1 }]);
    await container.item('a', 'p').delete();
    await container.items.upsert({ id: 'b', pk: 'p' });
    await container.item('before', 'p').delete();
    const drained = await drain(container, from(continuation), 2);
    expect(drained.entries.map(inShort)).toEqual([
      'create a',
      'replace a',
      'replace a',
      'delete a',
      'create b',
      'delete before',
    ]);
    const [created, upserted, patched, deleted] = drained.entries;
    expect([created, upserted, patched].map((entry) => entry?.current?.n)).toEqual([1, 2, 3]);
    expect(created?.metadata).not.toHaveProperty('previousImageLSN');
    expect(upserted?.metadata.previousImageLSN).toBe(created?.metadata.lsn);
    expect(deleted).not.toHaveProperty('current');
    expect(deleted?.metadata).toMatchObject({
      id: 'a',
      partitionKey: { pk: 'p' },
      previousImageLSN: patched?.metadata.lsn,
      crts: expect.any(Number),
    });
    expect((await drain(container, from(drained.continuation))).entries).toEqual([]);
  });

  test('it cannot be read from the beginning, nor from a time', async () => {
    const container = await newContainer(backend().database);
    await container.items.create({ id: '1', pk: 'p' });
    for (const start of [ChangeFeedStartFrom.Beginning(), ChangeFeedStartFrom.Time(new Date(0))]) {
      expect(await refusalText(feedOf(container, start).readNext())).toContain(
        'You must read the change feed from within the retention period.',
      );
    }
  });

  test('a transactional batch appears as a whole or not at all', async () => {
    const container = await newContainer(backend().database);
    const { continuation } = await drain(container, ChangeFeedStartFrom.Now());
    const create = (id: string) => ({ operationType: 'Create' as const, resourceBody: { id, pk: 'p' } });
    await container.items.batch([create('x'), create('x')], 'p');
    await container.items.batch([create('y'), { operationType: 'Delete', id: 'y' }, create('z')], 'p');
    const { entries } = await drain(container, from(continuation));
    expect(entries.map(inShort)).toEqual(['create y', 'delete y', 'create z']);
  });

  test('each physical partition and each partition key has its own part', async () => {
    const container = await newContainer(backend().database, {
      throughput: 18_000,
      partitionKey: { paths: ['/tenant', '/ü"x"'], kind: 'MultiHash' as never, version: 2 },
    });
    const ranges = await container.getFeedRanges();
    const starts = [ChangeFeedStartFrom.Now(), ...ranges.map((range) => ChangeFeedStartFrom.Now(range))];
    const begun = await Promise.all(starts.map((start) => drain(container, start)));
    const mine = await drain(container, ChangeFeedStartFrom.Now(['t1', 'é']));
    const ids = Array.from({ length: 12 }, (_, n) => `${n}`);
    for (const id of ids) {
      await container.items.create({ id, tenant: `t${id}`, 'ü"x"': 'é' });
      await container.item(id, [`t${id}`, 'é']).delete();
    }
    const [all, ...parts] = await Promise.all(
      begun.map(({ continuation }) => drain(container, from(continuation), 3)),
    );
    const expected = ids.flatMap((id) => [`create ${id}`, `delete ${id}`]).toSorted();
    expect(all?.entries.map(inShort).toSorted()).toEqual(expected);
    expect(parts.flatMap(({ entries }) => entries.map(inShort)).toSorted()).toEqual(expected);
    const { entries } = await drain(container, from(mine.continuation));
    expect(entries.map(inShort)).toEqual(['create 1', 'delete 1']);
    expect(entries[1]?.metadata.partitionKey).toEqual({ tenant: 't1', 'ü"x"': 'é' });
  });
});

describe('all versions and deletes, of the local endpoint', () => {
  let endpoint: Endpoint;
  let now = Date.UTC(2030, 0, 1);
  beforeAll(async () => {
    endpoint = await startEndpoint({ clock: () => now });
  });
  afterAll(() => endpoint.dispose());

  test('a continuation of the latest versions is no way around the retention', async () => {
    const container = await newContainer(endpoint.database);
    await container.items.create({ id: '1', pk: 'p' });
    const latest = await container.items
      .getChangeFeedIterator({ changeFeedStartFrom: ChangeFeedStartFrom.Beginning(), maxItemCount: 1 })
      .readNext();
    await container.items.create({ id: '2', pk: 'p' });
    expect(await refusalText(feedOf(container, from(latest.continuationToken)).readNext())).toContain(
      'retention',
    );
  });

  test('an expired item is deleted before its id is given anew', async () => {
    const container = await newContainer(endpoint.database, { defaultTtl: -1 });
    await container.items.create({ id: 'a', pk: 'p', ttl: 10, n: 1 });
    const { continuation } = await drain(container, ChangeFeedStartFrom.Now());
    now += 20_000;
    await container.items.create({ id: 'a', pk: 'p', n: 2 });
    const { entries } = await drain(container, from(continuation));
    expect(entries.map(inShort)).toEqual(['delete a', 'create a']);
    expect(entries[0]?.metadata.timeToLiveExpired).toBe(true);
  });

  test('nothing that is written while the log begins is missing from it', async () => {
    const container = await newContainer(endpoint.database);
    const writes = Array.from({ length: 40 }, (_, n) => container.items.create({ id: `${n}`, pk: 'p' }));
    const { continuation } = await drain(container, ChangeFeedStartFrom.Now());
    await Promise.all(writes);
    await container.items.create({ id: 'last', pk: 'p' });
    const { entries } = await drain(container, from(continuation));
    // The continuations of both modes are numbers of changes.
    const { ids } = await drainLatest(container, goOn(continuation));
    expect(entries.map(({ current }) => current?.id)).toEqual(ids);
    expect(ids).toContain('last');
  });

  test('a policy of the container has the log begin with it, and limits how far it reaches back', async () => {
    const changeFeedPolicy = new ChangeFeedPolicy(ChangeFeedRetentionTimeSpan.fromMinutes(5));
    const container = await newContainer(endpoint.database, { changeFeedPolicy });
    const begin = await drainLatest(container, fromStart());
    await container.items.create({ id: 'a', pk: 'p' });
    expect((await drain(container, from(begin.continuation))).entries.map(inShort)).toEqual(['create a']);
  });
});

test('the log of versions goes on after a restart', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'cosmos-log-'));
  const before = await startEndpoint({ dataDir });
  const { id } = await newContainer(before.database);
  const { continuation } = await drain(before.database.container(id), ChangeFeedStartFrom.Now());
  await before.database.container(id).items.create({ id: 'a', pk: 'p' });
  await before.dispose();
  const after = await startEndpoint({ dataDir });
  const container = after.client.database('db').container(id);
  await container.item('a', 'p').delete();
  const { entries } = await drain(container, from(continuation));
  expect(entries.map(inShort)).toEqual(['create a', 'delete a']);
  await after.dispose();
  rmSync(dataDir, { recursive: true });
});

test('what is over is purged: expired items as deletions, old changes for good', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cosmos-log-'));
  const store = new Database(join(folder, 'cosmos.sqlite'));
  const catalog = new Catalog(store);
  let now = Date.UTC(2030, 0, 1);
  const context = { store, catalog, clock: () => now, throttle: new Throttle(false, () => now) };
  await catalog.createDatabase('db', undefined, now);
  const definition = {
    id: 'c',
    partitionKey: { paths: ['/pk'], kind: 'Hash', version: 2 },
    defaultTtl: 60,
    changeFeedPolicy: { retentionDuration: 5 },
  } as const;
  const created = await catalog.createContainer('db', definition, undefined, now);
  if (!created.ok) throw new Error(created.message);
  const container = created.value;
  const prepared = prepareContent(container, { id: 'a', pk: 'p' }, undefined);
  if (!prepared.ok) throw new Error(prepared.message);
  const located = locate(container, prepared.value.key);
  if (!located.ok) throw new Error(located.message);
  await inTransaction(context, container, [{ type: 'Create', ...prepared.value, ...located.value }], 'each');
  const purge = () => store.write((db) => purgeSlice(catalog, db, container, now));
  const logged = () => {
    const where = { text: '1', parameters: [] };
    const { name } = catalog.logs.of(container.num);
    return [...catalog.logs.of(container.num).read({ from: name, where, order: 'lsn' })];
  };
  expect(await purge()).toBe(0);
  now += 61_000;
  await purge();
  expect(logged().map(({ type, expired }) => [type, expired])).toEqual([
    ['create', 0],
    ['delete', 1],
  ]);
  const [, deletion] = logged();
  now += 5 * 60_000 + 1;
  await purge();
  expect(logged()).toEqual([]);
  expect(catalog.logs.since(container.num)).toBe(deletion?.lsn);
  store.close();
  rmSync(folder, { recursive: true });
});
