import { GENERATED, isGenerated, records, type GeneratedDataSet } from '../../tools/lib/generate';
import { compiled, schemaOf } from '../../tools/lib/rules';

const made = (dataset: GeneratedDataSet, options: Parameters<typeof records>[1]) => [
  ...records(dataset, options),
];

function keysOf(dataset: GeneratedDataSet, all: readonly object[]): Set<unknown> {
  const key = schemaOf(dataset)['x-headwater'].key.slice(1);
  return new Set(all.map((record) => (record as Record<string, unknown>)[key]));
}

describe.each(GENERATED)('generated %s', (dataset) => {
  test('are valid', () => {
    const check = compiled(schemaOf(dataset), { allErrors: true });
    const faults = made(dataset, { seed: 1, count: 500, images: 'tiles' }).flatMap((record) =>
      check(record) ? [] : [{ record, errors: check.errors }],
    );
    expect(faults).toEqual([]);
  });

  test('are the same for the same seed, and others for another', () => {
    const one = made(dataset, { seed: 3, count: 50 });
    expect(made(dataset, { seed: 3, count: 50 })).toEqual(one);
    expect(made(dataset, { seed: 4, count: 50 })).not.toEqual(one);
  });

  test('have no end unless one is asked for', () => {
    const endless = records(dataset, { seed: 1 });
    let number = 0;
    while (number < 2_500 && endless.next().done === false) number++;
    expect(number).toBe(2_500);
  });

  test('do not change what is handed out: each is an object of its own', () => {
    const [first] = made(dataset, { seed: 1, count: 1 });
    for (const name of Object.keys(first!)) delete (first as Record<string, unknown>)[name];
    expect(Object.keys(made(dataset, { seed: 1, count: 1 })[0]!)).not.toEqual([]);
  });

  test('can begin anywhere, so that several producers have ranges of their own', () => {
    const whole = made(dataset, { seed: 5, count: 300 });
    const [from, to] = [
      made(dataset, { seed: 5, count: 100 }),
      made(dataset, { seed: 5, first: 100, count: 200 }),
    ];
    expect([...from, ...to]).toEqual(whole);
  });
});

test('keys come again where they should, and nowhere else', () => {
  const keys = (dataset: GeneratedDataSet) =>
    keysOf(dataset, made(dataset, { seed: 1, count: 300, keys: 40 })).size;
  expect(Object.fromEntries(GENERATED.map((dataset) => [dataset, keys(dataset)]))).toEqual({
    products: 40,
    flights: 40,
    tweets: 300,
    orders: 300,
  });
});

test('only what can be made is said to be', () => {
  expect(GENERATED.filter(isGenerated)).toEqual(GENERATED);
  expect(['', 'things', 'toString', '__proto__'].filter(isGenerated)).toEqual([]);
});
