import { fc } from '../../../support/properties';
import { number, PARTITIONS, PATHS, text, value } from './random-items';

export interface TestQuery {
  readonly text: string;
  readonly parameters: ReadonlyMap<string, unknown>;
  /** The partition that the request names. */
  readonly partition: string | undefined;
  readonly pageItems: number;
  readonly limits: { readonly indexFrom: number; readonly few: number; readonly many: number };
}

interface Piece {
  readonly text: string;
  readonly parameters: readonly (readonly [string, unknown])[];
}

const PLAIN = /^[A-Za-z_]\w*$/;
const pathText = (path: readonly string[]): string =>
  `c${path.map((name) => (PLAIN.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`)).join('')}`;

const path = fc.oneof(
  { arbitrary: fc.constant(['a']), weight: 3 },
  { arbitrary: fc.constantFrom(...PATHS.slice(0, 5)), weight: 3 },
  { arbitrary: fc.constantFrom(...PATHS), weight: 3 },
);
const place = path.map(pathText);

const written = (given: unknown): Piece => ({ text: JSON.stringify(given), parameters: [] });

let parameters = 0;

/** A constant, written out or as a parameter. */
const constant: fc.Arbitrary<Piece> = fc
  .tuple(
    fc.oneof(
      { arbitrary: value, weight: 3 },
      { arbitrary: fc.integer({ min: 0, max: 4 }), weight: 1 },
      { arbitrary: fc.constantFrom('open', 'closed', 'p', 'a1'), weight: 1 },
    ),
    fc.boolean(),
  )
  .map(([given, named]) => {
    const isObject = typeof given === 'object' && given !== null && !Array.isArray(given);
    if (!named && !isObject) return written(given);
    const name = `@p${++parameters}`;
    return { text: name, parameters: [[name, given]] };
  });

const join = (pieces: readonly Piece[], write: (...texts: string[]) => string): Piece => ({
  text: write(...pieces.map(({ text }) => text)),
  parameters: pieces.flatMap(({ parameters }) => parameters),
});

const order = fc.constantFrom('<', '<=', '>', '>=');
const operator = fc.oneof(order, fc.constantFrom('=', '=', '!='));

/** A range that holds many numbers, or many texts, or some of them. */
const bound = (at: string): fc.Arbitrary<Piece> =>
  fc.oneof(
    fc
      .constantFrom(
        `${at} <= 1e300`,
        `${at} > -10`,
        `${at} < 5`,
        `${at} >= ''`,
        `${at} < '\\uffff'`,
        `'a' <= ${at}`,
      )
      .map((text) => ({ text, parameters: [] })),
    fc
      .tuple(fc.oneof(number.map(written), text.map(written), constant), order)
      .map(([given, sign]) => join([given], (text) => `${at} ${sign} ${text}`)),
    fc
      .oneof(fc.tuple(number, number), fc.tuple(text, text))
      .map((two) => two.map(written))
      .map((two) => join(two, (from, to) => `${at} BETWEEN ${from} AND ${to}`)),
  );

const term: fc.Arbitrary<Piece> = fc.oneof(
  fc
    .tuple(place, operator, constant, fc.boolean())
    .map(([at, sign, given, swapped]) =>
      join([given], (text = '') => (swapped ? `${text} ${sign} ${at}` : `${at} ${sign} ${text}`)),
    ),
  fc
    .tuple(place, fc.array(constant, { minLength: 1, maxLength: 4 }))
    .map(([at, list]) => join(list, (...texts) => `${at} IN (${texts.join(', ')})`)),
  fc
    .tuple(place, constant, constant)
    .map(([at, low, high]) => join([low, high], (from, to) => `${at} BETWEEN ${from} AND ${to}`)),
  fc.tuple(place, constant).map(([at, given]) => join([given], (prefix) => `STARTSWITH(${at}, ${prefix})`)),
  fc
    .tuple(place, fc.array(constant, { maxLength: 3 }))
    .map(([at, list]) => join(list, (...texts) => `ARRAY_CONTAINS([${texts.join(', ')}], ${at})`)),
  place.map((at) => ({ text: `IS_DEFINED(${at})`, parameters: [] })),
);

const condition: fc.Arbitrary<Piece> = fc.oneof(
  { arbitrary: term, weight: 6 },
  { arbitrary: term.map((one) => join([one], (text) => `NOT (${text})`)), weight: 1 },
  { arbitrary: fc.tuple(term, term).map((two) => join(two, (a, b) => `(${a} OR ${b})`)), weight: 1 },
);

const selection = fc.oneof(
  { arbitrary: fc.constantFrom('*', 'VALUE c', 'c.id, c.a', 'VALUE c.n'), weight: 6 },
  {
    arbitrary: fc.constantFrom('DISTINCT VALUE c.b', 'VALUE COUNT(1)', 'VALUE SUM(c.a)', 'VALUE MAX(c.a)'),
    weight: 2,
  },
);

/** ORDER BY, mostly by something that is bounded too: a database can read that in the order of an index. */
const sorting: fc.Arbitrary<{ readonly orderBy: string; readonly bounds: readonly Piece[] }> = fc
  .record({
    by: place,
    direction: fc.constantFrom('', ' ASC', ' DESC'),
    second: fc.option(place, { nil: undefined, freq: 9 }),
    bounded: fc.constantFrom(true, true, true, false),
  })
  .chain(({ by, direction, second, bounded }) => {
    const orderBy = ` ORDER BY ${by}${direction}${second === undefined ? '' : `, ${second}`}`;
    return fc
      .array(bound(by), { minLength: bounded ? 1 : 0, maxLength: bounded ? 2 : 0 })
      .map((bounds) => ({ orderBy, bounds }));
  });

/** A query, how it is asked, and the limits by which its access is chosen. */
export const query: fc.Arbitrary<TestQuery> = fc
  .record({
    selection,
    top: fc.option(fc.nat(30), { nil: undefined, freq: 3 }),
    source: fc.oneof(
      { arbitrary: fc.constant('c'), weight: 4 },
      { arbitrary: fc.constantFrom('c JOIN l IN c.list', 'c JOIN c IN c.list'), weight: 1 },
    ),
    where: fc.oneof(
      { arbitrary: fc.array(condition, { minLength: 1, maxLength: 1 }), weight: 3 },
      { arbitrary: fc.array(condition, { maxLength: 4 }), weight: 1 },
    ),
    sorting: fc.option(sorting, { nil: undefined, freq: 1 }),
    pinned: fc.option(fc.constantFrom(...PARTITIONS), { nil: undefined, freq: 8 }),
    paging: fc.option(fc.tuple(fc.nat(5), fc.nat(20)), { nil: undefined, freq: 8 }),
    partition: fc.option(fc.constantFrom(...PARTITIONS), { nil: undefined }),
    pageItems: fc.constantFrom(1, 2, 3, 7, 100),
    limits: fc.record({
      indexFrom: fc.constantFrom(0, 0, 30, 10_000),
      few: fc.constantFrom(0, 3, 1_000),
      many: fc.constantFrom(0, 5, 20_000),
    }),
  })
  .map(({ selection, top, source, where, sorting, pinned, paging, ...asked }) => {
    const terms = sorting && sorting.bounds.length > 0 ? [...where.slice(1), ...sorting.bounds] : [...where];
    if (pinned !== undefined) terms.push({ text: `c.pk = '${pinned}'`, parameters: [] });
    const condition = join(terms, (...texts) => texts.join(' AND '));
    const selected = source !== 'c' && selection === '*' ? 'VALUE c' : selection;
    const first = top === undefined || paging ? '' : `TOP ${top} `;
    const shown = selected.startsWith('DISTINCT')
      ? `DISTINCT ${first}${selected.slice('DISTINCT '.length)}`
      : `${first}${selected}`;
    const cut = paging ? ` OFFSET ${paging[0]} LIMIT ${paging[1]}` : '';
    const filter = condition.text === '' ? '' : ` WHERE ${condition.text}`;
    return {
      text: `SELECT ${shown} FROM ${source}${filter}${sorting?.orderBy ?? ''}${cut}`,
      parameters: new Map(condition.parameters),
      ...asked,
    };
  });
