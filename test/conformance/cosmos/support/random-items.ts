import type { JsonObject } from '../../../../local/cosmos/partition-key';
import { fc } from '../../../support/properties';

/** Values on which SQLite's comparisons of JSON and the query language's could disagree. */
const NUMBERS: readonly number[] = [
  0,
  -0,
  1,
  -1,
  5,
  4.999999999999999,
  0.1,
  0.30000000000000004,
  0.3,
  1e21,
  -1e21,
  1_700_000_000_000,
  2 ** 53,
  2 ** 53 + 2,
  -(2 ** 53) - 2,
  2 ** 60,
  2 ** 60 + 256,
  2 ** 63,
  -(2 ** 63),
  2 ** 64,
  Number.MIN_VALUE,
  Number.MAX_VALUE,
  -Number.MAX_VALUE,
  2.2250738585072014e-308,
];
const TEXTS: readonly string[] = [
  '',
  'a',
  'b',
  'ab',
  'B',
  '0',
  '1',
  'null',
  'true',
  '[1]',
  '{}',
  'a\u0000',
  'a\u0000b',
  '\u0001',
  '\u007f',
  '\ud800',
  '\ud800\udc00',
  '\ud800\ue000',
  '\udfff',
  'a\ud83d',
  '😀',
  '😁',
  '\ue000',
  '\uffff',
  'é',
  'e\u0301',
  '"',
  '\\',
  "'",
  'a"b',
  '%',
  'a\u007f',
  'a\u007fb',
  'x'.repeat(1_200),
  `${'x'.repeat(1_200)}y`,
];
const OTHERS: readonly unknown[] = [
  null,
  true,
  false,
  [],
  [1],
  ['a'],
  [[1]],
  {},
  { a: 1 },
  { b: { c: 'a' } },
];

export const number = fc.oneof(
  { arbitrary: fc.constantFrom(...NUMBERS), weight: 5 },
  { arbitrary: fc.integer({ min: -2, max: 4 }), weight: 3 },
  { arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }), weight: 1 },
  { arbitrary: fc.maxSafeInteger(), weight: 1 },
);
export const text = fc.oneof(
  { arbitrary: fc.constantFrom(...TEXTS), weight: 4 },
  {
    arbitrary: fc.string({
      unit: fc.constantFrom('a', '\u0000', '\ud83d', '\ude00', '\uffff'),
      maxLength: 4,
    }),
    weight: 2,
  },
  { arbitrary: fc.string({ unit: 'binary', maxLength: 3 }), weight: 1 },
);
export const value = fc.oneof(
  { arbitrary: number, weight: 4 },
  { arbitrary: text, weight: 4 },
  { arbitrary: fc.constantFrom(...OTHERS), weight: 1 },
);

export const PARTITIONS = ['p', 'q', 'r'];
/** Where queries look: some paths need no care, others must not be taken for those. */
export const PATHS: readonly (readonly string[])[] = [
  ['a'],
  ['b'],
  ['n', 'x'],
  ['n', 'y', 'z'],
  ['_under'],

  ['id'],
  ['pk'],
  ['a.b'],
  ['n.x'],
  ['q"uote'],
  ['é'],
  ['__proto__'],
  ['constructor'],
  ['_ts'],
  ['_etag'],
];

export interface TestItem extends JsonObject {
  readonly id: string;
  readonly pk: string;
}

const maybe = (arbitrary: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.option(arbitrary, { nil: undefined, freq: 5 });

/** An item; what is undefined is left out when it is serialised. */
export const item: fc.Arbitrary<TestItem> = fc.record({
  id: fc
    .tuple(fc.constantFrom('a', 'b', 'é', '😀', '\uffff', ''), fc.nat(40))
    .map(([name, n]) => `${name}${n}`),
  pk: fc.constantFrom(...PARTITIONS),
  a: maybe(value),
  b: maybe(fc.integer({ min: 0, max: 4 })),
  n: maybe(fc.oneof(value, fc.record({ x: maybe(value), y: maybe(fc.record({ z: value })) }))),
  _under: maybe(fc.constantFrom('open', 'closed')),
  'a.b': maybe(value),
  'n.x': maybe(value),
  'q"uote': maybe(value),
  é: maybe(value),
  constructor: maybe(value),
  list: fc.array(fc.oneof(fc.integer({ min: 0, max: 2 }), fc.record({ a: value, b: fc.nat(4) })), {
    maxLength: 4,
  }),
});
