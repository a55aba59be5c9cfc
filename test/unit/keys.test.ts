import { fc } from '../support/properties';
import { BUCKETS, bucketOf, documentId, keyOf, MAX_ID_BYTES, MAX_KEY_BYTES } from '../../src/domain/keys';
import { markerId } from '../../src/domain/ingest/names';

/** Keys that look like what an encoder makes, or that differ where encoders tend to forget. */
const PARTS = [
  '=',
  '=3D',
  '=h',
  '=2E',
  '.',
  '..',
  '/',
  '\\',
  '?',
  '#',
  ':',
  ' ',
  '%',
  '%2F',
  '\0',
  'a',
  'é',
  '😀',
];
const adversarial = fc
  .array(fc.constantFrom(...PARTS), { minLength: 1, maxLength: 12 })
  .map((p) => p.join(''));
const anyKey = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 50 }),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 50 }),
  adversarial,
  // Around the longest id, plain and encoded, with a shared prefix.
  fc
    .tuple(fc.constantFrom('a', '=', 'ä', '😀'), fc.integer({ min: 250, max: 1030 }), adversarial)
    .map(([char, times, tail]) => char.repeat(times) + tail),
);
/** What `keyOf` lets through. */
const key = anyKey.filter((text) => 'key' in keyOf(text, []));

describe('documentId', () => {
  test('is injective', () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        expect(documentId(a) === documentId(b)).toBe(a === b);
      }),
      { numRuns: 1_000 },
    );
  });

  test('keeps many adversarial keys apart', () => {
    const keys = new Set(fc.sample(adversarial, { numRuns: 5_000, seed: 1 }));
    const ids = Array.from(keys, documentId);
    ids.forEach((id) => keys.add(id));
    expect(new Set(Array.from(keys, documentId)).size).toBe(keys.size);
  });

  test('makes ids that Cosmos DB and a URL take as they are', () => {
    fc.assert(
      fc.property(key, (one) => {
        const id = documentId(one);
        expect(Buffer.byteLength(id)).toBeLessThanOrEqual(MAX_ID_BYTES);
        expect(id).toMatch(/^[A-Za-z0-9._~=-]+$/);
        // As the last segment of a path it must survive: "." and ".." would name the container.
        expect(new URL(`https://localhost/docs/${id}`).pathname).toBe(`/docs/${id}`);
      }),
      { numRuns: 1_000 },
    );
  });

  test('is never the id of a marker', () => {
    fc.assert(
      fc.property(key, fc.nat(), fc.nat(), (one, chunk, group) => {
        expect(documentId(one)).not.toBe(markerId(one, chunk, group));
        expect(documentId(markerId(one, chunk, group))).not.toContain(':');
      }),
    );
  });

  test.each([
    ['p-1', 'p-1'],
    ['a/b', 'a=2Fb'],
    ['a=2Fb', 'a=3D2Fb'],
    ['å', '=C3=A5'],
    ['x ', 'x=20'],
    ['.', '=2E'],
    ['..', '=2E=2E'],
    ['...', '...'],
    ['a'.repeat(1023), 'a'.repeat(1023)],
    ['a'.repeat(1024), '=h2edc986847e209b4016e141a6dc8716d3207350f416969382d431539bf292e4a'],
  ])('of %j is stable', (one, id) => {
    expect(documentId(one)).toBe(id);
  });
});

describe('bucketOf', () => {
  test.each([
    ['p-1', 62],
    ['p-2', 41],
    ['', 2],
    ['å', 31],
  ])('of %j is stable: a key never moves', (one, bucket) => {
    expect(bucketOf(one)).toBe(bucket);
  });

  test('spreads keys that differ little', () => {
    const counts = Array.from({ length: BUCKETS }, () => 0);
    for (let number = 0; number < 6_400; number++) counts[bucketOf(`article-${number}`)]!++;
    // 100 expected, standard deviation about 10.
    expect(Math.min(...counts)).toBeGreaterThan(60);
    expect(Math.max(...counts)).toBeLessThan(140);
  });
});

describe('keyOf', () => {
  const at = (id: unknown) => keyOf({ id } as never, ['id']);

  test.each([
    ['x', 'x'],
    [' x ', ' x '],
    [0, '0'],
    [-0, '0'],
    [-12, '-12'],
    [Number.MAX_SAFE_INTEGER, '9007199254740991'],
    ['😀', '😀'],
    ['a'.repeat(MAX_KEY_BYTES), 'a'.repeat(MAX_KEY_BYTES)],
  ])('takes %j', (value, expected) => {
    expect(at(value)).toEqual({ key: expected });
  });

  test.each([
    [undefined, 'is missing'],
    ['', 'must not be empty'],
    [1.5, 'must be a string or a whole number'],
    [2 ** 53, 'must be a string or a whole number'],
    [Infinity, 'must be a string or a whole number'],
    [true, 'must be a string or a whole number'],
    [null, 'must be a string or a whole number'],
    [['x'], 'must be a string or a whole number'],
    ['\ud800', 'must be well-formed Unicode'],
    ['a'.repeat(MAX_KEY_BYTES + 1), 'must be at most 2048 bytes long'],
    ['å'.repeat(MAX_KEY_BYTES / 2 + 1), 'must be at most 2048 bytes long'],
  ])('refuses %j', (value, fault) => {
    expect(at(value)).toEqual({ fault });
  });

  test('reaches own members only', () => {
    const missing = { fault: 'is missing' };
    expect(keyOf({}, ['constructor', 'name'])).toEqual(missing);
    expect(keyOf({}, ['__proto__'])).toEqual(missing);
    expect(keyOf([1, 2], ['length'])).toEqual(missing);
    expect(keyOf([1, 2], ['01'])).toEqual(missing);
    expect(keyOf('text', ['length'])).toEqual(missing);
    expect(keyOf(JSON.parse('{"__proto__": "own"}') as never, ['__proto__'])).toEqual({ key: 'own' });
    expect(keyOf({ list: [{ id: 7 }] }, ['list', '0', 'id'])).toEqual({ key: '7' });
  });
});
