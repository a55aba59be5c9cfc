import { parseArguments } from '../../bench/lib/arguments';
import { missed, rounded, scaled } from '../../bench/lib/bench';
import { growth, growthPerChunk } from '../../bench/lib/cost';
import { cpuGrowth, readCpu } from '../../bench/lib/cpu';
import { cpuSecondsOf } from '../../tools/lib/processes';
import { record } from '../../bench/lib/results';
import { quantile, waitsOf } from '../../bench/lib/subscribers';
import { amount, inLanes } from '../../bench/lib/work';

describe('thresholds', () => {
  const thresholds = { perSecond: { min: 100 }, seconds: { max: 5 } };

  test('include their ends', () => {
    expect(missed({ thresholds }, { perSecond: 100, seconds: 5 })).toEqual([]);
    expect(missed({ thresholds }, { perSecond: 99.9, seconds: 5.1 })).toEqual(['perSecond', 'seconds']);
  });

  test('are missed by what is not there', () => {
    expect(missed({ thresholds }, { seconds: 1 })).toEqual(['perSecond']);
    expect(missed({ thresholds }, { perSecond: null, seconds: Number.NaN })).toEqual([
      'perSecond',
      'seconds',
    ]);
  });
});

test('figures are rounded to what can be believed', () => {
  expect([1234.56, 99.949, 0.123456].map(rounded)).toEqual([1235, 99.9, 0.123]);
  expect(scaled(10, { scale: 0.01 })).toBe(1);
});

describe('the command line', () => {
  const known = ['one', 'two'];

  test('names, all, options', () => {
    expect(parseArguments(['two', '--record', '--scale', '0.5'], known)).toEqual({
      ok: true,
      value: { names: ['two'], scale: 0.5, seconds: undefined, record: true },
    });
    expect(parseArguments(['all', '--seconds=3'], known)).toMatchObject({
      value: { names: known, seconds: 3 },
    });
  });

  test.each([[[]], [['three']], [['one', '--scale', '0']], [['one', '--seconds', 'x']], [['one', '--fast']]])(
    'refuses %j',
    (argv) => expect(parseArguments(argv, known).ok).toBe(false),
  );
});

describe('the results file', () => {
  const bench = (name: string) => ({
    name,
    what: 'this.',
    measuresNot: 'that.',
    thresholds: { perSecond: { min: 1_000 } },
  });
  const setting = {
    date: '2026-06-01',
    node: 'v24.0.0',
    machine: '2 × Chip',
    loadBefore: 0.04,
    options: '',
  };

  test('a new section stands beside the old ones', () => {
    const one = record('', bench('one'), { perSecond: 1_234, cpu: { host: 1.5, hub: null } }, setting);
    const both = record(one, bench('two'), { perSecond: 7, ru: null }, setting);
    expect(both.startsWith(one.trimEnd())).toBe(true);
    expect(both).toContain('| perSecond | 1,234 | ≥ 1,000 |\n| cpu | host 1.5, hub – |  |');
    expect(both).toContain('## two\n\n2026-06-01, Node v24.0.0, 2 × Chip. Load before the run: 0.0.\n');
    expect(both).toContain('| ru | – |  |');
  });

  test('says what was missed, and that the work was not the usual', () => {
    const text = record(
      '',
      bench('one'),
      { perSecond: 999 },
      { ...setting, loadBefore: 3.25, options: '--scale 0.1' },
    );
    expect(text).toContain('| perSecond | 999 | ≥ 1,000, missed |');
    expect(text).toContain('Load before the run: 3.3. Run with `--scale 0.1`, for which');
  });

  test('a bench that ran again replaces its own section, in its place', () => {
    const first = record('', bench('one'), { perSecond: 1 }, setting);
    const both = record(first, bench('two'), { perSecond: 2 }, setting);
    const again = record(both, bench('one'), { perSecond: 3 }, { ...setting, date: '2026-06-02' });
    expect(again.match(/^## .*$/gm)).toEqual(['## one', '## two']);
    expect(again).not.toContain('| perSecond | 1 |');
    expect(again).toContain('| perSecond | 3 |');
  });
});

describe('processor time', () => {
  test('of a process whose name holds brackets and blanks', () => {
    const stat = '42 (a (b) c) S 1 1 1 0 -1 4194304 9 0 0 0 250 50 0 0 20 0 11 0 99 1 1';
    expect(cpuSecondsOf(stat, 100)).toBe(3);
  });

  test('of this process grows, of one that is not there is missing', () => {
    const before = readCpu(new Map([['gone', 2 ** 22 + 1]]));
    expect(before.has('gone')).toBe(false);
    expect(cpuGrowth(new Map([['bench', 1]]), new Map([['bench', 1.5]]), 10)).toEqual({ bench: 5 });
  });
});

describe('the cost of batches', () => {
  const counted = (chunks: number, each: number) => ({
    activities: 3 + 3 * chunks,
    historyEvents: 16 + 12 * chunks,
    storageTransactions: each * chunks,
    eventHubOperations: 4 * chunks,
    cosmosRequests: 200,
    requestUnits: 6_000.5,
  });
  const cost = (chunks: number, each: number) => ({ chunks, ...counted(chunks, each) });

  test('is what was counted in between', () => {
    expect(growth(counted(1, 5), { ...counted(2, 5), requestUnits: null })).toEqual({
      activities: 3,
      historyEvents: 12,
      storageTransactions: 5,
      eventHubOperations: 4,
      cosmosRequests: 0,
      requestUnits: null,
    });
  });

  test('compares chunks by what has grown most', () => {
    expect(growthPerChunk(cost(1, 5), cost(1, 5))).toBe(1);
    expect(growthPerChunk(cost(1, 5), cost(10, 6))).toBe(1.2);
    expect(growthPerChunk(cost(10, 6), cost(1, 6))).toBeGreaterThan(1.9);
  });

  test('is unknown when one part was not counted, and takes no notice of Cosmos DB', () => {
    expect(growthPerChunk(cost(1, 5), { ...cost(1, 5), activities: null })).toBeNull();
    expect(growthPerChunk(cost(1, 5), { ...cost(1, 5), cosmosRequests: 9_999 })).toBe(1);
  });
});

describe('lanes', () => {
  test('so many at once, each item once', async () => {
    let now = 0;
    let most = 0;
    const seen: number[] = [];
    await inLanes(3, amount(10, undefined), async (item) => {
      most = Math.max(most, ++now);
      await Promise.resolve();
      seen.push(item);
      now--;
    });
    expect(most).toBe(3);
    expect(seen.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test('end at the first failure', async () => {
    const seen: number[] = [];
    const work = inLanes(2, amount(100, undefined), async (item) => {
      seen.push(item);
      if (item === 1) throw new Error('no');
    });
    await expect(work).rejects.toThrow('no');
    expect(seen.length).toBeLessThan(5);
  });
});

describe('the way of a change', () => {
  const arrival = (batchId: string, subject: string, at: number) => ({
    at,
    id: subject,
    subscription: 's',
    dataset: 'products',
    subject,
    version: 1,
    kind: 'upserted' as const,
    batchId,
    attempt: 1,
    answered: 204,
    verdict: 'taken' as const,
  });
  const posted = [
    { batchId: 'a', records: 2, due: 1_000, throttled: 0 },
    { batchId: 'b', records: 1, due: 2_000, throttled: 0 },
  ];

  test('begins when its batch was due, and ends with the first request about it', () => {
    const log = [
      arrival('earlier', 'w', 900),
      arrival('a', 'x', 1_500),
      arrival('b', 'z', 2_100),
      arrival('a', 'x', 9_000),
      arrival('a', 'y', 4_000),
    ];
    expect(waitsOf(posted, log)).toEqual([100, 500, 3_000]);
  });

  test('is not told of when a change is missing', () => {
    expect(() => waitsOf(posted, [arrival('a', 'x', 1_500)])).toThrow('Of 3 changes 1 arrived');
  });

  test('quantiles are values that were measured', () => {
    const values = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
    expect([0, 0.5, 0.9, 0.91, 1].map((share) => quantile(values, share))).toEqual([1, 5, 9, 10, 10]);
    expect(quantile([], 0.5)).toBeNaN();
  });
});
