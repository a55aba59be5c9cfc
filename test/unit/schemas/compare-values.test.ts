import type { JsonObject } from '../../../src/domain/json';
import { compareSchemas } from '../../../tools/lib/schemas/compare';
import { integer, object, rows, string } from '../../support/schema-rows';

describe('values', () => {
  rows(
    ['a type more', string, { type: ['string', 'null'] }, ['consumers /type'], ['producers /type']],
    ['another type', string, integer, ['both /type'], ['both /type']],
    ['whole numbers among all', integer, { type: 'number' }, ['consumers /type'], ['producers /type']],
    [
      'types in another order',
      { type: ['string', 'null'] },
      { type: ['null', 'string'] },
      ['nobody /type'],
      ['nobody /type'],
    ],
    [
      'a value more',
      { enum: ['a', 'b'] },
      { enum: ['b', 'a', 'c'] },
      ['consumers /enum'],
      ['producers /enum'],
    ],
    ['values instead of their type', string, { enum: ['a'] }, ['producers /type'], ['consumers /type']],
    [
      'the type of the values beside them',
      { enum: ['a'] },
      { type: 'string', enum: ['a'] },
      ['nobody /type'],
      ['nobody /type'],
    ],
    [
      'true and false are all there is',
      { type: 'boolean' },
      { enum: [false, true] },
      ['nobody /type'],
      ['nobody /type'],
    ],
    ['one value of two', { enum: [1, 2] }, { const: 1 }, ['producers /enum'], ['consumers /enum']],
    ['values that are the same numbers', { enum: [1, 0] }, { enum: [1.0, -0] }, [], []],
    [
      'anything or nothing',
      object({ a: true }),
      object({ a: false }),
      ['producers /properties/a'],
      ['consumers /properties/a'],
    ],
  );
});

describe('numbers', () => {
  const of = (more: JsonObject): JsonObject => ({ type: 'number', ...more });
  rows(
    ['a lower bound', of({}), of({ minimum: 1 }), ['producers /minimum'], ['consumers /minimum']],
    [
      'a higher upper bound',
      of({ maximum: 1 }),
      of({ maximum: 2 }),
      ['consumers /maximum'],
      ['producers /maximum'],
    ],
    [
      'the bound itself',
      of({ minimum: 1 }),
      of({ exclusiveMinimum: 1 }),
      ['producers /minimum'],
      ['consumers /minimum'],
    ],
    [
      'the bound itself, above',
      of({ exclusiveMaximum: 1 }),
      of({ maximum: 1 }),
      ['consumers /maximum'],
      ['producers /maximum'],
    ],
    [
      'of whole numbers the same bound',
      { ...integer, minimum: 1 },
      { ...integer, exclusiveMinimum: 0 },
      ['nobody /minimum'],
      ['nobody /minimum'],
    ],
    [
      'both bounds moved',
      of({ minimum: 1, maximum: 3 }),
      of({ minimum: 0, maximum: 2 }),
      ['consumers /minimum', 'producers /maximum'],
      ['producers /minimum', 'consumers /maximum'],
    ],
    [
      'multiples of a part',
      of({ multipleOf: 6 }),
      of({ multipleOf: 3 }),
      ['consumers /multipleOf'],
      ['producers /multipleOf'],
    ],
    [
      'other multiples',
      of({ multipleOf: 2 }),
      of({ multipleOf: 3 }),
      ['both /multipleOf'],
      ['both /multipleOf'],
    ],
    [
      'whole numbers are multiples of 1',
      integer,
      { ...integer, multipleOf: 1 },
      ['nobody /multipleOf'],
      ['nobody /multipleOf'],
    ],
    [
      'multiples that are rounded',
      of({ multipleOf: 0.1 }),
      of({ multipleOf: 0.01 }),
      ['both /multipleOf'],
      ['both /multipleOf'],
    ],
    ['bounds of what no text has', string, { ...string, minimum: 1 }, [], []],
  );
});

describe('texts', () => {
  rows(
    [
      'a shorter least',
      { ...string, minLength: 2 },
      { ...string, minLength: 1 },
      ['consumers /minLength'],
      ['producers /minLength'],
    ],
    [
      'a longer most',
      { ...string, maxLength: 2 },
      { ...string, maxLength: 3 },
      ['consumers /maxLength'],
      ['producers /maxLength'],
    ],
    [
      'a least that is none',
      string,
      { ...string, minLength: 0 },
      ['nobody /minLength'],
      ['nobody /minLength'],
    ],
    ['a pattern', string, { ...string, pattern: '^a' }, ['producers /pattern'], ['consumers /pattern']],
    [
      'another pattern',
      { ...string, pattern: '^a$' },
      { ...string, pattern: '^a' },
      ['both /pattern'],
      ['both /pattern'],
    ],
    ['a format', string, { ...string, format: 'date' }, ['producers /format'], ['consumers /format']],
    [
      'another format',
      { ...string, format: 'time' },
      { ...string, format: 'date' },
      ['both /format'],
      ['both /format'],
    ],
    [
      'how a text is to be read',
      { ...string, contentEncoding: 'base64' },
      { ...string, contentEncoding: 'base32' },
      ['consumers /contentEncoding'],
      ['consumers /contentEncoding'],
    ],
  );

  test('what cannot be decided says so', () => {
    const [change] = compareSchemas({ pattern: 'a' }, { pattern: 'b' });
    expect(change).toMatchObject({ undecided: true, breaks: 'both' });
    expect(change?.why).toContain('cannot be decided');
  });
});
