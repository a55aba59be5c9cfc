import { EVENT_TIME_KEYWORD, FAULTS, spoil } from '../../tools/lib/bad-products';
import { deletion, product, products } from '../../tools/lib/products';
import { compiled, rulesOf, schemaOf } from '../../tools/lib/rules';
import { countVerdicts, VerdictModel, type Verdict } from '../../tools/lib/verdicts';

const validate = compiled(schemaOf('products'), { allErrors: true });

/** `keyword pointer` of every broken rule; `if` only repeats that the rule below it is broken. */
function errorsOf(record: unknown): string[] {
  validate(record);
  return (validate.errors ?? [])
    .filter(({ keyword }) => keyword !== 'if')
    .map(({ keyword, instancePath }) => `${keyword} ${instancePath}`);
}

const sample = (number: number, updatedAt = '2026-02-01T12:00:00Z', revision = 0) =>
  product({ seed: 5, number, updatedAt, revision });

describe('the schema', () => {
  test('a deletion needs its key, its time and the mark only', () => {
    expect(errorsOf(deletion(1, '2026-02-01T12:00:00Z'))).toEqual([]);
    expect(errorsOf({ productId: 'p', deleted: true })).toEqual(['required ']);
    expect(errorsOf({ productId: 'p', updatedAt: '2026-02-01T12:00:00Z', deleted: false })).toEqual(
      Array.from({ length: 5 }, () => 'required '),
    );
  });

  test.each(FAULTS.map((fault, which) => ({ ...fault, which })))(
    'finds $name, and nothing else',
    ({ which, expected }) => {
      const { record } = spoil(sample(which), which);
      const errors =
        expected.keyword === EVENT_TIME_KEYWORD ? [] : [`${expected.keyword} ${expected.pointer}`];
      expect(errorsOf(record)).toEqual(errors);
    },
  );

  test('spoiling leaves the original as it was', () => {
    FAULTS.forEach((_, which) => {
      const original = sample(which);
      spoil(original, which);
      expect(original).toEqual(sample(which));
    });
  });
});

describe('generated products', () => {
  test('are valid, distinct, with Swedish letters, about 1.2 KB each', () => {
    const all = [...products({ seed: 11, count: 2_000 })];
    expect(all.flatMap(errorsOf)).toEqual([]);
    expect(new Set(all.map(({ productId }) => productId)).size).toBe(2_000);
    expect(all.filter((one) => !/[åäöé]/i.test(one.name + one.description))).toEqual([]);
    const average = Buffer.byteLength(JSON.stringify(all)) / all.length;
    expect(average).toBeGreaterThan(1_100);
    expect(average).toBeLessThan(1_300);
  });

  test('are the same for the same seed, and others for another', () => {
    const make = (seed: number) => [...products({ seed, count: 50 })];
    expect(make(3)).toEqual(make(3));
    expect(make(3)).not.toEqual(make(4));
  });

  test('come again with the same key, a new revision and a later time', () => {
    const [first, , , again] = [
      ...products({ seed: 3, count: 4, ids: 3, from: '2026-02-01T00:00:00.000Z', intervalMs: 10 }),
    ];
    expect(again).toMatchObject({
      productId: first?.productId,
      name: first?.name,
      gtin: first?.gtin,
      updatedAt: '2026-02-01T00:00:00.030Z',
    });
    expect({ ...again, updatedAt: '' }).not.toEqual({ ...first, updatedAt: '' });
  });

  test('belong to as many groups as asked for', () => {
    const groups = [...products({ seed: 3, count: 50, groups: 7 })].map((one) => one.productGroupId);
    expect(new Set(groups).size).toBe(7);
  });

  test('several producers can have ranges of their own', () => {
    const ids = (firstId: number) =>
      [...products({ seed: 3, count: 10, firstId })].map((one) => one.productId);
    expect(new Set([...ids(0), ...ids(10)]).size).toBe(20);
  });
});

describe('the model of verdicts', () => {
  const received = '2026-06-01T00:00:00Z';
  const ingest = (...batches: unknown[][]): Verdict[][] => {
    const model = new VerdictModel(rulesOf('products'));
    return batches.map((records) => model.ingest(records, received));
  };
  const older = '2026-02-01T11:00:00Z';
  const newer = '2026-02-01T13:00:00Z';

  test('the newest of a batch wins, wherever it stands', () => {
    expect(ingest([sample(1, newer), sample(1, older, 1)])).toEqual([['upserted', 'stale']]);
    expect(ingest([sample(1, older, 1), sample(1, newer)])).toEqual([['stale', 'upserted']]);
    expect(ingest([sample(1), sample(1)])).toEqual([['stale', 'upserted']]);
  });

  test('event times are instants', () => {
    const verdicts = ingest([sample(1, '2026-02-01T13:30:00+02:00', 1)], [sample(1)]);
    expect(verdicts).toEqual([['upserted'], ['upserted']]);
  });

  test('the same content is unchanged, whether it comes early or late', () => {
    expect(ingest([sample(1)], [sample(1)], [sample(1, older)], [sample(1, newer)])).toEqual([
      ['upserted'],
      ['unchanged'],
      ['unchanged'],
      ['unchanged'],
    ]);
  });

  test('a renewed stamp makes what lies before it stale', () => {
    const verdicts = ingest([sample(1, older)], [sample(1, newer)], [sample(1, '2026-02-01T12:00:00Z', 1)]);
    expect(verdicts).toEqual([['upserted'], ['unchanged'], ['stale']]);
  });

  test('deletions', () => {
    expect(ingest([deletion(1, older)], [deletion(1, newer)], [sample(1)])).toEqual([
      ['upserted'],
      ['unchanged'],
      ['stale'],
    ]);
    expect(ingest([deletion(1, older)], [sample(1, newer)])).toEqual([['upserted'], ['upserted']]);
  });

  test('the allowed skew', () => {
    const verdicts = ingest([sample(1, '2026-06-01T00:05:00Z'), sample(2, '2026-06-01T00:05:00.001Z')]);
    expect(verdicts).toEqual([['upserted', 'quarantined']]);
  });

  test('what is no record is quarantined', () => {
    expect(countVerdicts(ingest([null, 1, 'x', [], {}])[0] ?? [])).toMatchObject({ quarantined: 5 });
  });
});
