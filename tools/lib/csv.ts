import type { DataSetSchema } from './rules';

/** A row of a CSV text: its cells, or why it has none. */
export type CsvRow = {
  /** Where it begins, 1-based: a quoted cell may span lines. */
  readonly line: number;
  /** As it stands in the text, without its line break. */
  readonly raw: string;
} & ({ readonly cells: readonly string[] } | { readonly fault: 'quote' | 'cells' });

export interface Csv {
  readonly header: readonly string[];
  readonly rows: readonly CsvRow[];
}

const BOM = '\uFEFF';
/** Quoted; a quote that never closes; plain. */
const CELL = /"((?:[^"]+|"")*)"(?!")|"|[^",\n]*?(?=\r?\n|[",]|$)/y;
const SEPARATOR = /,|\r?\n|$/y;

/**
 * Reads RFC 4180, whole and in memory, for samples and producers. Written independently of the app, so that each can be
 * held against the other. A row whose quotes are broken ends with its line, and the next line is a row again. Blank
 * lines are no rows.
 * @throws Error when there is no header, or a quote never closes
 */
export function readCsv(text: string): Csv {
  let header: readonly string[] | undefined;
  const rows: CsvRow[] = [];
  let line = 1;
  for (let at = text.startsWith(BOM) ? 1 : 0; at < text.length;) {
    const { cells, next } = readRow(text, at, line);
    const raw = text.slice(at, next).replace(/\r?\n$/, '');
    if (raw !== '') {
      if (!header && !cells) throw new Error('The header cannot be read.');
      if (!header) header = cells;
      else if (!cells) rows.push({ line, raw, fault: 'quote' });
      else if (cells.length !== header.length) rows.push({ line, raw, fault: 'cells' });
      else rows.push({ line, raw, cells });
    }
    line += text.slice(at, next).split('\n').length - 1;
    at = next;
  }
  if (!header) throw new Error('There is no header.');
  return { header, rows };
}

/** The cells of the row at `from`, none when its quotes are broken, and where the next row begins. */
function readRow(text: string, from: number, line: number): { cells?: string[]; next: number } {
  const cells: string[] = [];
  for (let at = from; ;) {
    const [cell, quoted] = match(CELL, text, at) ?? [''];
    if (cell === '"') throw new Error(`A quote opens in line ${line} and never closes.`);
    cells.push(quoted?.replaceAll('""', '"') ?? cell);
    at += cell.length;
    const [separator] = match(SEPARATOR, text, at) ?? [];
    if (separator === undefined) {
      const feed = text.indexOf('\n', at);
      return { next: feed === -1 ? text.length : feed + 1 };
    }
    at += separator.length;
    if (separator !== ',') return { cells, next: at };
  }
}

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/** One row of CSV, with quotes where RFC 4180 asks for them, without a line break. */
export function csvLine(cells: readonly (string | number)[]): string {
  return cells
    .map((cell) => String(cell))
    .map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell))
    .join(',');
}

/** The types that a schema gives each member of a record; none where it does not say. */
export type ColumnTypes = ReadonlyMap<string, readonly string[]>;

export function columnTypes({ properties }: DataSetSchema): ColumnTypes {
  return new Map(Object.entries(properties).map(([name, { type = [] }]) => [name, [type].flat()]));
}

/** RFC 8259, section 6. */
const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** The record of a row: cells become what their column's types allow, an empty one is left out. */
export function castRow(
  header: readonly string[],
  cells: readonly string[],
  types: ColumnTypes,
): Record<string, unknown> {
  return Object.fromEntries(
    header.flatMap((name, at): [string, unknown][] => {
      const cell = cells[at] ?? '';
      return cell === '' ? [] : [[name, castCell(cell, types.get(name) ?? [])]];
    }),
  );
}

function castCell(cell: string, types: readonly string[]): unknown {
  if (types.includes('string')) return cell;
  if ((types.includes('number') || types.includes('integer')) && JSON_NUMBER.test(cell)) return Number(cell);
  if (types.includes('boolean') && (cell === 'true' || cell === 'false')) return cell === 'true';
  return cell;
}

/**
 * The records of a CSV text by a data set's schema.
 * @throws Error naming the line of a row that cannot be read
 */
export function csvRecords(text: string, schema: DataSetSchema): Record<string, unknown>[] {
  const types = columnTypes(schema);
  const { header, rows } = readCsv(text);
  return rows.map((row) => {
    if ('cells' in row) return castRow(header, row.cells, types);
    throw new Error(`Line ${row.line} cannot be read: ${row.raw.slice(0, 100)}`);
  });
}
