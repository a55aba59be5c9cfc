import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Json, JsonObject } from '../../../src/domain/json';
import { judged, object, rows, string } from '../../support/schema-rows';

describe('x-headwater', () => {
  const block = (more: JsonObject): JsonObject => ({ 'x-headwater': { version: 1, key: '/id', ...more } });
  const time = { pointer: '/at', format: 'date-time', allowedSkewSeconds: 60 };
  const image = { pointer: '/a/image', contentType: 'image/jpeg' };
  rows(
    [
      'another version',
      block({}),
      block({ version: 2 }),
      ['nobody /x-headwater/version'],
      ['nobody /x-headwater/version'],
    ],
    ['another key', block({}), block({ key: '/no' }), ['both /x-headwater/key'], ['both /x-headwater/key']],
    [
      'an event time',
      block({}),
      block({ eventTime: time }),
      ['both /x-headwater/eventTime'],
      ['both /x-headwater/eventTime'],
    ],
    [
      'another event time',
      block({ eventTime: time }),
      block({ eventTime: { ...time, format: 'epoch-seconds' } }),
      ['both /x-headwater/eventTime'],
      ['both /x-headwater/eventTime'],
    ],
    [
      'more skew',
      block({ eventTime: time }),
      block({ eventTime: { ...time, allowedSkewSeconds: 90 } }),
      ['consumers /x-headwater/eventTime/allowedSkewSeconds'],
      ['producers /x-headwater/eventTime/allowedSkewSeconds'],
    ],
    [
      'another deletion',
      block({ deletion: { pointer: '/x', equals: true } }),
      block({ deletion: { pointer: '/x', equals: 1 } }),
      ['both /x-headwater/deletion'],
      ['both /x-headwater/deletion'],
    ],
    [
      'media',
      block({}),
      block({ media: [image] }),
      ['both /x-headwater/media'],
      ['consumers /x-headwater/media'],
    ],
    [
      'other media',
      block({ media: [image] }),
      block({ media: [{ ...image, contentType: 'image/png' }] }),
      ['both /x-headwater/media'],
      ['both /x-headwater/media'],
    ],
    ['no media', block({ media: [] }), block({}), [], []],
    [
      'a member without a rule',
      block({}),
      block({ windows: [] }),
      ['both /x-headwater/windows'],
      ['both /x-headwater/windows'],
    ],
  );

  test('of a text that is media, documents hold a reference: consumers do not see its length', () => {
    const photo = (most: number, media: Json[]): JsonObject => ({
      ...object({ a: object({ image: { ...string, maxLength: most } }) }),
      ...block({ media }),
    });
    const pointer = '/properties/a/properties/image/maxLength';
    expect(judged(photo(1, [image]), photo(2, [image]))).toEqual([`nobody ${pointer}`]);
    expect(judged(photo(2, [image]), photo(1, [image]))).toEqual([`producers ${pointer}`]);
    expect(judged(photo(1, []), photo(2, []))).toEqual([`consumers ${pointer}`]);
  });
});

test('another dialect cannot be judged; to name the only one that is read says nothing', () => {
  const $schema = 'https://json-schema.org/draft/2020-12/schema';
  expect(judged({}, { $schema })).toEqual([]);
  expect(judged({ $schema }, { $schema: 'http://json-schema.org/draft-07/schema#' })).toEqual([
    'both /$schema',
  ]);
});

test('the data set products, with a status more, a shorter name and a member more', () => {
  const text = readFileSync(join(__dirname, '../../../schemas/products.json'), 'utf8');
  const products = JSON.parse(text) as { properties: Record<string, JsonObject> } & JsonObject;
  const { name, status } = products.properties;
  const properties = {
    ...products.properties,
    status: { enum: [...(status!['enum'] as Json[]), 'recalled'] },
    name: { ...name, maxLength: 100 },
    energyLabel: { enum: ['A', 'B'] },
  };
  expect(judged(products, JSON.parse(text) as JsonObject)).toEqual([]);
  expect(judged(products, { ...products, properties }).toSorted()).toEqual([
    'consumers /properties/status/enum',
    'nobody /properties/energyLabel',
    'producers /properties/name/maxLength',
  ]);
});
