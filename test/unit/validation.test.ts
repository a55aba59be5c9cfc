import { fc } from '../support/properties';
import canonicalize from 'canonicalize';
import { canonicalJson, contentHash } from '../../src/domain/content';
import {
  MAX_DEPTH,
  MAX_ERRORS,
  MAX_RECORD_BYTES,
  parseEventTime,
  validateRecord,
  type Validated,
} from '../../src/domain/ingest/validation';
import type { DataSet } from '../../src/domain/dataset';
import type { Json, JsonObject } from '../../src/domain/json';
import { readings } from './builders';

const RECEIVED = Date.parse('2026-03-01T12:00:00Z');

const validate = (record: Json, dataset: DataSet = readings(), check = () => [] as never[]): Validated =>
  validateRecord({ record }, { index: 3, group: 1 }, dataset, RECEIVED, check);

function errorOf(validated: Validated): { pointer: string; keyword: string; message: string } {
  if ('valid' in validated) throw new Error('It is valid.');
  expect(validated.errors).toHaveLength(1);
  return validated.errors[0]!;
}

const good = { id: 'a', at: '2026-03-01T11:00:00Z', value: 1 };

describe('event times', () => {
  test.each([
    ['2026-03-01T12:00:00Z', '2026-03-01T12:00:00.000Z'],
    ['2026-03-01t12:00:00z', '2026-03-01T12:00:00.000Z'],
    ['2026-03-01T14:30:00+02:30', '2026-03-01T12:00:00.000Z'],
    ['2026-03-01T12:00:00-00:00', '2026-03-01T12:00:00.000Z'],
    ['2026-03-01T12:00:00.5Z', '2026-03-01T12:00:00.500Z'],
    ['2026-03-01T12:00:00.123456789Z', '2026-03-01T12:00:00.123Z'],
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
    ['0000-01-01T00:00:00Z', '0000-01-01T00:00:00.000Z'],
  ])('date-time takes %s', (text, expected) => {
    expect(new Date(parseEventTime(text, 'date-time') ?? NaN).toISOString()).toBe(expected);
  });

  test.each([
    '2026-03-01',
    '2026-03-01T12:00Z',
    '2026-03-01T12:00:00',
    '2026-03-01 12:00:00Z',
    '2026-02-29T00:00:00Z',
    '2026-02-30T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-00-01T00:00:00Z',
    '2026-01-00T00:00:00Z',
    '2026-03-01T24:00:00Z',
    '2026-03-01T12:60:00Z',
    '2026-03-01T12:00:61Z',
    '2026-03-01T12:00:00+99:00',
    '+12026-03-01T12:00:00Z',
    ' 2026-03-01T12:00:00Z',
    '2026-03-01T12:00:00Z\n',
    'March 1, 2026',
    '',
    0,
    null,
    true,
    undefined,
  ])('date-time refuses %j', (value) => {
    expect(parseEventTime(value, 'date-time')).toBeUndefined();
  });

  test('every instant in every offset is the same instant', () => {
    const instant = fc.integer({
      min: Date.parse('0001-01-03T00:00:00Z'),
      max: Date.parse('9999-12-29T00:00:00Z'),
    });
    fc.assert(
      fc.property(instant, fc.integer({ min: -23 * 60, max: 23 * 60 }), (time, minutes) => {
        const local = new Date(time + minutes * 60_000).toISOString().slice(0, -1);
        const two = (number: number): string => String(Math.trunc(Math.abs(number))).padStart(2, '0');
        const offset = `${minutes < 0 ? '-' : '+'}${two(minutes / 60)}:${two(minutes % 60)}`;
        expect(parseEventTime(local + offset, 'date-time')).toBe(time);
      }),
    );
  });

  test.each([
    ['2026-03-01', '2026-03-01T00:00:00.000Z'],
    ['2024-02-29', '2024-02-29T00:00:00.000Z'],
    ['2000-02-29', '2000-02-29T00:00:00.000Z'],
    ['1969-12-31', '1969-12-31T00:00:00.000Z'],
    ['0000-01-01', '0000-01-01T00:00:00.000Z'],
    ['9999-12-31', '9999-12-31T00:00:00.000Z'],
  ])('date takes %s', (text, expected) => {
    expect(new Date(parseEventTime(text, 'date') ?? NaN).toISOString()).toBe(expected);
  });

  test.each([
    '2026-02-29',
    '1900-02-29',
    '2026-04-31',
    '2026-13-01',
    '2026-00-01',
    '2026-01-00',
    '2026-3-1',
    '26-03-01',
    '20260301',
    '2026-060',
    '2026-W09-7',
    '2026/03/01',
    '01.03.2026',
    '2026-03-01T00:00:00Z',
    '2026-03-01Z',
    '-2026-03-01',
    '+02026-03-01',
    ' 2026-03-01',
    '2026-03-01 ',
    '2026-03-01\n',
    '２０２６-03-01',
    '',
    20_260_301,
    null,
    true,
    undefined,
    ['2026-03-01'],
  ])('date refuses %j', (value) => {
    expect(parseEventTime(value, 'date')).toBeUndefined();
  });

  test('a date is the midnight in UTC with which its day begins', () => {
    const day = fc.integer({
      min: Date.parse('0000-01-01T00:00:00Z') / 86_400_000,
      max: Date.parse('9999-12-31T00:00:00Z') / 86_400_000,
    });
    fc.assert(
      fc.property(day, (days) => {
        const text = new Date(days * 86_400_000).toISOString().slice(0, 10);
        expect(parseEventTime(text, 'date')).toBe(days * 86_400_000);
      }),
    );
  });

  test('epoch times', () => {
    expect(parseEventTime(1_700_000_000, 'epoch-seconds')).toBe(1_700_000_000_000);
    expect(parseEventTime(1.001, 'epoch-seconds')).toBe(1001);
    expect(parseEventTime(-1.5, 'epoch-seconds')).toBe(-1500);
    expect(parseEventTime(1_700_000_000_123.9, 'epoch-milliseconds')).toBe(1_700_000_000_123);
    expect(parseEventTime(8.64e15, 'epoch-milliseconds')).toBe(8.64e15);
    for (const value of [8.64e15 + 2, Infinity, NaN, -Infinity, '1', null, undefined, [1]])
      expect(parseEventTime(value, 'epoch-milliseconds')).toBeUndefined();
    expect(parseEventTime(8.64e12 + 1, 'epoch-seconds')).toBeUndefined();
  });

  test('are held against the time of receipt plus the allowed skew, to the millisecond', () => {
    // The year of the receipt has long passed, or is to come: now plays no part.
    for (const receivedAt of [Date.parse('1999-01-01T00:00:00Z'), Date.parse('2200-01-01T00:00:00Z')]) {
      const at = (offset: number): Validated =>
        validateRecord(
          { record: { ...good, at: new Date(receivedAt + offset).toISOString() } },
          { index: 0, group: 0 },
          readings(),
          receivedAt,
          () => [],
        );
      expect(at(60_000)).toHaveProperty('valid.eventTime', receivedAt + 60_000);
      expect(at(-1e12)).toHaveProperty('valid.eventTime', receivedAt - 1e12);
      expect(errorOf(at(60_001))).toMatchObject({ pointer: '/at', keyword: 'eventTime' });
      expect(errorOf(at(60_001)).message).toContain(new Date(receivedAt + 60_000).toISOString());
    }
  });

  test('a data set without one takes the time of receipt', () => {
    const dataset = readings({ eventTime: undefined });
    expect(validate({ id: 'a' }, dataset)).toHaveProperty('valid.eventTime', RECEIVED);
  });
});

describe('a record', () => {
  test('that is good is passed on whole', () => {
    expect(validate(good)).toEqual({
      valid: {
        index: 3,
        group: 1,
        key: 'a',
        eventTime: Date.parse(good.at),
        deleted: false,
        hash: contentHash({ id: 'a', value: 1 }),
        data: good,
      },
      json: JSON.stringify(good),
      media: [],
    });
  });

  test('is deleted when its mark equals what the schema says, and by nothing else', () => {
    expect(validate({ ...good, gone: true })).toHaveProperty('valid.deleted', true);
    for (const gone of [false, 'true', 1, null, { equals: true }])
      expect(validate({ ...good, gone })).toHaveProperty('valid.deleted', false);
    const byNull = readings({ deletion: { pointer: '/value', equals: null } });
    expect(validate({ ...good, value: null }, byNull)).toHaveProperty('valid.deleted', true);
    expect(validate({ id: 'a', at: good.at }, byNull)).toHaveProperty('valid.deleted', false);
  });

  test('keeps the schema’s reasons, up to a bound, and its key', () => {
    const error = { pointer: '/value', keyword: 'type', message: 'must be string' };
    const check = () => Array.from({ length: 50 }, () => error);
    const validated = validateRecord({ record: good }, { index: 0, group: 0 }, readings(), RECEIVED, check);
    expect(validated).toEqual({ errors: Array.from({ length: MAX_ERRORS }, () => error), key: 'a' });
  });

  test('tells the check its length', () => {
    const lengths: number[] = [];
    validateRecord({ record: good }, { index: 0, group: 0 }, readings(), RECEIVED, (_, bytes) => {
      lengths.push(bytes);
      return [];
    });
    expect(lengths).toEqual([JSON.stringify(good).length]);
  });

  test.each([null, 1, 'text', true, [], [good]])('that is %j has no key', (record) => {
    expect(errorOf(validate(record))).toMatchObject({
      pointer: '/id',
      keyword: 'key',
      message: 'is missing',
    });
  });

  test('may not be larger than an event or a document can be', () => {
    const empty = Buffer.byteLength(JSON.stringify({ ...good, text: '' }));
    const text = 'å'.repeat((MAX_RECORD_BYTES - empty) / 2);
    expect(validate({ ...good, text })).toHaveProperty('valid');
    expect(errorOf(validate({ ...good, text: `${text}åå` }))).toMatchObject({
      pointer: '',
      keyword: 'maxBytes',
    });
  });

  test('may not be nested deeper than a document can be', () => {
    const nested = (depth: number): Json =>
      depth === 0 ? 1 : depth % 2 ? [nested(depth - 1)] : { a: nested(depth - 1) };
    expect(validate({ ...good, deep: nested(MAX_DEPTH - 1) })).toHaveProperty('valid');
    expect(errorOf(validate({ ...good, deep: nested(MAX_DEPTH) }))).toMatchObject({ keyword: 'maxDepth' });
    expect(errorOf(validate({ ...good, deep: nested(999) }))).toMatchObject({ keyword: 'maxDepth' });
  });

  test('with a pointer that needs escapes is told by it', () => {
    const dataset = readings({ key: '/a~1b/~0c' });
    expect(errorOf(validate({ 'a/b': { '~c': 1.5 } }, dataset))).toMatchObject({ pointer: '/a~1b/~0c' });
    expect(validate({ ...good, 'a/b': { '~c': 'k' } }, dataset)).toHaveProperty('valid.key', 'k');
  });
});

describe('hostile values', () => {
  test.each([
    ['a lone surrogate', { ...good, text: '\ud800' }],
    ['a lone surrogate in a name', { ...good, ['\udfff']: 1 }],
    ['infinity', { ...good, value: Infinity }],
  ])('%s has no canonical form: quarantined, not thrown', (_, record) => {
    expect(errorOf(validate(record))).toMatchObject({ pointer: '', keyword: 'json' });
  });

  test('"__proto__" is a member like any other', () => {
    const record = JSON.parse(
      '{"__proto__": {"id": "b"}, "id": "a", "at": "2026-03-01T11:00:00Z"}',
    ) as JsonObject;
    const validated = validate(record);
    expect(validated).toHaveProperty('valid.key', 'a');
    expect('valid' in validated && JSON.stringify(validated.valid.data)).toBe(JSON.stringify(record));
    const { at: _, ...other } = JSON.parse(JSON.stringify(record)) as JsonObject;
    expect(Object.hasOwn(other, '__proto__')).toBe(true);
    const changed = JSON.parse(JSON.stringify(record).replace('"b"', '"c"')) as JsonObject;
    expect(contentHash(changed, ['at'])).not.toBe(contentHash(record, ['at']));
    expect(errorOf(validate(JSON.parse('{"__proto__": {"id": "b"}}') as Json))).toMatchObject({
      keyword: 'key',
    });
  });

  test('nothing that JSON can hold makes it throw', () => {
    const anything = fc.oneof(
      fc.json({ maxDepth: 5 }).map((text) => JSON.parse(text) as Json),
      fc
        .record({ id: fc.jsonValue(), at: fc.jsonValue(), gone: fc.jsonValue() }, { requiredKeys: [] })
        .map((record) => JSON.parse(JSON.stringify(record)) as Json),
    );
    fc.assert(
      fc.property(anything, (record) => {
        const validated = validate(record);
        expect('valid' in validated || validated.errors.length > 0).toBe(true);
        expect(validate(record)).toEqual(validated);
      }),
      { numRuns: 500 },
    );
  });
});

describe('the hash of a content', () => {
  const shuffled = (value: Json): Json => {
    if (Array.isArray(value)) return value.map(shuffled);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(([name, item]): [string, Json] => [name, shuffled(item)]);
    return Object.fromEntries(entries.toReversed());
  };
  const content = fc.object({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value)) as JsonObject);

  test('does not depend on the order of members', () => {
    fc.assert(
      fc.property(content, (value) => {
        expect(contentHash(shuffled(value))).toBe(contentHash(value));
      }),
    );
  });

  test('depends on the order of items and on every value', () => {
    expect(contentHash([1, 2])).not.toBe(contentHash([2, 1]));
    expect(contentHash({ a: 1 })).not.toBe(contentHash({ a: '1' }));
    expect(contentHash({ a: null })).not.toBe(contentHash({}));
    expect(contentHash({ a: 'é' })).not.toBe(contentHash({ a: 'e\u0301' }));
    fc.assert(
      fc.property(content, content, (a, b) => {
        const same = JSON.stringify(sortedDeeply(a)) === JSON.stringify(sortedDeeply(b));
        expect(contentHash(a) === contentHash(b)).toBe(same);
      }),
    );
  });

  test('leaves out the event time, wherever it stands, and nothing else', () => {
    fc.assert(
      fc.property(content, fc.jsonValue(), (value, at) => {
        const timed = { ...value, meta: { at: at as Json, by: 1 } };
        expect(contentHash(timed, ['meta', 'at'])).toBe(contentHash({ ...value, meta: { by: 1 } }));
        expect(contentHash({ ...timed, at: 1 }, ['meta', 'at'])).not.toBe(contentHash(timed, ['meta', 'at']));
      }),
    );
    const timed = { id: 'a', at: 'now' };
    contentHash(timed, ['at']);
    expect(timed).toEqual({ id: 'a', at: 'now' });
  });

  test.each([
    ['{"b":1.0,"a":[1e2,-0]}', '{"a":[100,0],"b":1}'],
    ['{"\\u00e9":"\\/"}', '{"é":"/"}'],
  ])('is that of the canonical form: %s', (text, canonical) => {
    expect(contentHash(JSON.parse(text) as Json)).toBe(contentHash(JSON.parse(canonical) as Json));
  });

  /** Names and texts that a faster way may order or write differently, or that have no canonical form. */
  const odd = fc.constantFrom('__proto__', '10', '9', '01', '-1', '1a', '', '\ud800', '\\ud800', '\\', '\uffff', '😀', 'é', '\u2028', 'toJSON', 'a', 'B'); // prettier-ignore
  const oddValue = fc.letrec<{ value: Json }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      odd,
      fc.constantFrom<Json>(null, true, -0, 1e21, 5e-324, Infinity, NaN),
      fc.string({ unit: 'binary' }),
      fc.array(tie('value'), { maxLength: 3 }),
      fc
        .array(fc.tuple(fc.oneof(odd, fc.string()), tie('value')), { maxLength: 5 })
        .map((members) => Object.fromEntries(members) as Json),
    ),
  })).value;

  test('is that of the canonical form which the library writes, and fails with it', () => {
    const outcome = (write: () => string | undefined): unknown => {
      try {
        return { text: write() };
      } catch (error) {
        return { failure: (error as Error).message };
      }
    };
    fc.assert(
      fc.property(oddValue, (value) => {
        expect(outcome(() => canonicalJson(value))).toEqual(outcome(() => canonicalize(value)));
      }),
      { numRuns: 2_000 },
    );
  });

  test('is stable', () => {
    expect(contentHash({ b: 1, a: 'å' })).toBe(
      '53b53173ad602e04963df6dcda3882a44c7c08053d044fc51562286a36757eaf',
    );
  });
});

function sortedDeeply(value: Json): Json {
  if (Array.isArray(value)) return ['array', ...value.map(sortedDeeply)];
  if (typeof value !== 'object' || value === null) return value;
  const names = Object.keys(value).toSorted((a, b) => (a < b ? -1 : 1));
  return ['object', ...names.map((name): Json => [name, sortedDeeply(value[name]!)])];
}
