import {
  compileFilter,
  FILTER_OPERATORS,
  filterFaults,
  MAX_ELEMENTS,
  MAX_FILTER_BYTES,
  MAX_FILTER_DEPTH,
  MAX_FILTER_NODES,
  MAX_PATH_LENGTH,
} from '../../../src/domain/egress/filter';
import type { Json, JsonObject } from '../../../src/domain/json';
import { fc } from '../../support/properties';

const matches = (filter: JsonObject, data: Json): boolean => compileFilter(filter)(data);
const pointers = (filter: Json): string[] => filterFaults(filter).map(({ pointer }) => pointer);

describe('what may be stored', () => {
  test.each<[Json]>([
    [{}],
    [{ price: 5 }],
    [{ 'price.amount': { $gte: 5, $lt: 10 } }],
    [{ $or: [{ a: null }, { $and: [{ b: { $in: ['x', 1, null, true] } }, { $not: { c: false } }] }] }],
    [{ name: { $not: { $startsWith: 'x' } }, 'items.0.price': { $exists: true } }],
    [{ toString: 'x', 'length.valueOf': { $ne: 1 } }],
  ])('%j', (filter) => {
    expect(filterFaults(filter)).toEqual([]);
  });

  test.each<[Json, ...string[]]>([
    [null, ''],
    ['x', ''],
    [[{ a: 1 }], ''],
    [{ $where: 'while(true);' }, '/$where'],
    [{ a: { $regex: '(a+)+$' } }, '/a/$regex'],
    [{ a: { $elemMatch: { b: 1 } } }, '/a/$elemMatch'],
    [{ a: { b: 1 } }, '/a/b'],
    [{ a: {} }, '/a'],
    [{ a: [1] }, '/a'],
    [{ a: { $eq: [1] } }, '/a/$eq'],
    [{ a: { $eq: { b: 1 } } }, '/a/$eq'],
    [{ a: { $gt: null } }, '/a/$gt'],
    [{ a: { $lt: true } }, '/a/$lt'],
    [{ a: { $in: [] } }, '/a/$in'],
    [{ a: { $nin: 'x' } }, '/a/$nin'],
    [{ a: { $in: [[1]] } }, '/a/$in'],
    [{ a: { $exists: 1 } }, '/a/$exists'],
    [{ a: { $startsWith: '' } }, '/a/$startsWith'],
    [{ a: { $startsWith: 5 } }, '/a/$startsWith'],
    [{ a: { $not: 5 } }, '/a/$not'],
    [{ a: { $and: [{ $gt: 1 }] } }, '/a/$and'],
    [{ $gt: 5 }, '/$gt'],
    [{ $and: [] }, '/$and'],
    [{ $or: { a: 1 } }, '/$or'],
    [{ $and: [{ a: 1 }, 5] }, '/$and/1'],
    [{ $not: [{ a: 1 }] }, '/$not'],
    [{ '': 1 }, '/'],
    [{ 'a..b': 1 }, '/a..b'],
    [{ 'a.$b': 1 }, '/a.$b'],
    [{ 'a/b~c': { $mod: [2, 0] } }, '/a~1b~0c/$mod'],
    [{ ['x'.repeat(MAX_PATH_LENGTH + 1)]: 1 }, `/${'x'.repeat(MAX_PATH_LENGTH + 1)}`],
    [{ a: '\ud800', 'b\udfff': 1 }, '/a', '/b\udfff'],
    [{ a: { $in: ['ok', '\ud800'] } }, '/a/$in'],
    [{ constructor: 1, 'a.prototype.b': 1 }, '/constructor', '/a.prototype.b'],
    [{ a: { $type: 'x', $size: 1 }, b: { $gt: [] } }, '/a/$type', '/a/$size', '/b/$gt'],
    [JSON.parse('{"__proto__": {"$gt": 1}, "a.__proto__": 1}') as Json, '/__proto__', '/a.__proto__'],
    [JSON.parse('{"a": {"__proto__": 1}}') as Json, '/a/__proto__'],
  ])('not %j', (filter, ...expected) => {
    expect(pointers(filter)).toEqual(expected);
  });

  test('an unknown operator is told with those that are known', () => {
    const [fault] = filterFaults({ a: { $regex: 'x' } });
    for (const operator of FILTER_OPERATORS) expect(fault?.message).toContain(operator);
  });

  test('depth, size and number of nodes are bounded', () => {
    const nested = (levels: number): JsonObject => (levels === 1 ? {} : { $or: [nested(levels - 1)] });
    expect(filterFaults(nested(MAX_FILTER_DEPTH))).toEqual([]);
    expect(filterFaults(nested(MAX_FILTER_DEPTH + 1))).toHaveLength(1);
    const negated = (levels: number): JsonObject => (levels === 1 ? {} : { $not: negated(levels - 1) });
    expect(filterFaults(negated(MAX_FILTER_DEPTH))).toEqual([]);
    expect(pointers(negated(MAX_FILTER_DEPTH + 1))).toEqual(['/$not'.repeat(MAX_FILTER_DEPTH)]);
    const wide = (paths: number): JsonObject =>
      Object.fromEntries(Array.from({ length: paths }, (_, at) => [`p${at}`, 1]));
    expect(filterFaults(wide(MAX_FILTER_NODES))).toEqual([]);
    expect(pointers(wide(MAX_FILTER_NODES + 1))).toEqual(['']);
    const long = (bytes: number): JsonObject => ({ a: 'x'.repeat(bytes - '{"a":""}'.length) });
    expect(filterFaults(long(MAX_FILTER_BYTES))).toEqual([]);
    expect(pointers(long(MAX_FILTER_BYTES + 1))).toEqual(['']);
    let abyss: Json = 1;
    for (let level = 0; level < 100_000; level++) abyss = { $not: abyss };
    expect(filterFaults(abyss)).toHaveLength(1);
  });

  test('whatever is sent, the check answers; what it lets through compiles', () => {
    const name = fc.oneof(fc.constantFrom(...FILTER_OPERATORS, '__proto__', 'a', 'a.b'), fc.string());
    const { any } = fc.letrec<{ any: Json }>((tie) => ({
      any: fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom<Json>(null, true, 0, 1.5, 'x', ''),
        fc.array(tie('any'), { maxLength: 3 }),
        fc.array(fc.tuple(name, tie('any')), { maxLength: 3 }).map((all) => Object.fromEntries(all) as Json),
      ),
    }));
    fc.assert(
      fc.property(any, any, (filter, data) => {
        for (const { pointer, message } of filterFaults(filter)) {
          expect(pointer).toMatch(/^(\/|$)/);
          expect(message).not.toBe('');
        }
        expect(typeof compileFilter(filter as JsonObject)(data)).toBe('boolean');
      }),
      { numRuns: 1000 },
    );
  });
});

describe('what matches', () => {
  test.each<[JsonObject, Json, boolean]>([
    [{}, null, true],
    [{ a: 5 }, { a: 5 }, true],
    [{ a: 5 }, { a: '5' }, false],
    [{ a: { $gt: 5 } }, { a: '6' }, false],
    [{ a: { $lt: 'x' } }, { a: 1 }, false],
    [{ a: { $gte: 0 } }, { a: null }, false],
    [{ a: { $lte: 1 } }, { a: true }, false],
    [{ a: { $lt: 'b' } }, { a: 'a' }, true],
    [{ a: { $gt: 1, $lt: 3 } }, { a: 2 }, true],
    [{ a: null }, {}, true],
    [{ a: null }, { a: null }, true],
    [{ a: null }, { a: 0 }, false],
    [{ a: { $exists: true } }, { a: null }, true],
    [{ a: { $exists: false } }, { a: null }, false],
    [{ a: { $exists: true } }, { a: [] }, true],
    [{ a: { $ne: 1 } }, {}, true],
    [{ a: { $nin: [null] } }, {}, false],
    [{ 'a.b': 1 }, { a: { b: 1 } }, true],
    [{ 'a.b': 1 }, { 'a.b': 1 }, false],
    [{ a: 'red' }, { a: ['blue', 'red'] }, true],
    [{ a: { $ne: 'red' } }, { a: ['blue', 'red'] }, false],
    [{ a: { $not: { $eq: 'red' } } }, { a: ['blue', 'red'] }, false],
    [{ a: 'red' }, { a: [['red']] }, false],
    [{ 'a.b': { $gt: 1 } }, { a: [{ b: 1 }, { b: 2 }] }, true],
    [{ 'a.1.b': 2 }, { a: [{ b: 1 }, { b: 2 }] }, true],
    [{ 'a.0': 'x' }, { a: { 0: 'x' } }, true],
    [{ $or: [{ a: 1 }, { b: 2 }] }, { b: 2 }, true],
    [{ $and: [{ a: 1 }, { b: 2 }] }, { b: 2 }, false],
    [{ $not: { a: 1, b: 2 } }, { a: 1, b: 3 }, true],
    [{ a: { $startsWith: 'ab' } }, { a: 'abc' }, true],
    [{ a: { $startsWith: 'ab' } }, { a: ['x', 'abc'] }, true],
    [{ a: { $startsWith: '1' } }, { a: 12 }, false],
  ])('%j on %j: %s', (filter, data, expected) => {
    expect(filterFaults(filter)).toEqual([]);
    expect(matches(filter, data)).toBe(expected);
  });

  test('own members only: a document has no length, constructor or method', () => {
    const paths = [
      'a.length',
      'a.0',
      'toString',
      'a.toString',
      'hasOwnProperty',
      'b.length',
      'c.toFixed',
      'toJSON',
    ];
    for (const data of [{ a: 'text', b: [], c: 5 }, 'text', [], 5, null] as Json[]) {
      for (const path of paths) expect(matches({ [path]: { $exists: true } }, data)).toBe(false);
    }
    expect(matches({ toString: 'x', 'a.length': 3 }, { toString: 'x', a: { length: 3 } })).toBe(true);
  });

  test('members named like those of prototypes change nothing', () => {
    const hostile = JSON.parse(
      '{"__proto__": {"a": 1}, "constructor": 5, "hasOwnProperty": 1, "toJSON": {"x": 1}, "b": {"__proto__": {"a": 1}, "hasOwnProperty": null}}',
    ) as Json;
    expect(matches({ a: { $exists: true } }, hostile)).toBe(false);
    expect(matches({ 'b.a': { $exists: true } }, hostile)).toBe(false);
    expect(matches({ 'b.hasOwnProperty': null, 'toJSON.x': 1 }, hostile)).toBe(true);
    expect(({} as Record<string, unknown>)['a']).toBeUndefined();
  });

  test('of long arrays the beginning is looked at', () => {
    const data = { a: Array.from({ length: 2 * MAX_ELEMENTS }, (_, at) => at) };
    expect(matches({ a: MAX_ELEMENTS - 1 }, data)).toBe(true);
    expect(matches({ a: MAX_ELEMENTS }, data)).toBe(false);
  });

  test('without a filter, and with one that could not have been stored, everything matches', () => {
    expect(compileFilter(undefined)({})).toBe(true);
    expect(compileFilter({ a: { $where: 'false' } })({})).toBe(true);
  });
});

describe('as the definitions of the operators say', () => {
  type Scalar = null | boolean | number | string;
  const scalar = fc.constantFrom<Scalar>(null, true, false, 0, 1, 2.5, -1, '', 'a', 'ab', 'b', '1');
  const ordered = fc.constantFrom<Scalar>(0, 1, 2.5, -1, 'a', 'ab', 'b', '1');
  const path = fc.constantFrom('a', 'b', 'a.b', 'a.c', 'a.0', 'a.0.b', 'toString', 'a.length');
  const simple = fc.oneof(
    fc.record({ $eq: scalar }),
    fc.record({ $ne: scalar }),
    fc.record({ $in: fc.array(scalar, { minLength: 1, maxLength: 3 }) }),
    fc.record({ $nin: fc.array(scalar, { minLength: 1, maxLength: 3 }) }),
    fc.record({ $exists: fc.boolean() }),
    fc.record({ $startsWith: fc.constantFrom('a', 'ab', '1') }),
    fc.record(
      { $gt: ordered, $gte: ordered, $lt: ordered, $lte: ordered, $ne: scalar },
      { requiredKeys: ['$gte'] },
    ),
  );
  const { filter, data } = fc.letrec<{ condition: Json; filter: JsonObject; data: Json }>((tie) => ({
    condition: fc.oneof({ maxDepth: 2 }, simple, fc.record({ $not: tie('condition') })),
    filter: fc.oneof(
      { maxDepth: 3 },
      fc.dictionary(path, fc.oneof(scalar, tie('condition')), { maxKeys: 2 }) as fc.Arbitrary<JsonObject>,
      fc.record({ $and: fc.array(tie('filter'), { minLength: 1, maxLength: 3 }) }),
      fc.record({ $or: fc.array(tie('filter'), { minLength: 1, maxLength: 3 }) }),
      fc.record({ $not: tie('filter') }),
    ),
    data: fc.oneof(
      { maxDepth: 4 },
      scalar,
      fc.array(tie('data'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom('a', 'b', 'c', '0', 'toString', 'length'), tie('data'), { maxKeys: 3 }),
    ),
  }));

  /** Written from the documentation, with nothing but loops. */
  function values(data: Json, names: string[]): Json[] {
    const [name, ...rest] = names;
    if (Array.isArray(data) && !/^\d+$/.test(name ?? '')) {
      if (name === undefined) return [data, ...data];
      return data.filter((item) => !Array.isArray(item)).flatMap((item) => values(item, names));
    }
    if (name === undefined) return [data];
    const own = new Map<string, Json>(typeof data === 'object' && data ? Object.entries(data) : []);
    return own.has(name) ? values(own.get(name) as Json, rest) : [];
  }
  const compare = (value: Json, operand: Json, test: (a: string, b: string) => boolean): boolean =>
    typeof value === typeof operand && test(value as string, operand as string);
  function holds(found: Json[], operator: string, operand: Json): boolean {
    const orNull = found.length > 0 ? found : [null];
    const some = (test: (value: Json) => boolean): boolean => orNull.some(test);
    switch (operator) {
      case '$eq':
        return some((value) => value === operand);
      case '$ne':
        return !some((value) => value === operand);
      case '$in':
        return some((value) => (operand as Json[]).includes(value));
      case '$nin':
        return !some((value) => (operand as Json[]).includes(value));
      case '$gt':
        return some((value) => compare(value, operand, (a, b) => a > b));
      case '$gte':
        return some((value) => compare(value, operand, (a, b) => a >= b));
      case '$lt':
        return some((value) => compare(value, operand, (a, b) => a < b));
      case '$lte':
        return some((value) => compare(value, operand, (a, b) => a <= b));
      case '$exists':
        return found.length > 0 === operand;
      case '$startsWith':
        return some((value) => typeof value === 'string' && value.startsWith(operand as string));
      default:
        return !Object.entries(operand as JsonObject).every(([name, inner]) => holds(found, name, inner));
    }
  }
  function oracle(filter: JsonObject, data: Json): boolean {
    return Object.entries(filter).every(([name, value]) => {
      if (name === '$and') return (value as JsonObject[]).every((item) => oracle(item, data));
      if (name === '$or') return (value as JsonObject[]).some((item) => oracle(item, data));
      if (name === '$not') return !oracle(value as JsonObject, data);
      const condition = typeof value === 'object' && value !== null ? (value as JsonObject) : { $eq: value };
      const found = values(data, name.split('.'));
      return Object.entries(condition).every(([operator, operand]) => holds(found, operator, operand));
    });
  }

  test('for any filter and document', () => {
    fc.assert(
      fc.property(filter, fc.array(data, { minLength: 1, maxLength: 4 }), (some, documents) => {
        expect(filterFaults(some)).toEqual([]);
        // One compiled filter for all: an evaluation leaves nothing behind for the next one.
        const compiled = compileFilter(some);
        for (const document of documents) {
          const before = JSON.stringify(document);
          expect(compiled(document)).toBe(oracle(some, document));
          expect(JSON.stringify(document)).toBe(before);
        }
      }),
      { numRuns: 600 },
    );
  });
});
