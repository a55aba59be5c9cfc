import { fc } from '../support/properties';
import { frame as frameBody, framerOf, type Framed } from '../../src/domain/ingest/framing/framing';
import type { Json } from '../../src/domain/json';

/** Without the texts that records came as. */
function frame(body: Buffer, format: 'json' | 'ndjson', most: number): Framed {
  const framed = frameBody(body, format, {}, most);
  return framed.ok ? { ok: true, records: framed.records.map(({ record }) => ({ record })) } : framed;
}
const ndjson = (text: string | Buffer, most = 1_000): Framed => frame(Buffer.from(text), 'ndjson', most);
const json = (text: string | Buffer, most = 1_000): Framed => frame(Buffer.from(text), 'json', most);
const ok = (...records: Json[]): Framed => ({ ok: true, records: records.map((record) => ({ record })) });

function faultOf(framed: Framed): { reason: string; line?: number; record?: number } {
  if (framed.ok) throw new Error('It was framed.');
  return framed.malformed.fault;
}

const anyRecords = fc.array(fc.jsonValue() as fc.Arbitrary<Json>, { maxLength: 8 });
const blank = fc.string({ unit: fc.constantFrom(' ', '\n', '\r', '\t'), maxLength: 3 });
/** As a reader of JSON gets it: `-0` and what JSON cannot hold are gone. */
const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

describe('a JSON array', () => {
  test('is cut into what JSON.parse reads, whatever blanks and strings there are', () => {
    fc.assert(
      fc.property(anyRecords, blank, fc.constantFrom(0, 2), (records, space, indent) => {
        const elements = records.map((record) => space + JSON.stringify(record, undefined, indent) + space);
        const body = `${space}[${space}${elements.join(',')}${space}]${space}`;
        expect(json(body)).toEqual(ok(...plain(records)));
      }),
    );
  });

  test('is read if and only if JSON.parse reads it as an array', () => {
    const token = fc.constantFrom(
      '[',
      ']',
      '{',
      '}',
      ',',
      ':',
      '"',
      '\\',
      '\\"',
      '"a"',
      '1',
      'x',
      ' ',
      '{"a":1}',
      '[]',
    );
    fc.assert(
      fc.property(fc.array(token, { maxLength: 10 }), (tokens) => {
        const text = `[${tokens.join('')}`;
        let expected: unknown;
        try {
          expected = JSON.parse(text);
        } catch {
          expected = undefined;
        }
        const framed = json(text);
        expect(framed.ok ? framed.records.map(({ record }) => record) : undefined).toEqual(expected);
      }),
      { numRuns: 1_500 },
    );
  });

  test.each([
    ['[1, 2, x]', 2],
    ['[1, , 2]', 1],
    ['[1, 2,]', 2],
    ['[{"a":1}, {"a" 2}, {"a":3}]', 1],
    ['["a]", {"b": "c\\"]"}, tru]', 2],
    ['[{]}', 0],
    ['[1, 2}', 1],
    ['[1, 2', 1],
    ['[1, "2]', 1],
    ['[1, 1e999]', 1],
    ['[1, {"a": [-1e999]}]', 1],
  ])('names the record of a fault: %s', (text, record) => {
    expect(faultOf(json(text))).toMatchObject({ record });
  });

  test.each(['', ' ', '{"a":1}', '{"a":[1]}', 'null', '"[1]"', '1', 'x'])('is not %j', (text) => {
    expect(faultOf(json(text)).reason).toMatch('not a JSON array');
  });

  test('ends with its bracket', () => {
    expect(faultOf(json('[1] 2')).reason).toMatch('follows the end');
    expect(faultOf(json('[1]]')).reason).toMatch('follows the end');
  });

  test.each(['ef', 'efbb', 'efbb20', 'efbbbfef', '20bbbf', '20efbbbf'])(
    'does not begin with a part of a byte order mark, or one elsewhere: %s',
    (hex) => {
      const body = Buffer.concat([Buffer.from(hex, 'hex'), Buffer.from('[1]')]);
      expect(json(body).ok).toBe(false);
      for (let cut = 1; cut < body.length; cut++) {
        const framer = framerOf('json', {}, () => undefined);
        expect(() => {
          framer.write(body.subarray(0, cut));
          framer.write(body.subarray(cut));
        }).toThrow('not a JSON array');
      }
    },
  );

  test('may begin with a byte order mark, once', () => {
    expect(json('\uFEFF[1]')).toEqual(ok(1));
    expect(json('\uFEFF\uFEFF[1]').ok).toBe(false);
    expect(json('[\uFEFF1]').ok).toBe(false);
  });

  test('is read no further than one record beyond the bound', () => {
    expect(json('[1,2,3,4,5]', 3)).toEqual(ok(1, 2, 3, 4));
    expect(json('[1,2,3]', 3)).toEqual(ok(1, 2, 3));
    // What comes later is not even looked at: the batch is too large in any case.
    expect(json('[1,2,3,4,x', 3)).toEqual(ok(1, 2, 3, 4));
  });
});

describe('NDJSON', () => {
  test('has a value a line, with blank lines and CR LF', () => {
    fc.assert(
      fc.property(
        anyRecords,
        fc.constantFrom('\n', '\r\n', '\n\n', '\n \t\n'),
        fc.boolean(),
        (records, end, last) => {
          const body = records.map((record) => JSON.stringify(record)).join(end) + (last ? end : '');
          expect(ndjson(body)).toEqual(ok(...plain(records)));
        },
      ),
    );
  });

  test('names line and record of a fault', () => {
    expect(faultOf(ndjson('1\n\n2\n{"a":}\n4'))).toMatchObject({ line: 4, record: 2 });
    expect(faultOf(ndjson('1 2'))).toMatchObject({ line: 1, record: 0 });
    expect(faultOf(ndjson('1\n1e999'))).toMatchObject({
      line: 2,
      record: 1,
      reason: expect.stringContaining('range'),
    });
    expect(faultOf(ndjson('[{\n}]'))).toMatchObject({ line: 1 });
  });

  test('may begin with a byte order mark', () => {
    expect(ndjson('\uFEFF{"a":1}\n2')).toEqual(ok({ a: 1 }, 2));
    expect(ndjson('1\n\uFEFF2').ok).toBe(false);
  });

  test('is read no further than one record beyond the bound', () => {
    expect(ndjson('1\n2\n3\nx', 2)).toEqual(ok(1, 2, 3));
  });

  test('without a record is an empty batch, not a fault', () => {
    expect(ndjson('')).toEqual(ok());
    expect(ndjson('\r\n \n')).toEqual(ok());
    expect(json('[ \n ]')).toEqual(ok());
  });
});

describe('hostile bodies', () => {
  const invalid = Buffer.concat([Buffer.from('["a'), Buffer.from([0xc3, 0x28]), Buffer.from('"]')]);

  test('invalid UTF-8 is a fault, not replaced', () => {
    expect(faultOf(json(invalid)).reason).toMatch('UTF-8');
    expect(faultOf(ndjson(Buffer.concat([Buffer.from('1\n'), invalid])))).toMatchObject({
      line: 2,
      record: 1,
    });
  });

  test.each(['json', 'ndjson'] as const)('brackets without end, as %s', (format) => {
    for (const text of [
      '['.repeat(4_000_000),
      '['.repeat(500_000) + ']'.repeat(500_000),
      '{"a":'.repeat(200_000),
    ])
      expect(
        faultOf(frame(Buffer.from(`${format === 'json' ? '[' : ''}${text}`), format, 10)).reason,
      ).toMatch('deep');
  });

  test('nesting up to the bound is read: what the data set makes of it is another matter', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    expect(json(`[${nested(1_000)}]`).ok).toBe(true);
    expect(ndjson(nested(1_000)).ok).toBe(true);
    expect(faultOf(json(`[1,${nested(1_001)}]`))).toEqual({ reason: 'It is nested too deeply.', record: 1 });
    expect(faultOf(ndjson(nested(1_001))).reason).toMatch('deep');
  });

  test('brackets inside strings are no nesting', () => {
    const text = JSON.stringify('['.repeat(100_000) + '\\"'.repeat(10));
    expect(json(`[${text}]`).ok).toBe(true);
    expect(ndjson(text).ok).toBe(true);
  });

  test('members of the prototype are data', () => {
    const framed = json('[{"__proto__": {"polluted": true}, "constructor": 1}]');
    expect(framed.ok && Object.keys(framed.records[0]?.record as object)).toEqual([
      '__proto__',
      'constructor',
    ]);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});
