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
const QUOTED = /"((?:[^"]+|"")*)"/y;
const PLAIN = /[^",\r\n]*/y;
const LINE_BREAK = /\r?\n/y;

/**
 * Reads RFC 4180 to the letter, whole and in memory, for samples and producers. Written independently of the app, so
 * that each can be held against the other. A row whose quotes are broken ends with its line (one whose quote never
 * closes with the text), and the next is read as if nothing had been.
 * @throws Error when there is no header
 */
export function readCsv(text: string): Csv {
  const rows: CsvRow[] = [];
  let at = text.startsWith(BOM) ? 1 : 0;
  let line = 1;
  while (at < text.length) {
    const { cells, end, next } = readRow(text, at);
    const raw = text.slice(at, end);
    const width = rows[0] && 'cells' in rows[0] ? rows[0].cells.length : undefined;
    if (!cells) rows.push({ line, raw, fault: 'quote' });
    else if (width !== undefined && cells.length !== width) rows.push({ line, raw, fault: 'cells' });
    else rows.push({ line, raw, cells });
    line += text.slice(at, next).split('\n').length - 1;
    at = next;
  }
  const [first, ...rest] = rows;
  if (!first || !('cells' in first)) throw new Error('The first line of a CSV text must be its header.');
  return { header: first.cells, rows: rest };
}

/** The cells of the row at `from`, its end, and where the next begins. */
function readRow(text: string, from: number): { cells?: string[]; end: number; next: number } {
  const cells: string[] = [];
  for (let at = from; ;) {
    const cell = readCell(text, at);
    if (!cell) return endOfLine(text, text.length);
    at = cell.end;
    cells.push(cell.value);
    const separator = text[at];
    if (separator === ',') at++;
    else if (separator === undefined) return { cells, end: at, next: at };
    else {
      LINE_BREAK.lastIndex = at;
      const found = LINE_BREAK.exec(text);
      if (!found) return endOfLine(text, at);
      return { cells, end: at, next: at + found[0].length };
    }
  }
}

function readCell(text: string, at: number): { value: string; end: number } | undefined {
  const pattern = text[at] === '"' ? QUOTED : PLAIN;
  pattern.lastIndex = at;
  const found = pattern.exec(text);
  return found
    ? { value: found[1]?.replaceAll('""', '"') ?? found[0], end: at + found[0].length }
    : undefined;
}

function endOfLine(text: string, at: number): { end: number; next: number } {
  const feed = text.indexOf('\n', at);
  if (feed === -1) return { end: text.length, next: text.length };
  return { end: text[feed - 1] === '\r' ? feed - 1 : feed, next: feed + 1 };
}

/** One row of CSV, with quotes where RFC 4180 asks for them, without a line break. */
export function csvLine(cells: readonly (string | number)[]): string {
  return cells
    .map((cell) => String(cell))
    .map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell))
    .join(',');
}

/** The types that a JSON Schema gives each member of a record. */
export type ColumnTypes = ReadonlyMap<string, readonly string[]>;

/** The types of the members of a schema; a member without types may have any. */
export function columnTypes(schema: object): ColumnTypes {
  const { properties = {} } = schema as { properties?: Record<string, { type?: string | string[] }> };
  return new Map(Object.entries(properties).map(([name, { type }]) => [name, type ? [type].flat() : []]));
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
