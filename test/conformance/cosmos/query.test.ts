import type { Container, FeedOptions, SqlParameter } from '@azure/cosmos';
import { newContainer, onEachBackend, refusal } from './harness';
import { queryItems } from './support/query-items';

onEachBackend('queries', (endpoint) => {
  let container: Container;
  beforeAll(async () => {
    container = await queryItems(endpoint().database);
  });

  async function run(
    query: string,
    parameters: SqlParameter[] = [],
    options: FeedOptions = {},
  ): Promise<unknown[]> {
    return (await container.items.query({ query, parameters }, options).fetchAll()).resources;
  }

  const idsWhere = (condition: string, parameters: SqlParameter[] = []): Promise<unknown[]> =>
    run(`SELECT VALUE c.id FROM c WHERE ${condition}`, parameters);

  describe('conditions', () => {
    test.each<[string, string[]]>([
      ['c.n = 1', ['1']],
      ['c.n != 1', ['2', '3', '4']],
      ['c.n > 1', ['2', '3']],
      ['c.n >= 2 AND c.n < 3', ['2']],
      ['c.n BETWEEN 1 AND 2', ['1', '2']],
      ['c.n = 1 OR c.n = 3', ['1', '3']],
      ['NOT (c.n = 1)', ['2', '3', '4']],
      ['NOT c.flag', ['2']],
      ['c.flag', ['1']],
      ['c.n IN (1, 3, "four")', ['1', '3', '4']],
      ['c.n NOT IN (1, 3)', ['2', '4']],
      ['c.missing = 1', []],
      ['c.missing != 1', []],
      ['c.nothing = null', ['3']],
      ['c.nothing != null', []],
      ['IS_DEFINED(c.nothing)', ['3']],
      ['NOT IS_DEFINED(c.n)', ['5']],
      ['IS_NULL(c.nothing)', ['3']],
      ['IS_STRING(c.n)', ['4']],
      ['IS_NUMBER(c.n) AND NOT IS_ARRAY(c.n)', ['1', '2', '3']],
      ['STARTSWITH(c.name, "t")', ['2']],
      ['STARTSWITH(c.name, "t", true)', ['2', '3']],
      ['ENDSWITH(c.name, "e")', ['1', '3', '5']],
      ['CONTAINS(c.name, "o")', ['1', '2', '4']],
      ["c.name LIKE 't%'", ['2']],
      ["c.name LIKE '_n_'", ['1']],
      ["c.name LIKE '%[0-9]!%%' ESCAPE '!'", ['4']],
      ["c.name LIKE '[^a-z]%'", ['3', '4', '5']],
      ['ARRAY_CONTAINS(c.tags, "y")', ['1', '2']],
      ['ARRAY_CONTAINS(c.lines, {sku: "k1"}, true)', ['4']],
      ['ARRAY_CONTAINS(c.lines, {sku: "k1"})', []],
      ['ARRAY_LENGTH(c.tags) = 0', ['3']],
      ['c.size = {h: 2, w: 1}', ['1']],
      ['c.tags = ["y"]', ['2']],
      ['c.tags[0] = "x"', ['1']],
      ['c["size"]["w"] = 3', ['2']],
      ['c.value = 7 AND c["order"] = "kept"', ['5']],
      ['c.n + 1 = 3', ['2']],
      ['c.n * 2 - 1 = 5', ['3']],
      ['-c.n = -1', ['1']],
      ['c.n % 2 = 1', ['1', '3']],
      ['c.n / 0 = 1', []],
      ['UPPER(c.name) = "ONE"', ['1']],
      ['CONCAT(c.pk, "-", c.id) = "a-2"', ['2']],
      ['c.pk || c.id = "b3"', ['3']],
      ['LENGTH(c.name) = 4', ['5']],
      ['(c.n > 1 ? "big" : "small") = "big"', ['2', '3']],
      ['(c.n ?? 0) = 0', ['5']],
      ['EXISTS(SELECT VALUE t FROM t IN c.tags WHERE t = "x")', ['1']],
      ['EXISTS(SELECT VALUE l FROM l IN c.lines WHERE l.q > 4)', ['4']],
      ['ARRAY_LENGTH(ARRAY(SELECT VALUE t FROM t IN c.tags)) = 2', ['1']],
      ['(SELECT VALUE COUNT(1) FROM t IN c.tags) = 1', ['2']],
      ['c.id = "1" -- the rest is a comment', ['1']],
      ['c.id > "3"', ['4', '5']],
      ['c.id = 1', []],
      ['c.id IN ("2", "none", "2")', ['2']],
      ['c.pk = "a" AND c.id IN ("1", "3")', ['1']],
      ['c.pk = "a" OR c.id = "3"', ['1', '2', '3']],
      ['NOT (c.id = "1")', ['2', '3', '4', '5']],
      ['c.id = "1" AND c.id = "2"', []],
      ['c.pk = c.id', []],
    ])('%s', async (condition, expected) => {
      expect(await idsWhere(condition)).toEqual(expected);
    });

    test('take parameters', async () => {
      expect(await idsWhere('c.n = @n', [{ name: '@n', value: 2 }])).toEqual(['2']);
      expect(await idsWhere('c.tags = @tags', [{ name: '@tags', value: ['y'] }])).toEqual(['2']);
      const ids = [{ name: '@ids', value: ['5', '1', 'none'] }];
      expect(await idsWhere('ARRAY_CONTAINS(@ids, c.id)', ids)).toEqual(['1', '5']);
      expect(await idsWhere('NOT ARRAY_CONTAINS(@ids, c.id)', ids)).toEqual(['2', '3', '4']);
      expect(await idsWhere('c.n = @missing')).toEqual([]);
    });
  });

  describe('results', () => {
    test.each<[string, unknown[]]>([
      ['SELECT c.id, c.n AS number FROM c WHERE c.n = 1', [{ id: '1', number: 1 }]],
      ['SELECT c.id, c.missing FROM c WHERE c.n = 1', [{ id: '1' }]],
      ['SELECT VALUE c.missing FROM c', []],
      ['SELECT VALUE {a: c.n, "b c": [c.id]} FROM c WHERE c.n = 1', [{ a: 1, 'b c': ['1'] }]],
      ['SELECT c.size.w FROM c WHERE c.n = 1', [{ w: 1 }]],
      ['SELECT 1 + 1, c.n FROM c WHERE c.n = 1', [{ $1: 2, n: 1 }]],
      ['SELECT VALUE 1', [1]],
      ['SELECT VALUE r.id FROM root r WHERE r.n = 3', ['3']],
      ['SELECT VALUE COUNT(1) FROM c', [5]],
      ['SELECT VALUE COUNT(c.n) FROM c', [4]],
      ['SELECT VALUE SUM(c.n) FROM c WHERE IS_NUMBER(c.n)', [6]],
      ['SELECT VALUE AVG(c.n) FROM c WHERE IS_NUMBER(c.n)', [2]],
      ['SELECT VALUE MIN(c.n) FROM c', [1]],
      ['SELECT VALUE MAX(c.name) FROM c', ['𝒻ive']],
      ['SELECT VALUE COUNT(1) FROM c WHERE c.missing', [0]],
      ['SELECT VALUE SUM(c.missing) FROM c', [0]],
      ['SELECT VALUE AVG(c.missing) FROM c', []],
      ['SELECT COUNT(1) AS count, MAX(c.id) AS last FROM c', [{ count: 5, last: '5' }]],
      ['SELECT VALUE t FROM c JOIN t IN c.tags', ['x', 'y', 'y']],
      ['SELECT c.id, l.q FROM c JOIN l IN c.lines WHERE l.q > 2', [{ id: '4', q: 5 }]],
      ['SELECT VALUE l.sku FROM l IN c.lines', ['k1', 'k2']],
      ['SELECT VALUE s.w FROM c.size s', [1, 3]],
      ['SELECT DISTINCT VALUE c.pk FROM c', ['a', 'b', 'c']],
      ['SELECT DISTINCT VALUE t FROM c JOIN t IN c.tags', ['x', 'y']],
      ['SELECT VALUE c.id FROM c ORDER BY c.id DESC', ['5', '4', '3', '2', '1']],
      ['SELECT VALUE c.id FROM c ORDER BY c.n', ['5', '1', '2', '3', '4']],
      ['SELECT VALUE c.id FROM c ORDER BY c.name', ['4', '3', '1', '2', '5']],
      ['SELECT VALUE c.id FROM c ORDER BY c.pk DESC, c.id ASC', ['5', '3', '4', '1', '2']],
      ['SELECT TOP 2 VALUE c.id FROM c', ['1', '2']],
      ['SELECT VALUE c.id FROM c OFFSET 1 LIMIT 2', ['2', '3']],
      ['SELECT VALUE c.id FROM c ORDER BY c.id DESC OFFSET 1 LIMIT 2', ['4', '3']],
      ['SELECT TOP 0 * FROM c', []],
      [
        'SELECT c.pk, COUNT(1) AS n FROM c GROUP BY c.pk',
        [
          { pk: 'a', n: 2 },
          { pk: 'b', n: 2 },
          { pk: 'c', n: 1 },
        ],
      ],
      [
        'SELECT c.flag, COUNT(1) AS n FROM c GROUP BY c.flag',
        [{ n: 3 }, { flag: false, n: 1 }, { flag: true, n: 1 }],
      ],
      ['SELECT VALUE c.__proto__ FROM c', []],
      ['SELECT VALUE c.constructor FROM c', []],
    ])('%s', async (query, expected) => {
      expect(await run(query)).toEqual(expected);
    });

    test('SELECT * gives the items as they are read', async () => {
      const { resource } = await container.item('4', 'b').read();
      expect(await run('SELECT * FROM c WHERE c.id = "4"')).toEqual([resource]);
      expect(await run('SELECT * FROM c WHERE c.n = "four" ORDER BY c.id')).toEqual([resource]);
      expect(
        await run('SELECT VALUE c FROM c WHERE c._etag = @etag', [{ name: '@etag', value: resource?._etag }]),
      ).toEqual([resource]);
    });

    test('a partition key limits the query', async () => {
      expect(await run('SELECT VALUE c.id FROM c', [], { partitionKey: 'b' })).toEqual(['3', '4']);
      expect(await run('SELECT VALUE c.id FROM c WHERE c.id = "1"', [], { partitionKey: 'b' })).toEqual([]);
      expect(await run('SELECT VALUE COUNT(1) FROM c', [], { partitionKey: 'none' })).toEqual([0]);
      const ids = [{ name: '@ids', value: ['3', '1'] }];
      const found = await run('SELECT VALUE c.id FROM c WHERE ARRAY_CONTAINS(@ids, c.id)', ids, {
        partitionKey: 'b',
      });
      expect(found).toEqual(['3']);
    });

    test('aggregates, order and limits hold over several physical partitions, also with query control', async () => {
      const split = await newContainer(endpoint().database, { throughput: 18_000 });
      const all = Array.from({ length: 30 }, (_, n) => String(n).padStart(2, '0'));
      for (const id of all) await split.items.create({ id, pk: id, n: Number(id) });
      const values = async (query: string, options: FeedOptions): Promise<unknown[]> =>
        (await split.items.query(query, options).fetchAll()).resources;
      for (const options of [
        {},
        { forceQueryPlan: true },
        { enableQueryControl: true },
        { maxItemCount: 4 },
      ]) {
        expect(await values('SELECT VALUE COUNT(1) FROM c', options)).toEqual([30]);
        expect(await values('SELECT VALUE SUM(c.n) FROM c', options)).toEqual([435]);
        expect(await values('SELECT VALUE c.id FROM c ORDER BY c.id DESC', options)).toEqual(
          all.toReversed(),
        );
        expect(await values('SELECT TOP 3 VALUE c.id FROM c ORDER BY c.n', options)).toEqual([
          '00',
          '01',
          '02',
        ]);
        expect(new Set(await values('SELECT VALUE c.id FROM c', options))).toEqual(new Set(all));
      }
    });
  });

  describe('refused', () => {
    test.each([
      'SELECT',
      'SELECT * FROM',
      'SELECT * FROM c WHERE',
      'SELECT * FROM c WHERE c.n = ',
      "SELECT * FROM c WHERE c.n = 'open",
      'SELECT * FROM c; DROP TABLE c',
      'SELECT * FROM c WHERE d.n = 1',
      'SELECT * FROM c JOIN t IN c.tags',
      'SELECT * FROM c OFFSET 1',
      'SELECT * FROM c LIMIT 1',
      'SELECT VALUE SUM(COUNT(1)) FROM c',
      'SELECT VALUE NOFUNCTION(1)',
      'SELECT * FROM c WHERE COUNT(1) = 1',
      `SELECT * FROM c WHERE ${'('.repeat(5_000)}1${')'.repeat(5_000)}`,
      `SELECT * FROM c WHERE ${'NOT '.repeat(5_000)} true`,
      `SELECT VALUE ${'['.repeat(5_000)}`,
    ])('%.60s', async (query) => {
      expect(await refusal(run(query))).toBe(400);
    });

    test('a long chain of conditions is either answered or refused, and the endpoint goes on', async () => {
      const query = `SELECT VALUE c.id FROM c WHERE ${Array.from({ length: 40_000 }, () => 'c.n=9').join(' OR ')}`;
      const answer = await run(query).catch((error: { code: number }) => error.code);
      expect([400, []]).toContainEqual(answer);
      expect(await run('SELECT VALUE 1')).toEqual([1]);
    });
  });
});
