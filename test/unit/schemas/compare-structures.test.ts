import type { JsonObject } from '../../../src/domain/json';
import { compareSchemas } from '../../../tools/lib/schemas/compare';
import { integer, judged, object, rows, string } from '../../support/schema-rows';

describe('lists', () => {
  const of = (more: JsonObject): JsonObject => ({ type: 'array', ...more });
  rows(
    [
      'fewer at most',
      of({ maxItems: 3 }),
      of({ maxItems: 2 }),
      ['producers /maxItems'],
      ['consumers /maxItems'],
    ],
    ['more at least', of({}), of({ minItems: 1 }), ['producers /minItems'], ['consumers /minItems']],
    [
      'each once',
      of({ uniqueItems: false }),
      of({ uniqueItems: true }),
      ['producers /uniqueItems'],
      ['consumers /uniqueItems'],
    ],
    [
      'wider items',
      of({ items: integer }),
      of({ items: { type: 'number' } }),
      ['consumers /items/type'],
      ['producers /items/type'],
    ],
    [
      'a place of its own',
      of({ items: { type: 'number' } }),
      of({ prefixItems: [integer], items: { type: 'number' } }),
      ['producers /prefixItems/0/type'],
      ['consumers /items/type'],
    ],
    [
      'a place more, where no more may come',
      of({ prefixItems: [true], items: false }),
      of({ prefixItems: [true, string], items: false }),
      ['consumers /prefixItems/1'],
      ['producers /items'],
    ],
    [
      'one that must be there',
      of({}),
      of({ contains: string }),
      ['producers /contains'],
      ['consumers /contains'],
    ],
    [
      'two that must be there',
      of({ contains: string }),
      of({ contains: string, minContains: 2 }),
      ['producers /minContains'],
      ['consumers /minContains'],
    ],
    [
      'at most one that may be there',
      of({ contains: string }),
      of({ contains: string, maxContains: 1 }),
      ['producers /maxContains'],
      ['consumers /maxContains'],
    ],
    [
      'a wider one that must be there',
      of({ contains: integer }),
      of({ contains: { type: 'number' } }),
      ['consumers /contains/type'],
      ['producers /contains/type'],
    ],
    [
      'a wider one, of which there may be few',
      of({ contains: integer, maxContains: 2 }),
      of({ contains: { type: 'number' }, maxContains: 2 }),
      ['both /contains'],
      ['both /contains'],
    ],
  );
});

describe('objects', () => {
  const open = { additionalProperties: true };
  rows(
    [
      'a member to be there',
      object({ a: true }),
      object({ a: true }, { required: ['a'] }),
      ['producers /required'],
      ['consumers /required'],
    ],
    [
      'other members',
      object({}),
      object({}, open),
      ['consumers /additionalProperties'],
      ['producers /additionalProperties'],
    ],
    [
      'other members of a type',
      object({}, { additionalProperties: true }),
      object({}, { additionalProperties: string }),
      ['producers /additionalProperties/type'],
      ['consumers /additionalProperties/type'],
    ],
    [
      'a member that could be anything',
      object({}, open),
      object({ a: string }, open),
      ['producers /properties/a'],
      ['consumers /properties/a'],
    ],
    [
      'a member as all others are',
      object({}, { additionalProperties: string }),
      object({ a: string }, { additionalProperties: string }),
      ['nobody /properties/a'],
      ['nobody /properties/a'],
    ],
    [
      'a member deep within',
      object({ a: { items: object({ b: { ...string, maxLength: 2 } }) } }),
      object({ a: { items: object({ b: { ...string, maxLength: 1 } }) } }),
      ['producers /properties/a/items/properties/b/maxLength'],
      ['consumers /properties/a/items/properties/b/maxLength'],
    ],
    [
      'names with slashes',
      object({ 'a/~': string }),
      object({ 'a/~': integer }),
      ['both /properties/a~1~0/type'],
      ['both /properties/a~1~0/type'],
    ],
    [
      'a pattern of names',
      object({}),
      object({}, { patternProperties: { '^x': string } }),
      ['consumers /patternProperties/^x'],
      ['producers /patternProperties/^x'],
    ],
    [
      'a pattern of names that were anything',
      object({}, open),
      object({}, { ...open, patternProperties: { '^x': string } }),
      ['producers /patternProperties/^x'],
      ['consumers /patternProperties/^x'],
    ],
    [
      'a pattern that a known name matches',
      object({ x1: true }),
      object({ x1: true }, { patternProperties: { '^x': string } }),
      ['both /patternProperties/^x'],
      ['both /patternProperties/^x'],
    ],
    [
      'a wider pattern of names',
      object({}, { patternProperties: { '^x': integer } }),
      object({}, { patternProperties: { '^x': { type: 'number' } } }),
      ['consumers /patternProperties/^x/type'],
      ['producers /patternProperties/^x/type'],
    ],
    [
      'a name out of a pattern',
      object({}, { patternProperties: { '^x': { type: 'number' } } }),
      object({ x1: integer }, { patternProperties: { '^x': { type: 'number' } } }),
      ['producers /properties/x1'],
      ['consumers /properties/x1'],
    ],
    [
      'short names',
      { type: 'object' },
      { type: 'object', propertyNames: { maxLength: 3 } },
      ['producers /propertyNames/maxLength'],
      ['consumers /propertyNames/maxLength'],
    ],
    [
      'more members at most',
      { type: 'object', maxProperties: 1 },
      { type: 'object', maxProperties: 2 },
      ['consumers /maxProperties'],
      ['producers /maxProperties'],
    ],
    [
      'one that needs another',
      { type: 'object' },
      { type: 'object', dependentRequired: { a: ['b'] } },
      ['producers /dependentRequired'],
      ['consumers /dependentRequired'],
    ],
    [
      'one that needs a schema',
      { type: 'object' },
      { type: 'object', dependentSchemas: { a: { minProperties: 2 } } },
      ['producers /dependentSchemas/a/minProperties'],
      ['consumers /dependentSchemas/a/minProperties'],
    ],
  );

  test('an optional member more breaks nobody: consumers ignore what they do not know', () => {
    const [change, ...others] = compareSchemas(object({ a: true }), object({ a: true, b: string }));
    expect(change).toMatchObject({ pointer: '/properties/b', breaks: 'nobody', newMember: true });
    expect(change?.why).toContain('ignore');
    expect(others).toEqual([]);
    expect(judged(object({ a: true, b: string }), object({ a: true }))).toEqual(['producers /properties/b']);
  });

  test('a required member more breaks producers only', () => {
    expect(judged(object({}), object({ b: string }, { required: ['b'] }))).toEqual([
      'nobody /properties/b',
      'producers /required',
    ]);
  });
});
