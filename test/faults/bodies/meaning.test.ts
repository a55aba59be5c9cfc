import { gzipSync } from 'node:zlib';
import { bodyOf, type Recipe } from './bodies';
import { byteKinds } from './byte-kinds';
import { csvLines, rows, tagOf } from './good';
import { random } from '../../../tools/lib/random';
import { batchMeaning, objectMeaning, type Sent } from './meaning';
import { subscriptionKinds, subscriptionOf } from './subscription-kinds';

const LIMITS = { bytes: 1000, records: 3 };
const TAKES = { csv: true, codings: true };

const sent = (body: string | Buffer, contentType = 'application/json', contentEncoding?: string): Sent => ({
  bytes: Buffer.from(body),
  contentType,
  contentEncoding,
});

const meaning = (...args: Parameters<typeof sent>) => batchMeaning(sent(...args), LIMITS, TAKES);
const values = (...of: unknown[]) => ({ refusals: [], records: of.map((value) => ({ value })) });
const refused = (...refusals: string[]) => ({ refusals });

describe('what a batch says', () => {
  test.each([
    ['[1, {"a": 2, "a": 3}]', values(1, { a: 3 })],
    ['\ufeff[1]', values(1)],
    ['[]', refused('empty-batch')],
    ['[1,2,3,4]', refused('batch-too-large')],
    ['{"a":1}', refused('malformed-body')],
    ['[1e999]', refused('malformed-body')],
    [`[${'['.repeat(1001)}${']'.repeat(1001)}]`, refused('batch-too-large')],
    ['[1', refused('malformed-body')],
    [Buffer.from([0x5b, 0x22, 0xff, 0x22, 0x5d]), refused('malformed-body')],
  ])('JSON %p', (body, expected) => {
    expect(meaning(body)).toEqual(expected);
  });

  test('own members named as prototypes are', () => {
    const { records = [] } = meaning('[{"__proto__":{"a":1}}]');
    expect(records).toEqual([{ value: JSON.parse('{"__proto__":{"a":1}}') }]);
    expect(JSON.stringify(records)).toBe('[{"value":{"__proto__":{"a":1}}}]');
  });

  test.each([
    ['1\r\n\n {"a":1}', values(1, { a: 1 })],
    ['\ufeff1\n2', values(1, 2)],
    ['1\n2\n3\n4', refused('batch-too-large')],
    [' \n\t\n', refused('empty-batch')],
    ['1\n{"a":', refused('malformed-body')],
    ['1\n\ufeff2', refused('malformed-body')],
  ])('NDJSON %p', (body, expected) => {
    expect(meaning(body, 'application/x-ndjson')).toEqual(expected);
  });

  test.each([
    ['id,text\n1,a\n', values({ id: '1', text: 'a' })],
    ['\ufeffid,amount\r\n"a ""b""\n",-1.5e1\r\n', values({ id: 'a "b"\n', amount: -15 })],
    [
      'id,amount,flag\na,1e999,TRUE\nb,01,true',
      values({ id: 'a', amount: '1e999', flag: 'TRUE' }, { id: 'b', amount: '01', flag: true }),
    ],
    ['id,text\na\nb,', { refusals: [], records: [{}, { value: { id: 'b' } }] }],
    [
      'id,__proto__\na,b\n',
      { refusals: ['malformed-body'], records: [{ value: JSON.parse('{"id":"a","__proto__":"b"}') }] },
    ],
    [
      'id,text\n"a,b\n',
      { refusals: ['malformed-body', 'batch-too-large', 'empty-batch'], records: 'unknown' },
    ],
    ['id,id\na,b\n', { refusals: ['malformed-body', 'empty-batch'], records: 'unknown' }],
    ['id\n', refused('empty-batch', 'malformed-body')],
  ])('CSV %p', (body, expected) => {
    expect(meaning(body, 'text/csv')).toEqual(expected);
  });

  test('CSV of good records', () => {
    const records = rows('t', 3, random(1));
    expect(meaning(csvLines(records).join('\n'), 'text/csv')).toEqual(values(...records));
  });

  test.each([
    ['gzip', gzipSync('[1]'), values(1)],
    [' GZIP ', gzipSync('[1]'), values(1)],
    ['identity', Buffer.from('[1]'), values(1)],
    ['gzip', gzipSync('[1]').subarray(0, 12), refused('malformed-body')],
    ['gzip', gzipSync(Buffer.alloc(1001, ' ')), refused('batch-too-large')],
    ['br', Buffer.alloc(0), refused('malformed-body', 'empty-batch')],
    ['deflate', Buffer.from('[1]'), refused('unsupported-media-type', 'batch-too-large')],
  ])('in %p', (coding, body, expected) => {
    expect(meaning(body, 'application/json', coding)).toEqual(expected);
  });

  test('of a content type that is none of those', () => {
    for (const type of ['text/plain', '__proto__', ''])
      expect(meaning('[1]', type).refusals).toContain('unsupported-media-type');
    expect(meaning('[1]', ' Application/JSON; charset=utf-8')).toEqual(values(1));
  });
});

test.each([
  ['{"a":1}', { object: { a: 1 } }],
  ['[]', { refusals: ['malformed-body'] }],
  [`{"a":${'['.repeat(64)}${']'.repeat(64)}}`, { refusals: ['malformed-body'] }],
  [`{"a":"${'x'.repeat(33_000)}"}`, { refusals: ['body-too-large'] }],
])('what a request about a subscription says: %.60p', (body, expected) => {
  expect(objectMeaning(sent(body), ['application/json'])).toEqual(expected);
});

describe('bodies', () => {
  const recipe: Recipe = {
    kinds: [...byteKinds, ...subscriptionKinds],
    contentType: 'application/json',
    good: (tag, _, random) => ({
      format: 'object',
      dataset: '',
      tag,
      records: [subscriptionOf('http://127.0.0.1:1/', tag, random)],
    }),
  };
  const body = (seed: number, number: number) => bodyOf(seed, number, recipe, tagOf(seed, number));

  test('are the same for the same seed and number, and others for others', () => {
    const some = Array.from({ length: 20 }, (_, number) => body(1, number));
    expect(Array.from({ length: 20 }, (_, number) => body(1, number))).toEqual(some);
    expect(new Set(some.map(({ bytes }) => bytes.toString('base64'))).size).toBeGreaterThan(15);
    expect(body(2, 3)).not.toEqual(body(1, 3));
  });

  test('name no address but that of nobody on this machine', () => {
    for (let number = 0; number < 2000; number++) {
      const { bytes } = body(3, number);
      const said = objectMeaning(sent(bytes), ['application/json']);
      const { url, alertUrl } = 'object' in said ? said.object : {};
      for (const text of [url, alertUrl]) {
        const parsed = typeof text === 'string' ? URL.parse(text) : null;
        if (parsed?.protocol === 'http:') expect(['127.0.0.1:1', '[::1]:1']).toContain(parsed.host);
      }
    }
  });
});
