import { parseDataSet } from '../../src/domain/dataset';
import { schemaText } from './builders';

const parse = (block: object, schema?: object) => parseDataSet('readings', schemaText(block, schema));

test('a schema’s block is the whole configuration of its data set', () => {
  const dataset = parse({
    version: 3,
    key: '/meta/a~1b',
    eventTime: { pointer: '/at', format: 'epoch-seconds', allowedSkewSeconds: 1.5 },
    deletion: { pointer: '/state', equals: 'gone' },
    media: [{ pointer: '/photo', contentType: 'image/jpeg' }],
  });
  expect(dataset).toMatchObject({
    name: 'readings',
    key: ['meta', 'a/b'],
    eventTime: { path: ['at'], format: 'epoch-seconds', allowedSkewMs: 1500 },
    deletion: { path: ['state'], equals: 'gone' },
    media: [{ path: ['photo'], contentType: 'image/jpeg' }],
  });
  expect(dataset.schemaVersion).toMatch(/^3\+[0-9a-f]{8}$/);
});

test('all but version and key may be left out', () => {
  const dataset = parse({});
  expect(dataset).toMatchObject({ key: ['id'], media: [] });
  expect(dataset.eventTime).toBeUndefined();
  expect(dataset.deletion).toBeUndefined();
});

test.each(['date-time', 'date', 'epoch-seconds', 'epoch-milliseconds'])(
  'an event time can have the format %s',
  (format) => {
    const dataset = parse({ eventTime: { pointer: '/at', format, allowedSkewSeconds: 0 } });
    expect(dataset.eventTime?.format).toBe(format);
  },
);

test('two schemas never share a version, though they declare the same', () => {
  const [one, other] = [parse({}), parse({}, { type: 'object', required: ['id'] })];
  expect(one.schemaVersion).not.toBe(other.schemaVersion);
  expect(parse({}).schemaVersion).toBe(one.schemaVersion);
});

const eventTime = { pointer: '/at', format: 'date-time', allowedSkewSeconds: 0 };

test.each<[string, object, string]>([
  ['no version', { version: undefined }, '$.x-headwater.version must be a number of at least 0.'],
  ['a version that is no whole number', { version: 1.5 }, '$.x-headwater.version must be a whole number.'],
  ['a negative version', { version: -1 }, '$.x-headwater.version must be a number of at least 0.'],
  ['no key', { key: undefined }, '$.x-headwater.key must be a JSON Pointer such as "/id".'],
  ['a key that is no pointer', { key: 'id' }, '$.x-headwater.key must be a JSON Pointer such as "/id".'],
  ['the whole record as key', { key: '' }, '$.x-headwater.key must be a JSON Pointer such as "/id".'],
  ['an event time that is no object', { eventTime: '/at' }, '$.x-headwater.eventTime must be an object.'],
  [
    'an unknown format',
    { eventTime: { ...eventTime, format: 'iso' } },
    '$.x-headwater.eventTime.format must be one of date-time, date, epoch-seconds, epoch-milliseconds.',
  ],
  [
    'no skew',
    { eventTime: { ...eventTime, allowedSkewSeconds: undefined } },
    '$.x-headwater.eventTime.allowedSkewSeconds must be a number of at least 0.',
  ],
  [
    'a deletion mark that cannot be compared',
    { deletion: { pointer: '/gone', equals: [1] } },
    '$.x-headwater.deletion.equals must be a string, a number, true, false or null.',
  ],
  [
    'no deletion mark',
    { deletion: { pointer: '/gone' } },
    '$.x-headwater.deletion.equals must be a string, a number, true, false or null.',
  ],
  ['media that are no list', { media: {} }, '$.x-headwater.media must be a list.'],
  ['a medium that is no object', { media: ['/photo'] }, '$.x-headwater.media[0] must be an object.'],
  [
    'a medium without a type',
    { media: [{ pointer: '/a', contentType: 'a/b' }, { pointer: '/photo' }] },
    '$.x-headwater.media[1].contentType must be a text.',
  ],
  [
    'an unknown member',
    { keys: '/id' },
    '$.x-headwater.keys is not known; known are version, key, eventTime, deletion, media.',
  ],
  [
    'an unknown member further in',
    { eventTime: { ...eventTime, skew: 1 } },
    '$.x-headwater.eventTime.skew is not known; known are pointer, format, allowedSkewSeconds.',
  ],
])('%s: the error names file and member, and what would be right', (_, block, message) => {
  expect(() => parse(block)).toThrow(`schemas/readings.json: ${message}`);
});

test.each([
  ['{', 'schemas/readings.json is not JSON: '],
  ['[]', 'schemas/readings.json: a schema must be a JSON object.'],
  ['{}', 'schemas/readings.json: $.x-headwater must be an object.'],
  ['{"x-headwater": {"version": 1e999, "key": "/id"}}', 'version must be a number of at least 0.'],
])('a file that holds %s', (text, message) => {
  expect(() => parseDataSet('readings', text)).toThrow(message);
});

test.each(['', 'Readings', '1a', 'a_b', 'a/b', 'a'.repeat(41)])(
  'a data set cannot be called "%s"',
  (name) => {
    expect(() => parseDataSet(name, schemaText({}))).toThrow('must match');
  },
);
