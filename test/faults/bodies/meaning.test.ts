import { brotliCompressSync, gzipSync } from 'node:zlib';
import { bodyOf, type Recipe } from './bodies';
import { byteKinds } from './byte-kinds';
import { csvLines, rows, tagOf } from './good';
import { random } from '../../../tools/lib/random';
import type { Expected, Meaning } from './expected';
import { batchMeaning, objectMeaning, type Sent } from './meaning';
import { redriveMeaning } from './redrive-meaning';
import { subscriptionKinds, subscriptionOf } from './subscription-kinds';
import { uploadMeaning } from './upload-meaning';

const LIMITS = { bytes: 1000, records: 3 };

const sent = (body: string | Buffer, contentType = 'application/json', contentEncoding?: string): Sent => ({
  bytes: Buffer.from(body),
  contentType,
  contentEncoding,
});

const meaning = (...args: Parameters<typeof sent>) => batchMeaning(sent(...args), LIMITS);
const values = (...of: unknown[]) => ({ refusals: [], records: of.map((value) => ({ value })) });
const rowsSaid = (...records: unknown[]) => ({ refusals: [], records });
const refused = (...refusals: string[]) => ({ refusals });

/** Lines are looked at where the case has them. */
function withoutLines(said: Meaning, expected: Meaning): Meaning {
  const hasLines = expected.records?.some((one) => 'line' in one);
  if (!said.records || hasLines) return said;
  const records = said.records.map((one): Expected =>
    'value' in one ? { value: one.value } : { text: one.text },
  );
  return { ...said, records };
}

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
    ['id, text\na\nb,\r\n', rowsSaid({ text: 'a', line: 2 }, { value: { id: 'b' }, line: 3 })],
    ['\nid\n\r\na\n\nb\n', rowsSaid({ value: { id: 'a' }, line: 4 }, { value: { id: 'b' }, line: 6 })],
    ['id,__proto__\na,b\n', values(JSON.parse('{"id":"a","__proto__":"b"}'))],
    [
      'id,text\n"a\nb"c,"d\ne"f,\ng,h\ri',
      rowsSaid(
        { text: '"a\nb"c,"d', line: 2 },
        { text: 'e"f,', line: 4 },
        { value: { id: 'g', text: 'h\ri' }, line: 5 },
      ),
    ],
    ['id,text\n"a,b\n', refused('malformed-body')],
    ['id,id\na,b\n', refused('malformed-body')],
    ['id,\na,b\n', refused('malformed-body')],
    ['id,"te"xt\na,b\n', refused('malformed-body')],
    ['id\n', refused('empty-batch')],
    ['\n\r\n', refused('empty-batch')],
    ['id\n1\n2\n3\n4\n"', refused('batch-too-large')],
  ])('CSV %p', (body, expected) => {
    expect(withoutLines(meaning(body, 'text/csv'), expected)).toEqual(expected);
  });

  test('CSV rows wider than any record', () => {
    const wide = `a${',"b"'.repeat(1000)},"\n`;
    const { records } = batchMeaning(sent(`id\n${wide}c`, 'text/csv'), { bytes: 10_000, records: 3 });
    expect(records).toEqual([
      { text: wide.trim(), line: 2 },
      { value: { id: 'c' }, line: 3 },
    ]);
  });

  test('CSV of good records', () => {
    const records = rows('t', 3, random(1));
    const said = meaning(csvLines(records).join('\n'), 'text/csv').records;
    expect(said?.map((one) => ('value' in one ? one.value : one.text))).toEqual(records);
  });

  test.each([
    ['gzip', gzipSync('[1]'), values(1)],
    [' GZIP ', gzipSync('[1]'), values(1)],
    ['identity', Buffer.from('[1]'), values(1)],
    ['gzip', gzipSync('[1]').subarray(0, 12), refused('malformed-body')],
    ['gzip', gzipSync(Buffer.alloc(1001, ' ')), refused('batch-too-large')],
    ['br', Buffer.alloc(0), refused('malformed-body')],
    ['deflate', Buffer.from('[1]'), refused('unsupported-media-type', 'batch-too-large')],
    ['x-gzip', gzipSync('[1]'), values(1)],
    ['gzip', Buffer.concat([gzipSync('[1'), gzipSync(']')]), values(1)],
    ['gzip', Buffer.concat([gzipSync('[1]'), Buffer.from('x')]), refused('malformed-body')],
    ['br', Buffer.concat([brotliCompressSync('[1]'), Buffer.from('x')]), refused('malformed-body')],
  ])('in %p', (coding, body, expected) => {
    expect(meaning(body, 'application/json', coding)).toEqual(expected);
  });

  test('of a content type that is none of those', () => {
    for (const type of ['text/plain', '__proto__', ''])
      expect(meaning('[1]', type).refusals).toContain('unsupported-media-type');
    expect(meaning('[1]', ' Application/JSON; charset=utf-8')).toEqual(values(1));
  });
});

describe('what an upload says', () => {
  test.each([
    ['[1]', 'application/json', { refusals: [], records: [{ value: 1 }], failures: [] }],
    ['', 'application/json', { refusals: ['empty-batch'], failures: [] }],
    ['[]', 'application/json', { refusals: [], failures: ['empty-batch'] }],
    ['[', 'application/json', { refusals: [], failures: ['malformed-body', 'batch-too-large'] }],
    ['[', 'text/plain', { refusals: ['unsupported-media-type'], failures: [] }],
    [' '.repeat(1001), 'application/json', { refusals: ['upload-too-large'], failures: [] }],
  ])('%.20p as %s', (body, type, expected) => {
    expect(uploadMeaning(sent(body, type), LIMITS)).toEqual(expected);
  });
});

describe('what a redrive says', () => {
  const records = (['upserted', 'quarantined', 'notApplied'] as const).map((verdict, index) => ({
    index,
    key: null,
    verdict,
  }));
  const redriven = (body: string, type?: string) =>
    redriveMeaning(sent(body, type), LIMITS, { batchId: 'b', records });

  test.each([
    ['[{"index":2,"record":null,"key":1},{"index":1,"record":{"id":"a"}}]', values({ id: 'a' }, null)],
    ['[{"index":0,"record":1}]', refused('invalid-redrive')],
    ['[{"index":3,"record":1}]', refused('invalid-redrive')],
    ['[{"index":"1","record":1}]', refused('invalid-redrive')],
    ['[{"index":1}]', refused('invalid-redrive')],
    ['[{"index":1,"record":1},{"index":1,"record":2}]', refused('invalid-redrive')],
    ['[1]', refused('invalid-redrive')],
    ['[[]]', refused('invalid-redrive')],
    ['[', refused('malformed-body')],
  ])('%p', (body, expected) => {
    expect(redriven(body)).toEqual(expected);
  });

  test('without a body, and as CSV', () => {
    expect(redriven('').refusals).toContain('nothing-to-redrive');
    expect(redriven('index,record\n1,1', ' Text/CSV;x').refusals).toContain('unsupported-media-type');
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
