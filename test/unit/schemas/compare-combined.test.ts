import type { Json, JsonObject } from '../../../src/domain/json';
import { branches, integer, object, rows, string } from '../../support/schema-rows';

describe('combined schemas', () => {
  const kind = (name: string, more: JsonObject = {}): JsonObject =>
    object({ kind: { const: name }, size: integer, ...more }, { required: ['kind'] });
  rows(
    [
      'a condition',
      string,
      { ...string, allOf: [{ minLength: 1 }] },
      ['producers /allOf/0'],
      ['consumers /allOf/0'],
    ],
    [
      'a condition that held anyway',
      { ...string, minLength: 2 },
      { ...string, minLength: 2, allOf: [{ minLength: 1 }] },
      ['nobody /allOf/0'],
      ['nobody /allOf/0'],
    ],
    [
      'a condition in another order',
      { allOf: [string, { minLength: 1 }] },
      { allOf: [{ minLength: 1 }, string] },
      [],
      [],
    ],
    [
      'a stricter condition',
      { ...string, allOf: [{ minLength: 1 }] },
      { ...string, allOf: [{ minLength: 2 }] },
      ['producers /allOf/0/minLength'],
      ['consumers /allOf/0/minLength'],
    ],
    [
      'an alternative',
      { anyOf: [string, integer] },
      { anyOf: [integer, string, { type: 'null' }] },
      ['consumers /anyOf/2'],
      ['producers /anyOf/2'],
    ],
    [
      'an alternative within another one',
      { anyOf: [{ type: 'number' }] },
      { anyOf: [{ type: 'number' }, integer] },
      ['nobody /anyOf/1'],
      ['nobody /anyOf/1'],
    ],
    [
      'a wider alternative',
      { anyOf: [integer, string] },
      { anyOf: [string, { type: 'number' }] },
      ['consumers /anyOf/1/type'],
      ['producers /anyOf/0/type'],
    ],
    [
      'alternatives where one type was',
      string,
      { anyOf: [string, integer] },
      ['consumers /type', 'nobody /anyOf'],
      ['producers /type', 'nobody /anyOf'],
    ],
    [
      'alternatives where anything was',
      {},
      { anyOf: [string, integer] },
      ['producers /anyOf'],
      ['consumers /anyOf'],
    ],
    [
      'a kind of object more, each told by a member',
      { oneOf: [kind('a'), kind('b')] },
      { oneOf: [kind('a'), kind('b'), kind('c')] },
      ['consumers /oneOf/2'],
      ['producers /oneOf/2'],
    ],
    [
      'a kind of object that is wider',
      { oneOf: [kind('a'), kind('b')] },
      { oneOf: [kind('a'), kind('b', { size: { type: 'number' } })] },
      ['consumers /oneOf/1/properties/size/type'],
      ['producers /oneOf/0/properties/size/type'],
    ],
    [
      'one of several that can hold at once',
      { oneOf: [{ minLength: 1 }, { maxLength: 3 }] },
      { oneOf: [{ minLength: 1 }, { maxLength: 4 }] },
      ['both /oneOf'],
      ['both /oneOf'],
    ],
    ['what is forbidden', {}, { not: string }, ['producers /not'], ['consumers /not']],
    ['something else that is forbidden', { not: string }, { not: integer }, ['both /not'], ['both /not']],
    [
      'the same forbidden in other words',
      { not: { enum: [true, false] } },
      { not: { type: 'boolean' } },
      [],
      [],
    ],
    [
      'a branch',
      branches(string, { maxLength: 3 }),
      branches(string, { maxLength: 2 }),
      ['producers /then/maxLength'],
      ['consumers /then/maxLength'],
    ],
    [
      'another branch',
      branches(string, { maxLength: 3 }),
      branches(string, { maxLength: 3 }, { else: integer }),
      ['producers /else/type'],
      ['consumers /else/type'],
    ],
    [
      'a condition of branches',
      branches(string, { maxLength: 3 }),
      branches({ minLength: 1 }, { maxLength: 3 }),
      ['both /if'],
      ['both /if'],
    ],
    [
      'branches',
      string,
      { ...string, ...branches({ minLength: 2 }, { maxLength: 3 }) },
      ['producers /if'],
      ['consumers /if'],
    ],
    ['branches without a condition', string, { ...string, else: { maxLength: 3 } }, [], []],
    [
      'what is not evaluated otherwise',
      object({ a: true }, { additionalProperties: true }),
      { ...object({ a: true }, { additionalProperties: true }), unevaluatedProperties: false },
      ['producers /unevaluatedProperties'],
      ['consumers /unevaluatedProperties'],
    ],
    [
      'what counts as evaluated',
      { unevaluatedItems: false, prefixItems: [true] },
      { unevaluatedItems: false, prefixItems: [true, true] },
      ['both /unevaluatedItems'],
      ['both /unevaluatedItems'],
    ],
    ['a keyword without a rule', {}, { nullable: true }, ['both /nullable'], ['both /nullable']],
  );
});

describe('references', () => {
  const money = (maximum: number): JsonObject => object({ amount: { type: 'number', maximum } });
  const priced = (price: Json, maximum = 5): JsonObject => ({
    ...object({ price }),
    $defs: { money: money(maximum) },
  });
  const reference = { $ref: '#/$defs/money' };
  rows(
    ['to what was written out', priced(money(5)), priced(reference), [], []],
    [
      'beside what says nothing',
      priced(money(5)),
      priced({ description: 'A price', ...reference }),
      ['nobody /properties/price/description'],
      ['nobody /properties/price/description'],
    ],
    [
      'to what has changed',
      priced(reference),
      priced(reference, 4),
      ['producers /$defs/money/properties/amount/maximum'],
      ['consumers /$defs/money/properties/amount/maximum'],
    ],
    [
      'beside another keyword',
      priced(reference),
      priced({ ...reference, minProperties: 1 }),
      ['producers /properties/price/minProperties'],
      ['consumers /properties/price/minProperties'],
    ],
    ['to nothing that has changed', priced(money(5), 5), priced(money(5), 4), [], []],
    ['by an anchor', { $ref: '#m', $defs: { m: { $anchor: 'm', ...string } } }, string, [], []],
    [
      'by the name of the schema',
      { $id: 'https://example.org/s', $ref: 'https://example.org/s#/$defs/m', $defs: { m: string } },
      string,
      [],
      [],
    ],
    [
      'elsewhere',
      { $ref: 'https://example.org/a' },
      { $ref: 'https://example.org/b' },
      ['both /$ref'],
      ['both /$ref'],
    ],
    [
      'that cannot be followed',
      { $dynamicRef: '#m', $defs: { m: { $dynamicAnchor: 'm' } } },
      { $dynamicRef: '#m', $defs: { m: { $dynamicAnchor: 'm', ...string } } },
      ['both ', 'both /$defs/m'],
      ['both ', 'both /$defs/m'],
    ],
  );

  const tree = (leaf: JsonObject, more: JsonObject = {}): JsonObject =>
    object({ leaf, branches: { type: 'array', items: { $ref: '#' } } }, more);
  rows(
    [
      'in a circle',
      tree(integer),
      tree({ type: 'number' }),
      ['consumers /properties/leaf/type'],
      ['producers /properties/leaf/type'],
    ],
    [
      'in a circle through a question',
      tree(integer, { anyOf: [{ $ref: '#' }, true] }),
      tree(integer, { anyOf: [true, { $ref: '#' }] }),
      [],
      [],
    ],
  );
});
