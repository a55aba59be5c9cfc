import { productRecords } from '../../../tools/lib/load/records';
import { rulesOf } from '../../../tools/lib/rules';
import type { Product } from '../../../tools/lib/products';

const BEGIN = Date.parse('2026-03-01T12:00:00.000Z');
const options = { seed: 3, ids: 40, rate: 1_500, begin: BEGIN + 0.25 };
const records = productRecords(options);
const all = Array.from({ length: 2_000 }, (_, index) => JSON.parse(records.bodyOf(index)) as Product);

test('records are valid, about 1.2 KB, and not of ASCII alone', () => {
  const { valid } = rulesOf('products');
  expect(all.filter((record) => !valid(record))).toEqual([]);
  const bytes = all.map((_, index) => Buffer.byteLength(records.bodyOf(index)));
  const mean = bytes.reduce((sum, one) => sum + one, 0) / bytes.length;
  expect(mean).toBeGreaterThan(1_100);
  expect(mean).toBeLessThan(1_300);
  const isAscii = (text: string): boolean => Buffer.byteLength(text) === text.length;
  expect(all.filter((_, index) => isAscii(records.bodyOf(index)))).toEqual([]);
});

test('all keys come, in a random order, and later records are newer', () => {
  expect(new Set(all.map(({ productId }) => productId)).size).toBe(40);
  all.forEach(({ productId, updatedAt }, index) => {
    expect(records.keyOf(index)).toBe(productId);
    expect(Date.parse(updatedAt)).toBe(records.eventTimeOf(index));
  });
  expect(all.map(({ updatedAt }) => updatedAt)).toEqual(all.map(({ updatedAt }) => updatedAt).toSorted());
  expect(records.eventTimeOf(1_500)).toBe(BEGIN + 1_000);
});

test('a record is the same whenever it is made, and another for another seed', () => {
  expect(productRecords(options).bodyOf(17)).toBe(records.bodyOf(17));
  expect(productRecords({ ...options, seed: 4 }).bodyOf(17)).not.toBe(records.bodyOf(17));
});
