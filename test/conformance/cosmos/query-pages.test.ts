import type { Container, FeedOptions } from '@azure/cosmos';
import { newContainer, onEachBackend, refusalText } from './harness';
import { queryItems } from './support/query-items';

onEachBackend('pages of queries', (endpoint) => {
  let container: Container;
  beforeAll(async () => {
    container = await queryItems(endpoint().database);
  });

  const pagesOf = async (query: string, options: FeedOptions): Promise<unknown[][]> => {
    const pages: unknown[][] = [];
    for await (const { resources } of container.items.query(query, options).getAsyncIterator())
      pages.push(resources);
    return pages;
  };

  test.each([
    ['SELECT VALUE c.id FROM c', [['1', '2'], ['3', '4'], ['5']]],
    ['SELECT VALUE c.id FROM c ORDER BY c.id DESC', [['5', '4'], ['3', '2'], ['1']]],
    [
      'SELECT TOP 4 VALUE c.id FROM c',
      [
        ['1', '2'],
        ['3', '4'],
      ],
    ],
    ['SELECT VALUE t FROM c JOIN t IN c.tags', [['x', 'y'], ['y']]],
    ['SELECT VALUE c.id FROM c OFFSET 1 LIMIT 3', [['2', '3'], ['4']]],
    ['SELECT DISTINCT VALUE c.pk FROM c', [['a', 'b'], ['c']]],
  ])('%s', async (query, expected) => {
    expect(await pagesOf(query, { maxItemCount: 2 })).toEqual(expected);
  });

  test('that are filled exactly have a token, and an empty one follows', async () => {
    const four = await newContainer(endpoint().database);
    for (const id of ['1', '2', '3', '4']) await four.items.create({ id, pk: 'p' });
    const iterators = [
      four.items.query('SELECT * FROM c', { maxItemCount: 2 }),
      four.items.query('SELECT * FROM c', { maxItemCount: 2, partitionKey: 'p' }),
      four.items.query('SELECT VALUE c.id FROM c ORDER BY c.id DESC', { maxItemCount: 2 }),
      four.items.readAll({ maxItemCount: 2 }),
    ];
    for (const iterator of iterators) {
      const pages: [number, boolean][] = [];
      while (iterator.hasMoreResults()) {
        const { resources, continuationToken } = await iterator.fetchNext();
        pages.push([resources?.length ?? 0, continuationToken !== undefined]);
      }
      expect(pages).toEqual([
        [2, true],
        [2, true],
        [0, false],
      ]);
    }
  });

  test('go on from a token in another client’s hands', async () => {
    const first = await container.items.query('SELECT VALUE c.id FROM c', { maxItemCount: 2 }).fetchNext();
    expect(first.resources).toEqual(['1', '2']);
    const options = { maxItemCount: 2, continuationToken: first.continuationToken };
    expect((await container.items.query('SELECT VALUE c.id FROM c', options).fetchNext()).resources).toEqual([
      '3',
      '4',
    ]);
  });

  test('see neither twice nor never what is written meanwhile', async () => {
    const moving = await newContainer(endpoint().database);
    for (const id of ['b', 'd', 'f', 'h']) await moving.items.create({ id, pk: 'p' });
    const query = moving.items.query<string>('SELECT VALUE c.id FROM c', {
      partitionKey: 'p',
      maxItemCount: 2,
    });
    const seen = [...(await query.fetchNext()).resources];
    await moving.item('d', 'p').delete();
    await moving.items.create({ id: 'a', pk: 'p' });
    while (query.hasMoreResults()) seen.push(...((await query.fetchNext()).resources ?? []));
    expect(seen).toEqual(['b', 'd', 'f', 'h']);
  });

  test('hold at most 4 MB', async () => {
    const large = await newContainer(endpoint().database);
    const pad = 'x'.repeat(1_500_000);
    for (let n = 0; n < 5; n++) await large.items.create({ id: `${n}`, pk: 'p', pad });
    const first = await large.items.query('SELECT * FROM c', { maxItemCount: -1 }).fetchNext();
    expect(first.resources).toHaveLength(2);
    expect((await large.items.query('SELECT * FROM c').fetchAll()).resources).toHaveLength(5);
  });

  test('a junk token is refused', async () => {
    const query = container.items.query('SELECT * FROM c', { continuationToken: 'junk' });
    expect(await refusalText(query.fetchNext())).toContain('Invalid Continuation Token');
  });
});
