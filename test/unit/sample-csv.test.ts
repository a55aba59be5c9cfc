import { parse } from 'csv-parse/sync';
import { fc } from '../support/properties';
import { castRow, columnTypes, csvLine, csvRecords, readCsv } from '../../tools/lib/csv';
import type { DataSetSchema } from '../../tools/lib/rules';

const rows = (text: string) => readCsv(text).rows.map((row) => ('cells' in row ? row.cells : row.fault));
const lines = (text: string) => readCsv(text).rows.map(({ line }) => line);

const cell = fc.oneof(
  fc.string(),
  fc.string({ unit: fc.constantFrom('"', ',', '\n', '\r', ' ', 'a', 'é', '🌀') }),
);
const table = fc
  .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 5 }))
  .chain(([width, height]) =>
    fc.array(fc.array(cell, { minLength: width, maxLength: width }), {
      minLength: height,
      maxLength: height,
    }),
  )
  // A line without anything is no row.
  .filter((all) => all.every((cells) => cells.length > 1 || cells[0] !== ''));

test('what was written is read again, whatever is in it', () => {
  fc.assert(
    fc.property(table, fc.constantFrom('\n', '\r\n'), fc.boolean(), (all, end, atEnd) => {
      const text = all.map((cells) => csvLine(cells)).join(end) + (atEnd ? end : '');
      const { header, rows } = readCsv(text);
      expect([header, ...rows.map((row) => 'cells' in row && row.cells)]).toEqual(all);
    }),
  );
});

test('another reader sees the same', () => {
  fc.assert(
    fc.property(table, (all) => {
      const text = all.map((cells) => `${csvLine(cells)}\r\n`).join('');
      const { header, rows } = readCsv(text);
      const parsed: unknown = parse(text, { record_delimiter: '\r\n' });
      expect([header, ...rows.map((row) => 'cells' in row && row.cells)]).toEqual(parsed);
    }),
  );
});

test('a byte order mark, blank lines and a missing end of line are no matter', () => {
  expect(rows('\uFEFFa,b\r\n1,2\r\n\r\n\n3,4')).toEqual([
    ['1', '2'],
    ['3', '4'],
  ]);
  expect(readCsv('\uFEFFa,b').header).toEqual(['a', 'b']);
});

test('a row that cannot be read ends with its line, and the next is a row again', () => {
  const text = 'a,b\n1,x"y\n2,"q"z,"\n3\n4,5,6\n7,"8\n9"\n10,11\n';
  expect(rows(text)).toEqual(['quote', 'quote', 'cells', 'cells', ['7', '8\n9'], ['10', '11']]);
  expect(lines(text)).toEqual([2, 3, 4, 5, 6, 8]);
  expect(readCsv(text).rows[1]?.raw).toBe('2,"q"z,"');
});

test.each(['', '\n', '\uFEFF', '"a', 'a\n"x', 'a\n"x""\ny', 'a"b\n1'])('%j cannot be read', (text) => {
  expect(() => readCsv(text)).toThrow(Error);
});

const schema = {
  properties: {
    text: { type: ['integer', 'string'] },
    size: { type: 'number' },
    count: { type: ['integer', 'null'] },
    open: { type: 'boolean' },
    any: {},
  },
} as unknown as DataSetSchema;

test('cells become what their columns say; what does not fit stays text, what is empty is left out', () => {
  const cast = (line: Record<string, string>) =>
    castRow(Object.keys(line), Object.values(line), columnTypes(schema));
  expect(cast({ text: '12', size: '-1.5e3', count: '0', open: 'true', any: '1', new: '2' })).toEqual({
    text: '12',
    size: -1_500,
    count: 0,
    open: true,
    any: '1',
    new: '2',
  });
  expect(cast({ text: '', size: '', count: '', open: '', any: '' })).toEqual({});
  for (const size of ['01', '+1', '1.', '.5', '1,5', ' 1', '1 ', '0x1', 'NaN', 'Infinity', '1e', 'one'])
    expect(cast({ size })).toEqual({ size });
  for (const open of ['TRUE', 'yes', '1']) expect(cast({ open })).toEqual({ open });
});

test('records of a text, or the line that is none', () => {
  expect(csvRecords('text,size\na,1\nb,2\n', schema)).toEqual([
    { text: 'a', size: 1 },
    { text: 'b', size: 2 },
  ]);
  expect(() => csvRecords('text,size\na,1\nb\n', schema)).toThrow('Line 3');
});
