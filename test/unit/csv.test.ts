import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import { frame, framerOf } from '../../src/domain/ingest/framing/framing';
import { MalformedBody, type RawRecord } from '../../src/domain/ingest/framing/raw';
import type { Format } from '../../src/domain/ingest/batch';
import type { Json, JsonObject } from '../../src/domain/json';
import { fc } from '../support/properties';

const schema: JsonObject = {
  properties: {
    id: { type: 'string' },
    count: { type: 'integer' },
    price: { type: ['number', 'null'] },
    open: { type: 'boolean' },
    either: { type: ['integer', 'string'] },
    free: {},
  },
};

function rows(text: string | Buffer, of: JsonObject = schema): readonly RawRecord[] {
  const framed = frame(Buffer.from(text), 'csv', of, 100_000);
  if (!framed.ok) throw framed.malformed;
  return framed.records;
}

const records = (text: string | Buffer): Json[] => rows(text).map(({ record }) => record);

function faultOf(text: string | Buffer): { reason: string; line?: number; record?: number } {
  const framed = frame(Buffer.from(text), 'csv', schema, 100);
  if (framed.ok) throw new Error('It was framed.');
  return framed.malformed.fault;
}

/** What comes of a body that is written in pieces, cut at the places given. */
function inPieces(body: Buffer, format: Format, cuts: readonly number[]): unknown {
  const found: RawRecord[] = [];
  const framer = framerOf(format, schema, (raw) => found.push(raw));
  const places = [0, ...cuts.map((cut) => cut % (body.length + 1)), body.length].toSorted((a, b) => a - b);
  try {
    // Each piece in the same memory, as a socket may do it.
    places.slice(1).forEach((end, at) => {
      const piece = Buffer.from(body.subarray(places[at], end));
      framer.write(piece);
      piece.fill(0);
    });
    framer.end();
  } catch (error) {
    if (!(error instanceof MalformedBody)) throw error;
    const { line, record } = error.fault;
    return { line, record, found };
  }
  return found;
}

function whole(body: Buffer, format: Format): unknown {
  return inPieces(body, format, []);
}

describe('a CSV body', () => {
  test('has a header and one record a row', () => {
    expect(rows('id,free\na,1\nb,"x, y"\n')).toEqual([
      { record: { id: 'a', free: '1' }, line: 2 },
      { record: { id: 'b', free: 'x, y' }, line: 3 },
    ]);
  });

  test('is read as csv-parse reads it, whatever is quoted', () => {
    const cell = fc.string({
      unit: fc.constantFrom('a', 'ö', '€', '😀', '"', ',', '\n', '\r\n', ' ', '=', ';', "'"),
      maxLength: 6,
    });
    const table = fc
      .integer({ min: 1, max: 5 })
      .chain((width) =>
        fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 8 }),
      );
    fc.assert(
      fc.property(
        table,
        fc.constantFrom('\n', '\r\n'),
        fc.boolean(),
        fc.boolean(),
        (cells, end, quoted, bom) => {
          const header = (cells[0] ?? []).map((_, at) => `c${at}`);
          const text = stringify([header, ...cells], {
            record_delimiter: end,
            quoted,
            bom,
            quoted_match: /[\r\n]/,
          });
          const expected = parse(text, { columns: true, bom: true, skip_empty_lines: true }) as object[];
          const named = expected.map((row) =>
            Object.fromEntries(Object.entries(row).filter(([, value]) => value !== '')),
          );
          expect(records(text)).toEqual(named);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('tells the line in which each row begins', () => {
    const text = 'id,free\r\na,"x\r\ny\r\nz"\r\n\r\nb,1,2\r\n"c""",\r\nd';
    expect(rows(text).map(({ line, fault }) => [line, fault !== undefined])).toEqual([
      [2, false],
      [6, true],
      [7, false],
      [8, true],
    ]);
    expect(records(text)).toEqual([{ id: 'a', free: 'x\r\ny\r\nz' }, 'b,1,2', { id: 'c"' }, 'd']);
  });

  test('goes on after a row with a broken quote or another number of cells', () => {
    const text = 'id,free\n5" disk,x\n"a"b,x\n"ok",1\na\na,b,c\nlast,"2"\n';
    const read = rows(text);
    expect(read.map(({ record }) => record)).toEqual([
      '5" disk,x',
      '"a"b,x',
      { id: 'ok', free: '1' },
      'a',
      'a,b,c',
      { id: 'last', free: '2' },
    ]);
    expect(read.map(({ fault }) => fault?.slice(0, 20))).toEqual([
      'A quote stands insid',
      'A quote stands insid',
      undefined,
      'The row has 1 cells,',
      'The row has 3 cells,',
      undefined,
    ]);
  });

  test('casts cells by the schema, and leaves what is not of the type as text', () => {
    const text = [
      'id,count,price,open,either,free',
      '7,7,7.50,true,7,7',
      '07,07,1e3,TRUE,x,true',
      ' ,1.5,-0.5,false, ,',
      ',Infinity,1e999,1,,',
    ].join('\n');
    expect(records(text)).toEqual([
      { id: '7', count: 7, price: 7.5, open: true, either: '7', free: '7' },
      { id: '07', count: '07', price: 1000, open: 'TRUE', either: 'x', free: 'true' },
      { id: ' ', count: 1.5, price: -0.5, open: false, either: ' ' },
      { count: 'Infinity', price: '1e999', open: '1' },
    ]);
  });

  test('keeps what a spreadsheet would take for a formula as it is', () => {
    expect(records("id,free\n=1+1,@x\n+1,-1\n'=1,\t=1\n")).toEqual([
      { id: '=1+1', free: '@x' },
      { id: '+1', free: '-1' },
      { id: "'=1", free: '\t=1' },
    ]);
  });

  test.each([
    ['', []],
    ['\n\n', []],
    ['id,free', []],
    ['id,free\n', []],
    ['\uFEFFid\n1', [{ id: '1' }]],
    ['id,free\n,\n', [{}]],
  ])('of %j has the records %j', (text, expected) => {
    expect(records(text)).toEqual(expected);
  });

  test.each([
    ['id,,free\n1,2,3', { line: 1 }, 'without a name'],
    ['id,id\n1,2', { line: 1 }, 'more than once'],
    ['id,"a"b\n1,2', { line: 1 }, 'header'],
    ['id,free\n1,2\n3,"4\n5,6\n', { line: 3, record: 1 }, 'never closed'],
    [`${Array.from({ length: 2_000 }, (_, at) => `c${at}`).join(',')}\n`, { line: 1 }, '1000'],
  ])('%#: cannot be read', (text, place, reason) => {
    expect(faultOf(text)).toMatchObject(place);
    expect(faultOf(text).reason).toContain(reason);
  });

  test('has to be UTF-8', () => {
    const fault = faultOf(Buffer.concat([Buffer.from('id\na\n'), Buffer.from([0x62, 0xff, 0x0a])]));
    expect(fault.reason).toContain('UTF-8');
  });

  test('keeps members of the prototype as data', () => {
    const [record] = records('__proto__,constructor,id\nx,y,z\n');
    expect(Object.entries(record as object)).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
      ['id', 'z'],
    ]);
    expect(Object.getPrototypeOf(record)).toBe(Object.prototype);
    expect(JSON.stringify(record)).toBe('{"__proto__":"x","constructor":"y","id":"z"}');
  });

  test('with millions of cells in a row is one bad row', () => {
    const [row] = rows(`id\n${','.repeat(3_000_000)}\n`);
    expect(row?.fault).toContain('more than 1000 cells');
  });
});

describe('a body in pieces', () => {
  const cuts = fc.array(fc.nat(), { maxLength: 12 });
  const token = fc.constantFrom(
    'a',
    '1',
    '"',
    '""',
    ',',
    '\n',
    '\r\n',
    '\r',
    '😀',
    'ö',
    '{"id":1}',
    '[',
    ']',
    '\\',
    ' ',
  );
  const text = fc.array(token, { maxLength: 30 }).map((tokens) => tokens.join(''));

  test.each(['csv', 'ndjson', 'json'] as const)('gives what the whole %s gives', (format) => {
    const prefix = { csv: 'id,free\n', ndjson: '', json: '[' }[format];
    fc.assert(
      fc.property(text, cuts, fc.boolean(), (content, places, bom) => {
        const body = Buffer.from(`${bom ? '\uFEFF' : ''}${prefix}${content}`);
        expect(inPieces(body, format, places)).toEqual(whole(body, format));
      }),
      { numRuns: 500 },
    );
  });

  test.each(['ndjson', 'json'] as const)('gives the records of a good %s', (format) => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), cuts, (values, places) => {
        const texts = values.map((value) => JSON.stringify(value));
        const body = Buffer.from(format === 'json' ? `[${texts.join(',')}]` : texts.join('\n'));
        const expected = texts.map((json) => ({ record: JSON.parse(json) as Json }));
        expect(inPieces(body, format, places)).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });

  test.each(['ndjson', 'json'] as const)(
    'that is whole gives its records with their own bytes: %s',
    (format) => {
      fc.assert(
        fc.property(fc.array(fc.jsonValue()), fc.boolean(), (values, bom) => {
          const texts = values.map((value) => JSON.stringify(value));
          const text = format === 'json' ? `[${texts.join(', ')}]` : texts.join('\r\n');
          const framed = frame(Buffer.from((bom ? '\uFEFF' : '') + text), format, schema, 1_000);
          if (!framed.ok) throw framed.malformed;
          expect(framed.records.map(({ record }) => record)).toEqual(
            texts.map((one) => JSON.parse(one) as Json),
          );
          for (const { record, json } of framed.records) {
            if (json) expect(JSON.parse(json.toString('utf8'))).toEqual(record);
            expect(json?.includes('\n') ?? false).toBe(false);
          }
          // The first line of NDJSON may have a byte order mark in front of it.
          const without = framed.records.filter(({ json }) => json === undefined).length;
          expect(without).toBeLessThanOrEqual(format === 'json' ? 0 : 1);
        }),
      );
    },
  );

  test.each(['csv', 'ndjson', 'json'] as const)('invalid UTF-8 anywhere is refused: %s', (format) => {
    const good = Buffer.from({ csv: 'id\nä\n', ndjson: '"ä"\n', json: '["ä"]' }[format]);
    const at = good.indexOf(0xc3);
    const bad = Buffer.concat([good.subarray(0, at + 1), Buffer.from('x'), good.subarray(at + 2)]);
    for (const cut of [0, at, at + 1, at + 2]) expect(inPieces(bad, format, [cut])).toHaveProperty('found');
  });
});
