import { ChangeFeedStartFrom, type ChangeFeedIteratorOptions } from '@azure/cosmos';
import { newContainer, onEachBackend, refusal } from './harness';
import { drain, fromStart, goOn } from './support/change-feed';

onEachBackend('the change feed', (endpoint) => {
  test('delivers the latest version of each item, in the order of the changes', async () => {
    const container = await newContainer(endpoint().database);
    for (const id of ['a', 'b', 'c']) await container.items.create({ id, pk: id });
    await container.items.upsert({ id: 'a', pk: 'a', n: 2 });
    await container.item('b', 'b').delete();
    expect((await drain(container, fromStart())).ids).toEqual(['c', 'a']);
  });

  test('marks each change with its time and its sequence number', async () => {
    const container = await newContainer(endpoint().database);
    for (const id of ['a', 'b']) await container.items.create({ id, pk: id });
    const page = await container.items
      .getChangeFeedIterator<{ _ts: number; _lsn: number }>(fromStart())
      .readNext();
    const read = await container.item('a', 'a').read<{ _ts: number }>();
    expect(page.result[0]?._ts).toBe(read.resource?._ts);
    const [first, second] = page.result.map(({ _lsn }) => _lsn);
    expect(second).toBeGreaterThan(first ?? Infinity);
  });

  test('gives an item as a read does, whatever characters are in it', async () => {
    const container = await newContainer(endpoint().database);
    const data = { texts: ['é', '日本', '😀', '\u2028', '"\\', '\u0000'], nothing: {}, näme: null };
    await container.items.create({ id: 'a', pk: 'a', data });
    await container.items.create({ id: 'b', pk: 'b' });
    const { result } = await container.items
      .getChangeFeedIterator<{ id: string; _lsn: number }>(fromStart())
      .readNext();
    for (const { _lsn, ...item } of result) {
      expect(_lsn).toBeGreaterThan(0);
      expect((await container.item(item.id, item.id).read()).resource).toEqual(item);
    }
    expect(result).toMatchObject([{ id: 'a', data }, { id: 'b' }]);
  });

  test('goes on from a continuation, page by page, and answers 304 with one at the end', async () => {
    const container = await newContainer(endpoint().database);
    for (let n = 0; n < 5; n++) await container.items.create({ id: `${n}`, pk: 'p' });
    const iterator = container.items.getChangeFeedIterator<{ id: string }>({
      ...fromStart(),
      maxItemCount: 2,
    });
    const first = await iterator.readNext();
    expect(first.result.map(({ id }) => id)).toEqual(['0', '1']);
    const rest = await drain(container, goOn(first.continuationToken));
    expect(rest.ids).toEqual(['2', '3', '4']);
    expect((await drain(container, goOn(rest.continuation))).ids).toEqual([]);
    await container.items.upsert({ id: '0', pk: 'p' });
    expect((await drain(container, goOn(rest.continuation))).ids).toEqual(['0']);
  });

  test('names its physical partition in each answer, with changes or without', async () => {
    const container = await newContainer(endpoint().database);
    await container.items.create({ id: 'a', pk: 'a' });
    const iterator = container.items.getChangeFeedIterator(fromStart());
    for (const status of [200, 304]) {
      const { statusCode, headers } = await iterator.readNext();
      expect([statusCode, headers['x-ms-documentdb-partitionkeyrangeid']]).toEqual([status, '0']);
    }
  });

  test('a page holds at most 4 MB', async () => {
    const container = await newContainer(endpoint().database);
    const pad = 'x'.repeat(1_500_000);
    for (let n = 0; n < 3; n++) await container.items.create({ id: `${n}`, pk: 'p', pad });
    const iterator = container.items.getChangeFeedIterator({ ...fromStart(), maxItemCount: 10 });
    expect((await iterator.readNext()).result).toHaveLength(2);
    expect((await iterator.readNext()).result).toHaveLength(1);
  });

  test('started now, it delivers what comes after', async () => {
    const container = await newContainer(endpoint().database);
    await container.items.create({ id: 'before', pk: 'p' });
    const { ids, continuation } = await drain(container, { changeFeedStartFrom: ChangeFeedStartFrom.Now() });
    expect(ids).toEqual([]);
    await container.items.create({ id: 'after', pk: 'p' });
    expect((await drain(container, goOn(continuation))).ids).toEqual(['after']);
  });

  test('can be limited to one partition key', async () => {
    const container = await newContainer(endpoint().database);
    await container.items.bulk(
      ['a', 'b', 'a'].map((pk, n) => ({ operationType: 'Create', resourceBody: { id: `${n}`, pk } })),
    );
    const start = (): ChangeFeedIteratorOptions => ({
      changeFeedStartFrom: ChangeFeedStartFrom.Beginning('a'),
    });
    const { ids, continuation } = await drain(container, start());
    expect(ids).toEqual(['0', '2']);
    await container.items.create({ id: '3', pk: 'b' });
    await container.items.create({ id: '4', pk: 'a' });
    expect((await drain(container, goOn(continuation))).ids).toEqual(['4']);
  });

  test('covers every physical partition, and each feed range has its own part', async () => {
    const container = await newContainer(endpoint().database, { throughput: 18_000 });
    const expected = Array.from({ length: 40 }, (_, n) => `${n}`);
    await Promise.all(expected.map((id) => container.items.create({ id, pk: id })));
    const all = await drain(container, { ...fromStart(), maxItemCount: 3 });
    expect(all.ids.toSorted()).toEqual(expected.toSorted());
    const parts = await Promise.all(
      (await container.getFeedRanges()).map((range) =>
        drain(container, { changeFeedStartFrom: ChangeFeedStartFrom.Beginning(range) }),
      ),
    );
    expect(parts).toHaveLength(3);
    expect(parts.flatMap(({ ids }) => ids).toSorted()).toEqual(expected.toSorted());
  });

  test('a transactional batch appears as a whole or not at all', async () => {
    const container = await newContainer(endpoint().database);
    await container.items.create({ id: 'taken', pk: 'p' });
    const create = (id: string) => ({ operationType: 'Create' as const, resourceBody: { id, pk: 'p' } });
    await container.items.batch([create('x'), create('taken')], 'p');
    await container.items.batch([create('y'), create('z')], 'p');
    expect((await drain(container, fromStart())).ids).toEqual(['taken', 'y', 'z']);
  });

  test('a junk continuation is refused', async () => {
    const container = await newContainer(endpoint().database);
    await container.items.create({ id: '1', pk: 'p' });
    const { continuation } = await drain(container, fromStart());
    const junk = JSON.stringify(JSON.parse(continuation)).replace(/\\"\d+\\"/, 'junk');
    expect(await refusal(container.items.getChangeFeedIterator(goOn(junk)).readNext())).toBe(400);
  });
});
