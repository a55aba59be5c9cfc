import { LOCAL_ONLY, newContainer, onEachBackend, refusal } from './harness';

const point = (...coordinates: number[]) => JSON.stringify({ type: 'Point', coordinates });

/** Most expectations are the examples of https://learn.microsoft.com/cosmos-db/query/functions. */
onEachBackend('functions', (backend) => {
  /** Holds the value of each expression against what is expected; undefined: none. */
  async function check(cases: readonly (readonly [string, unknown])[]): Promise<void> {
    const container = await newContainer(backend().database);
    const query = `SELECT ${cases.map(([expression], n) => `${expression} AS v${n}`).join(', ')}`;
    const [row] = (await container.items.query<Record<string, unknown>>(query).fetchAll()).resources;
    expect(cases.map(([expression], n) => [expression, row?.[`v${n}`]])).toEqual(cases);
  }

  test('dates and times', () =>
    check([
      ['DateTimeAdd("yyyy", 1, "2020-07-03T00:00:00.0000000")', '2021-07-03T00:00:00.0000000Z'],
      ['DateTimeAdd("mm", -1, "2020-07-03T00:00:00.0000000")', '2020-06-03T00:00:00.0000000Z'],
      ['DateTimeAdd("mm", 1, "2020-01-31T00:00:00.0000000")', '2020-02-29T00:00:00.0000000Z'],
      ['DateTimeAdd("hh", -1, "2020-07-03T00:00:00.0000000")', '2020-07-02T23:00:00.0000000Z'],
      ['DateTimeAdd("ss", 5 * -5, "2020-07-03T00:00:00.0000000")', '2020-07-02T23:59:35.0000000Z'],
      ['DateTimeAdd("ns", 100, "2020-07-03T00:00:00.0000001Z")', '2020-07-03T00:00:00.0000002Z'],
      ['DateTimeAdd("week", 1, "2020-07-03T00:00:00.0000000")', undefined],
      ['DateTimeAdd("yyyy", 9000, "2020-07-03T00:00:00.0000000")', undefined],
      ['DateTimeBin("2021-01-08T18:35:00.0000000", "dd")', '2021-01-08T00:00:00.0000000Z'],
      ['DateTimeBin("2021-01-08T18:35:00.0000000", "hh", 5)', '2021-01-08T15:00:00.0000000Z'],
      ['DateTimeBin("2021-01-08T18:35:00.0000000", "dd", 7)', '2021-01-07T00:00:00.0000000Z'],
      [
        'DateTimeBin("2021-01-08T18:35:00.0000000", "dd", 7, "1601-01-01T00:00:00.0000000")',
        '2021-01-04T00:00:00.0000000Z',
      ],
      ['DateTimeBin("2021-01-08T18:35:00.0000000", "dd", 0)', undefined],
      ['DateTimeBin("2021-05-08T18:35:00.0000000", "mm", 3)', '2021-04-01T00:00:00.0000000Z'],
      ['DateTimeDiff("yyyy", "2019-02-04T16:00:00.0000000", "2018-03-05T05:00:00.0000000")', -1],
      ['DateTimeDiff("mm", "2019-02-04T16:00:00.0000000", "2018-03-05T05:00:00.0000000")', -11],
      ['DateTimeDiff("dd", "2018-03-05T05:00:00.0000000", "2019-02-04T16:00:00.0000000")', 336],
      ['DateTimeDiff("hh", "2018-03-05T05:00:00.0000000", "2019-02-04T16:00:00.0000000")', 8_075],
      ['DateTimeDiff("ss", "2019-02-04T16:00:00.0000000", "2018-03-05T05:00:00.0000000")', -29_070_000],
      ['DateTimeFromParts(2017, 4, 20)', '2017-04-20T00:00:00.0000000Z'],
      ['DateTimeFromParts(2017, 4, 20, 13, 15, 20, 3456789)', '2017-04-20T13:15:20.3456789Z'],
      ['DateTimeFromParts(-2000, -1, -1)', undefined],
      ['DateTimeFromParts(2021, 2, 30)', undefined],
      ['DateTimePart("mm", "2016-05-29T08:30:00.1301617")', 5],
      ['DateTimePart("mi", "2016-05-29T08:30:00.1301617")', 30],
      ['DateTimePart("mcs", "2016-05-29T08:30:00.1301617")', 130_161],
      ['DateTimePart("ns", "2016-05-29T08:30:00.1301617")', 130_161_700],
      ['DateTimeToTimestamp("2020-07-09T23:20:13.4575530Z")', 1_594_336_813_457],
      ['DateTimeToTimestamp("2020-07-09T23:20:13.4575530")', 1_594_336_813_457],
      ['DateTimeToTicks("2020-07-09T00:00:00.0000000Z")', 15_942_528_000_000_000],
      ['TicksToDateTime(15942528000000000)', '2020-07-09T00:00:00.0000000Z'],
      ['TimestampToDateTime(1594336813457)', '2020-07-09T23:20:13.4570000Z'],
      ['GetCurrentTimestampStatic() > 1600000000000 AND GetCurrentTicks() > 16000000000000000', true],
      ['IS_DATETIME("2024-12-12")', true],
      ['IS_DATETIME("2024-12-12Z")', true],
      ['IS_DATETIME("2024-12-12 20:21:25")', true],
      ['IS_DATETIME("2024-12-12T20:21:25.123")', true],
      ['IS_DATETIME("2024-12-12T20Z")', false],
      ['IS_DATETIME("2024-12-12 20:21:25.")', false],
      ['IS_DATETIME(20241212)', false],
      ['Year("2016-05-29T08:30:00.1301617")', 2016],
      ['Month("2016-05-29T08:30:00.1301617")', 5],
      ['Day("2016-05-29T08:30:00.1301617")', 29],
      ['DateTimeDiff("hh", Ago("dd", 1), Now())', 24],
      ['Ago("week", 1)', undefined],
    ]));

  test('numbers', () =>
    check([
      ['NumberBin(37.752, 10)', 30],
      ['NumberBin(37.752, 0.1)', 37.7],
      ['NumberBin(37.752, -100)', 100],
      ['NumberBin(37.752, 0)', undefined],
      ['IntBitAnd(15, 25)', 9],
      ['IntBitXor(15, 25)', 22],
      ['IntBitNot(10)', -11],
      ['IntBitLeftShift(16, 4)', 256],
      ['IntBitLeftShift(16, 0.4)', undefined],
      ['IntAdd(20, 10)', 30],
      ['IntAdd(20, 0.10)', undefined],
      ['IntSub(25, 2.5)', undefined],
      ['IntMul(5, 0.5)', undefined],
      ['IntDiv(10, -2)', -5],
      ['IntDiv(10, 0)', undefined],
      ['IntDiv(10, 0.1)', undefined],
      ['IntMod(-12, -5)', -2],
      ['IntMod(12, 0.2)', undefined],
      ['Log(2, 10)', 0.3010299956639812],
      ['IS_INTEGER(3454.123)', false],
      ['IS_INTEGER(-9223372036854775808)', true],
      ['IS_INTEGER(9223372036854775807)', true],
      ['IS_INTEGER(18446744073709551615)', false],
    ]));

  test('texts', () =>
    check([
      ['StringJoin(["a", "b"], ", ")', 'a, b'],
      ['StringSplit("a-b-c", "-")', ['a', 'b', 'c']],
      ['Trim("   AdventureWorks   ")', 'AdventureWorks'],
      ['Trim("---AdventureWorks---")', '---AdventureWorks---'],
      ['Trim("---AdventureWorks---", "-")', 'AdventureWorks'],
      ['Trim("-- AdventureWorks --", "-")', ' AdventureWorks '],
      ['Trim("-_-AdventureWorks-_-", "-_")', 'AdventureWorks'],
      ['LTrim("AdventureWorks", "Works")', 'AdventureWorks'],
      ['LTrim("AdventureWorks", "Adventure")', 'Works'],
      ['LTrim("AdventureWorks", "AdventureWorks")', ''],
      ['LTrim("AdventureWorks", "")', 'AdventureWorks'],
      ['RTrim("AdventureWorks", "Works")', 'Adventure'],
      ['RTrim("AdventureWorks", "Adventure")', 'AdventureWorks'],
      ['Contains_All_CI("Have a nice day!", "HAVE", "NICE", "DAY!")', true],
      ['Contains_All_CI("Have a nice day!", "had", "nice", "day!")', false],
      ['Contains_All_CI("Have a nice day!", undefined, "nice", "day!")', undefined],
      ['Contains_All_CI("Have a nice day!", undefined, "had")', false],
      ['Contains_All_CS("Have a nice day!", "HAVE", "nice")', false],
      ['Contains_Any_CI("Have a nice day!", "had", "NICE")', true],
      ['Contains_Any_CS("Have a nice day!", "had", "NICE")', false],
      ['LastIndexOf("abcdeabc", "abc")', 5],
      ['LastIndexOf("abcdeabc", "abc", 6)', 0],
      ['LastIndexOf("abcdeabc", "abc", 7)', 5],
      ['LastIndexOf("abcdeabc", "fg")', -1],
    ]));

  test('arrays and objects', () =>
    check([
      ['Choose(2, "a", "b")', 'b'],
      ['ARRAY_CONTAINS_ANY([1, true, "3", [1, 2, 3]], 7, [1, 2, 3])', true],
      ['ARRAY_CONTAINS_ANY([1, 2, 3, 4], 1, undefined)', true],
      ['ARRAY_CONTAINS_ANY([1, 2, 3, 4], 5, undefined)', undefined],
      ['ARRAY_CONTAINS_ANY([], 1)', false],
      ['ARRAY_CONTAINS_ALL([1, 2, 3, 4], 2, 3)', true],
      ['ARRAY_CONTAINS_ALL([1, 2, 3, 4], 1, undefined)', undefined],
      ['ARRAY_CONTAINS_ALL([1, 2, 3, 4], 5, undefined)', false],
      ['ARRAY_SUM([1, 2, 3, 4, undefined])', 10],
      ['ARRAY_SUM([12, "abc"])', undefined],
      ['ARRAY_AVG([1, 2, 3, 4])', 2.5],
      ['ARRAY_MEDIAN([1, 2, 3, 4])', 2.5],
      ['ARRAY_MEDIAN([1.0, 2.0, 3.3, 4.7, 7.8])', 3.3],
      ['ARRAY_MEDIAN([1, -2.7, 3, -4, undefined])', -0.850_000_000_000_000_1],
      ['ARRAY_MEDIAN(["abc", "ABC"])', undefined],
      ['ARRAY_MAX(["abc", "ABC", "aBc", "AbC"])', 'abc'],
      ['ARRAY_MAX([12, "abc", true, false, null, undefined])', 'abc'],
      ['ARRAY_MAX([null, null])', null],
      ['ARRAY_MIN([12, "abc", true, false, undefined])', false],
      ['SetIntersect([1, 2, "A", "B"], ["A", 1])', ['A', 1]],
      ['SetUnion([1, 2, 3, 4], [3, 4, 5, 6])', [1, 2, 3, 4, 5, 6]],
      ['SetEqual([1, 2, 3, 3], [1, 2, 2, 3, 1, 2])', true],
      ['SetEqual([1, 1, 1, 1], [2, 3, 4])', false],
      ['SetEqual([], [1, 2, 3])', false],
      ['ObjectToArray({a: "1"})', [{ k: 'a', v: '1' }]],
      ['ObjectToArray({a: "1"}, "name")', [{ name: 'a', v: '1' }]],
      ['ObjectToArray({a: "1"}, "key", "value")', [{ key: 'a', value: '1' }]],
    ]));

  test('the distance of points, in metres on the ellipsoid', async () => {
    const container = await newContainer(backend().database);
    const here = point(-122.11758113953535, 47.66901087006131);
    const offices = [
      point(-122.12826822304672, 47.63980239335718),
      point(-96.84368664765994, 46.81297794314663),
    ];
    for (const [n, where] of offices.entries())
      await container.items.create({ id: `${n}`, pk: 'p', place: JSON.parse(where) });
    await container.items.create({ id: 'nowhere', pk: 'p', place: [1, 2] });
    const distances = `SELECT VALUE ST_DISTANCE(c.place, ${here}) FROM c`;
    const [near, far, ...others] = (await container.items.query<number>(distances).fetchAll()).resources;
    expect(near).toBeCloseTo(3_345.27, 1);
    expect((far ?? 0) / 1_000).toBeCloseTo(1_907.438, 2);
    expect(others).toEqual([]);
    const within = `SELECT VALUE c.id FROM c WHERE ST_DISTANCE(c.place, ${here}) < 5000`;
    expect((await container.items.query(within).fetchAll()).resources).toEqual(['0']);
  });
});

onEachBackend(
  'functions of the local endpoint',
  (backend) => {
    test('other shapes than points are refused, and ends of the earth have a distance', async () => {
      const container = await newContainer(backend().database);
      const ask = async (a: string, b: string) =>
        (await container.items.query(`SELECT VALUE ST_DISTANCE(${a}, ${b})`).fetchAll()).resources;
      const line = JSON.stringify({ type: 'LineString', coordinates: [[0, 0]] });
      expect(await refusal(ask(line, point(0, 0)))).toBe(501);
      expect(await ask(point(1, 1), point(1, 1))).toEqual([0]);
      const [half] = await ask(point(0, 0), point(180, 0));
      expect(Number(half) / 1_000).toBeCloseTo(20_015, 0);
      expect(await ask(point(0, 91), point(0, 0))).toEqual([]);
      expect(await ask('null', point(0, 0))).toEqual([]);
    });
  },
  LOCAL_ONLY,
);
