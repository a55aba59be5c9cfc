import { Readable } from 'node:stream';
import { batchesOf, keyOf, type Batch } from '../../../tools/lib/produce/batches';
import { CsvCutter, csvRow } from '../../../tools/lib/produce/csv';
import { InputError } from '../../../tools/lib/produce/input-error';
import { JsonArrayCutter } from '../../../tools/lib/produce/json-array';
import { NdjsonCutter } from '../../../tools/lib/produce/ndjson';
import { piecesOf, type Cutter } from '../../../tools/lib/produce/pieces';
import { withoutBom } from '../../../tools/lib/produce/source';
import { fc } from '../../support/properties';
import { recordsOf } from './fake-headwater';

const BOM = '\uFEFF';

/** The content in chunks of the sizes that are given, again and again. */
function chunked(content: Buffer, sizes: readonly number[]): Readable {
  const chunks: Buffer[] = [];
  for (let start = 0, at = 0; start < content.length; at++) {
    const size = sizes[at % sizes.length] ?? 1;
    chunks.push(content.subarray(start, start + size));
    start += size;
  }
  return Readable.from(chunks);
}

interface Result {
  readonly batches: readonly Batch[];
  readonly fault?: InputError;
}

async function cut(
  cutter: Cutter,
  content: string | Buffer,
  { sizes = [7], records = 3, bytes = 1_000_000 } = {},
): Promise<Result> {
  const batches: Batch[] = [];
  const chunks = withoutBom(chunked(Buffer.from(content), sizes));
  try {
    for await (const batch of batchesOf(piecesOf(cutter, chunks), { records, bytes })) batches.push(batch);
    return { batches };
  } catch (error) {
    if (error instanceof InputError) return { batches, fault: error };
    throw error;
  }
}

const readBack = (batches: readonly Batch[]): unknown[] =>
  batches.flatMap(({ body, contentType }) => recordsOf(body, { 'content-type': contentType }));

const places = (batches: readonly Batch[]): unknown[] =>
  batches.flatMap((batch) => Array.from({ length: batch.records }, (_, at) => batch.places.ofRecord(at)));

/** Each record begins where its place says: the line of the file there begins with the record's first line. */
function expectLines(content: string, batches: readonly Batch[], firstLines: readonly string[]): void {
  const lines = content.replace(BOM, '').split('\n');
  places(batches).forEach((place, at) => {
    const { record, line } = place as { record: number; line: number };
    expect(record).toBe(at);
    expect(lines[line - 1]?.trimStart().startsWith((firstLines[at] ?? '?').trimStart())).toBe(true);
  });
}

/** Lines of a body lead to the same lines of the file, but for the header that every body repeats. */
function expectBodyLines(content: string, batches: readonly Batch[], header: number): void {
  const lines = content.replace(BOM, '').split('\n');
  for (const { body, places } of batches) {
    const own = body.toString().split('\n').slice(0, -1);
    own.forEach((text, at) => {
      const place = places.ofLine(at + 1);
      if (at < header) expect(place).toBeUndefined();
      else expect(lines[(place?.line ?? 0) - 1]?.replace(/\r$/, '')).toBe(text.replace(/\r$/, ''));
    });
  }
}

const how = fc.record({
  sizes: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 4 }),
  records: fc.integer({ min: 1, max: 5 }),
  bytes: fc.integer({ min: 1, max: 200 }),
  bom: fc.boolean(),
  end: fc.constantFrom('\n', '\r\n'),
  last: fc.boolean(),
});

function expectLimits(batches: readonly Batch[], limits: { records: number; bytes: number }): void {
  for (const { records, body } of batches) {
    expect(records).toBeGreaterThan(0);
    expect(records).toBeLessThanOrEqual(limits.records);
    if (records > 1) expect(body.length).toBeLessThanOrEqual(limits.bytes);
  }
}

describe('NDJSON', () => {
  test('the batches are the records of the file, with their lines', async () => {
    const rows = fc.array(fc.oneof(fc.json(), fc.constantFrom('', ' ', '\t')));
    await fc.assert(
      fc.asyncProperty(rows, how, async (lines, { bom, end, last, ...limits }) => {
        const text = lines.map((line) => line.replaceAll('\n', ' '));
        const content = (bom ? BOM : '') + text.join(end) + (last && text.length > 0 ? end : '');
        const good = text.filter((line) => line.trim() !== '');
        const { batches, fault } = await cut(new NdjsonCutter(), content, limits);
        expect(fault).toBeUndefined();
        expect(readBack(batches)).toEqual(good.map((line) => JSON.parse(line) as unknown));
        expectLimits(batches, limits);
        expectLines(content, batches, good);
        expectBodyLines(content, batches, 0);
      }),
    );
  });

  test('keeps what is no JSON, and no UTF-8, for the API to refuse', async () => {
    const content = Buffer.concat([Buffer.from('{"a":1}\n{oops\n"'), Buffer.from([0xff]), Buffer.from('"')]);
    const { batches } = await cut(new NdjsonCutter(), content);
    expect(batches[0]?.body).toEqual(Buffer.concat([content, Buffer.from('\n')]));
  });
});

describe('a JSON array', () => {
  const spaces = fc.constantFrom('', ' ', '\n', '\r\n\t', '\n\n');

  test('the batches are the records of the file, with their lines', async () => {
    const items = fc.array(fc.tuple(fc.jsonValue(), fc.constantFrom(undefined, 2), spaces, spaces));
    await fc.assert(
      fc.asyncProperty(items, how, async (values, { bom, sizes, records, bytes }) => {
        const limits = { sizes, records, bytes };
        const texts = values.map(([value, indent]) => JSON.stringify(value, undefined, indent));
        const inner = values.map(([, , before, after], at) => `${before}${texts[at]}${after}`).join(',');
        const content = `${bom ? BOM : ''} [${inner}]\n`;
        const { batches, fault } = await cut(new JsonArrayCutter(), content, limits);
        expect(fault).toBeUndefined();
        expect(readBack(batches)).toEqual(JSON.parse(content.replace(BOM, '')));
        expectLimits(batches, limits);
        // Several records may be on one line: the line holds the record's first line somewhere.
        const lines = content.replace(BOM, '').split('\n');
        places(batches).forEach((place, at) => {
          const { line } = place as { line: number };
          expect(lines[line - 1]).toContain(texts[at]?.split('\n')[0]);
        });
      }),
    );
  });

  test.each([
    ['', 'holds no JSON array', 1],
    ['\n{"a":1}', 'holds no JSON array', 2],
    ['[1,\n2', 'cut off', 2],
    ['[{"a":\n"x]', 'cut off', 2],
    ['[1,\n,2]', 'missing', 2],
    ['[1,]', 'missing', 1],
    ['[,1]', 'missing', 1],
    ['[1]\n\n2', 'follows the end', 3],
  ])('%j is a fault', async (content, message, line) => {
    const { fault } = await cut(new JsonArrayCutter(), content, { sizes: [1] });
    expect(fault?.message).toContain(message);
    expect(fault?.line).toBe(line);
  });

  test('an item that is no JSON stays as it is, and does not take others with it', async () => {
    const content = '[1,{"a":],x}y, "]}" , tru,[{]}]';
    const { batches, fault } = await cut(new JsonArrayCutter(), content, { records: 1 });
    expect(fault).toBeUndefined();
    expect(batches.map(({ body }) => body.toString().trim())).toEqual([
      '[1]',
      '[{"a":]]',
      '[x}y]',
      '["]}"]',
      '[tru]',
      '[[{]}]',
    ]);
  });
});

describe('CSV', () => {
  const cell = fc.oneof(
    fc.string({ unit: fc.constantFrom('a', 'é', '"', ',', '\n', '\r\n', ' ', '日'), maxLength: 6 }),
    fc.constantFrom('', '1', 'true', '0.5'),
  );

  test('the batches are the rows of the file, with their lines', async () => {
    const tables = fc
      .integer({ min: 1, max: 4 })
      .chain((width) => fc.tuple(row(width), fc.array(row(width)), fc.constant(width)));
    await fc.assert(
      fc.asyncProperty(
        tables,
        fc.boolean(),
        how,
        async ([first, rows], blank, { bom, end, last, ...limits }) => {
          // A lone carriage return is no end of a line, but at the end of a row it would be half of one.
          const header = first.map((text, at) => `h${at}${text}`);
          const texts = [header, ...rows].map((cells) => csvRow(cells, '\n').toString().slice(0, -1));
          const content = (bom ? BOM : '') + texts.join(blank ? end + end : end) + (last ? end : '');
          const { batches, fault } = await cut(new CsvCutter(), content, limits);
          expect(fault).toBeUndefined();
          const records = rows.map((cells) =>
            Object.fromEntries(header.map((name, at) => [name, cells[at]])),
          );
          expect(readBack(batches)).toEqual(records);
          expectLimits(batches, limits);
          expectLines(
            content,
            batches,
            texts.slice(1).map((text) => text.split('\n')[0] ?? ''),
          );
          expectBodyLines(content, batches, (texts[0] ?? '').split('\n').length);
        },
      ),
    );
    function row(width: number): fc.Arbitrary<string[]> {
      return fc.array(cell, { minLength: width, maxLength: width });
    }
  });

  test('rows are handed on as the bytes they are: cells too many, stray quotes, text that is no UTF-8', async () => {
    const header = Buffer.from('a,b\r\n');
    const rows = [
      Buffer.from('1\r\n'),
      Buffer.from('1,2,3\n'),
      Buffer.from('x"y,"a"b"\r\n'),
      Buffer.concat([Buffer.from('"'), Buffer.from([0xff, 0xfe]), Buffer.from('",1\n')]),
    ];
    const { batches } = await cut(new CsvCutter(), Buffer.concat([header, ...rows]), { records: 1 });
    expect(batches.map(({ body }) => body)).toEqual(rows.map((row) => Buffer.concat([header, row])));
  });

  test('a quote that is never closed is told where its row begins, after the rows before it', async () => {
    const { batches, fault } = await cut(new CsvCutter(), 'a,b\n"x\ny",1\n\n2,"open\n3,4\n', {
      records: 1,
      sizes: [64],
    });
    expect(fault?.message).toContain('never closed');
    expect(fault?.line).toBe(5);
    expect(batches).toHaveLength(0);
    const more = await cut(new CsvCutter(), 'a,b\n1,1\n2,2\n3,"open\n', { records: 1, sizes: [64] });
    expect(more.batches).toHaveLength(1);
    expect(more.fault?.line).toBe(4);
  });

  test('a header alone is no batch', async () => {
    expect(await cut(new CsvCutter(), 'a,b\n')).toEqual({ batches: [] });
    expect(await cut(new CsvCutter(), '')).toEqual({ batches: [] });
  });
});

test('UTF-16 is told, not sent', async () => {
  for (const start of [
    [0xff, 0xfe],
    [0xfe, 0xff],
  ]) {
    const { fault } = await cut(new NdjsonCutter(), Buffer.from([...start, 0x7b, 0x00]), { sizes: [1] });
    expect(fault?.message).toContain('UTF-16');
  }
});

describe('idempotency keys', () => {
  const parts = { dataset: 'd', onInvalid: 'quarantine', run: '', contentType: 'text/csv', first: 0 };
  const key = keyOf(parts, Buffer.from('x'));

  test('are the same for the same, and different for anything else', () => {
    expect(keyOf({ ...parts }, Buffer.from('x'))).toBe(key);
    const others = [
      keyOf(parts, Buffer.from('y')),
      keyOf({ ...parts, dataset: 'e' }, Buffer.from('x')),
      keyOf({ ...parts, onInvalid: 'reject' }, Buffer.from('x')),
      keyOf({ ...parts, run: 'again' }, Buffer.from('x')),
      keyOf({ ...parts, contentType: 'application/json' }, Buffer.from('x')),
      keyOf({ ...parts, first: 1 }, Buffer.from('x')),
    ];
    expect(new Set([key, ...others]).size).toBe(others.length + 1);
  });

  test('are what the API takes', () => expect(key).toMatch(/^[\x20-\x7e]{1,255}$/));
});
