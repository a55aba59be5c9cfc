import type { Container } from '@azure/cosmos';
import {
  array,
  assert,
  asyncProperty,
  boolean,
  constantFrom,
  letrec,
  oneof,
  tuple,
  type Arbitrary,
} from 'fast-check';
import { newContainer, onEachBackend } from './harness';

onEachBackend('conditions', (endpoint) => {
  let container: Container;

  interface Item {
    readonly id: string;
    readonly pk?: string;
    readonly v?: Scalar;
  }
  type Scalar = string | number | boolean | null;

  const IDS = ['a', 'b', 'A', 'é', '\uffff', '😀', '1', ''].filter((id) => id !== '');
  const KEYS = ['p', 'q'];
  const VALUES: readonly (Scalar | undefined)[] = [
    undefined,
    null,
    true,
    false,
    0,
    1,
    -1,
    1e21,
    '',
    '1',
    'a',
    '\uffff',
    '😀',
  ];

  // Every combination of a few awkward values is an item.
  const ITEMS: readonly Item[] = KEYS.flatMap((pk) =>
    IDS.flatMap((id) => VALUES.map((v, n) => ({ id: `${id}-${n}`, pk, ...(v !== undefined && { v }) }))),
  );

  beforeAll(async () => {
    container = await newContainer(endpoint().database);
    for (const pk of KEYS) {
      const operations = ITEMS.filter((item) => item.pk === pk).map((item) => ({
        operationType: 'Create' as const,
        resourceBody: { ...item },
      }));
      for (let n = 0; n < operations.length; n += 100) {
        await container.items.batch(operations.slice(n, n + 100), pk);
      }
    }
  });

  type Truth = boolean | undefined;
  interface Condition {
    readonly sql: string;
    readonly holds: (item: Item) => Truth;
  }

  const byCodePoint = (a: string, b: string): number =>
    Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8'));

  function compare(a: Scalar | undefined, b: Scalar | undefined): number | undefined {
    if (a === undefined || b === undefined || typeof a !== typeof b) return undefined;
    if (a === null || b === null) return a === b ? 0 : undefined;
    return typeof a === 'string' ? byCodePoint(a, b as string) : Number(a) - Number(b);
  }

  const OPERATORS: Record<string, (a: Scalar | undefined, b: Scalar | undefined) => Truth> = {
    '=': (a, b) => (a === undefined || b === undefined ? undefined : a === b),
    '!=': (a, b) => (a === undefined || b === undefined ? undefined : a !== b),
    '<': (a, b) => ((order) => (order === undefined ? undefined : order < 0))(compare(a, b)),
    '>=': (a, b) => ((order) => (order === undefined ? undefined : order >= 0))(compare(a, b)),
  };

  const field = constantFrom<'id' | 'pk' | 'v'>('id', 'pk', 'v');
  const value = oneof(
    constantFrom(...VALUES.filter((v): v is Scalar => v !== undefined)),
    constantFrom(...ITEMS.map(({ id }) => id), ...KEYS),
  );

  const comparison: Arbitrary<Condition> = tuple(
    field,
    constantFrom(...Object.keys(OPERATORS)),
    value,
    boolean(),
  ).map(([name, operator, constant, swapped]) => {
    const [left, right] = swapped
      ? [JSON.stringify(constant), `c.${name}`]
      : [`c.${name}`, JSON.stringify(constant)];
    const test = OPERATORS[operator]!;
    return {
      sql: `${left} ${operator} ${right}`,
      holds: (item) => (swapped ? test(constant, item[name]) : test(item[name], constant)),
    };
  });

  const membership: Arbitrary<Condition> = tuple(
    field,
    array(value, { minLength: 1, maxLength: 6 }),
    boolean(),
  ).map(([name, list, asFunction]) => ({
    sql: asFunction
      ? `ARRAY_CONTAINS(${JSON.stringify(list)}, c.${name})`
      : `c.${name} IN (${list.map((item) => JSON.stringify(item)).join(', ')})`,
    holds: (item) => (item[name] === undefined ? undefined : list.includes(item[name])),
  }));

  const { condition } = letrec<{ condition: Condition }>((tie) => ({
    condition: oneof(
      { depthSize: 'small', withCrossShrink: true },
      comparison,
      membership,
      tie('condition').map(({ sql, holds }) => ({
        sql: `NOT (${sql})`,
        holds: (item: Item) => ((truth) => (truth === undefined ? undefined : !truth))(holds(item)),
      })),
      tuple(tie('condition'), tie('condition')).map(([a, b]) => ({
        sql: `(${a.sql}) AND (${b.sql})`,
        holds: (item: Item) => {
          const both = [a.holds(item), b.holds(item)];
          return both.includes(false) ? false : both.includes(undefined) ? undefined : true;
        },
      })),
      tuple(tie('condition'), tie('condition')).map(([a, b]) => ({
        sql: `(${a.sql}) OR (${b.sql})`,
        holds: (item: Item) => {
          const both = [a.holds(item), b.holds(item)];
          return both.includes(true) ? true : both.includes(undefined) ? undefined : false;
        },
      })),
    ),
  }));

  test('a condition selects what it selects in plain JavaScript, whatever indexes help', async () => {
    await assert(
      asyncProperty(condition, constantFrom(undefined, ...KEYS), async ({ sql, holds }, partitionKey) => {
        const query = `SELECT c.pk, c.id FROM c WHERE ${sql}`;
        const options = { maxItemCount: 1_000, ...(partitionKey !== undefined && { partitionKey }) };
        const { resources } = await container.items.query<Item>(query, options).fetchAll();
        const expected = ITEMS.filter((item) => partitionKey === undefined || item.pk === partitionKey)
          .filter((item) => holds(item) === true)
          .map(({ pk, id }) => `${pk}/${id}`);
        expect(resources.map(({ pk, id }) => `${pk}/${id}`).toSorted()).toEqual(expected.toSorted());
      }),
      { numRuns: 150, seed: 20_261_122 },
    );
  });

  test('ORDER BY is a total order: by type, then by value, text by code point', async () => {
    const rank = (v: Scalar | undefined): number =>
      v === undefined ? 0 : v === null ? 1 : 2 + ['boolean', 'number', 'string'].indexOf(typeof v);
    const query = 'SELECT c.v FROM c ORDER BY c.v';
    const { resources } = await container.items.query<Item>(query, { maxItemCount: 7 }).fetchAll();
    const expected = ITEMS.toSorted((a, b) => rank(a.v) - rank(b.v) || (compare(a.v, b.v) ?? 0)).map(
      ({ v }) => v,
    );
    expect(resources.map(({ v }) => v)).toEqual(expected);
  });
});
