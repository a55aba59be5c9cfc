import { isObject, type Json, type JsonObject } from '../../json';
import { BOM, MalformedBody, MAX_RAW_RECORD_BYTES, TOO_LONG, type Emit, type Framer } from './raw';

/** How the text of a cell becomes a value. */
export type CellType = 'text' | 'number' | 'boolean';

/** The grammar of JSON numbers (RFC 8259, section 6). */
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** Wider tables are no records. */
const MAX_COLUMNS = 1_000;

const QUOTE = 0x22;
const COMMA = 0x2c;
const LF = 0x0a;
const CR = 0x0d;

/** What a column's values are, by the schema of a record: text, wherever the schema allows a string or does not say. */
export function cellType(schema: JsonObject, column: string): CellType {
  const { properties } = schema;
  const property = isObject(properties) && Object.hasOwn(properties, column) ? properties[column] : undefined;
  if (!isObject(property)) return 'text';
  const { type } = property;
  const types = Array.isArray(type) ? type : [type];
  if (types.includes('string')) return 'text';
  if (types.includes('number') || types.includes('integer')) return 'number';
  return types.includes('boolean') ? 'boolean' : 'text';
}

/** The value of a cell. What is not of its column's type stays text: the schema refuses it then, and says why. */
function valueOf(text: string, type: CellType): Json {
  if (type === 'number' && NUMBER.test(text)) {
    const value = Number(text);
    return Number.isFinite(value) ? value : text;
  }
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}

/** A row as it was scanned. */
interface Row {
  readonly cells: readonly string[];
  /** Where the next row begins. */
  readonly next: number;
  /** Line feeds in it. */
  readonly lines: number;
  readonly fault?: string;
}

/**
 * CSV with a header line (RFC 4180): commas, quotes doubled inside of quotes, LF or CRLF. An empty cell is a member
 * that is left out; a blank line is no row.
 *
 * Our own reader, since every row has to be accounted for: a row with a broken quote or with too many or too few
 * cells becomes a record with a fault and its line, and the next line is a row again. Only a quote that is never
 * closed cannot be got over: where its row ends is unknown.
 */
export class CsvFramer implements Framer {
  private readonly decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  private header: { readonly names: readonly string[]; readonly types: readonly CellType[] } | undefined;
  /** What is not framed yet. */
  private text = '';
  /** The 1-based line in which `text` begins. */
  private line = 1;
  private records = 0;
  private first = true;
  /** An unfinished row is scanned again only when there is twice as much of it: pieces may be small. */
  private enough = 0;

  /** @param schema of a record: it says what the columns' types are */
  constructor(
    private readonly schema: JsonObject,
    private readonly emit: Emit,
  ) {}

  write(piece: Buffer): void {
    this.add(piece);
    if (this.text.length < this.enough) return;
    this.scan(false);
    this.enough = this.text.length * 2;
    if (this.text.length > MAX_RAW_RECORD_BYTES) throw this.fault(TOO_LONG);
  }

  end(): void {
    this.add(undefined);
    this.scan(true);
  }

  private fault(reason: string): MalformedBody {
    return new MalformedBody({ reason, line: this.line, ...(this.header ? { record: this.records } : {}) });
  }

  private add(piece: Buffer | undefined): void {
    let text: string;
    try {
      text = piece ? this.decoder.decode(piece, { stream: true }) : this.decoder.decode();
    } catch {
      this.scan(false);
      throw this.fault('The body is not valid UTF-8 in this line or soon after it.');
    }
    if (this.first && text !== '') {
      this.first = false;
      if (text.startsWith(BOM)) text = text.slice(1);
    }
    this.text += text;
  }

  /** Takes the complete rows; at the end, what is left is one. */
  private scan(atEnd: boolean): void {
    let at = 0;
    while (at < this.text.length) {
      const row = scanRow(this.text, at, atEnd);
      if (row === 'incomplete') break;
      if (row === 'unclosed') throw this.fault('A quote is opened in this row and never closed.');
      const { text } = this;
      this.take(row, () => text.slice(at, row.next).replace(/\r?\n$/, ''));
      at = row.next;
      this.line += row.lines;
    }
    this.text = this.text.slice(at);
  }

  private take(row: Row, raw: () => string): void {
    const { cells, fault } = row;
    const [only] = cells;
    if (cells.length === 1 && only === '' && fault === undefined && raw() === '') return;
    if (!this.header) {
      this.readHeader(cells, fault);
      return;
    }
    const { names } = this.header;
    const wrong =
      fault ??
      (cells.length === names.length
        ? undefined
        : `The row has ${cells.length} cells, the header ${names.length}.`);
    const { line } = this;
    if (wrong === undefined) this.emit({ record: this.recordOf(cells), line });
    else this.emit({ record: raw().toWellFormed(), line, fault: wrong });
    this.records++;
  }

  private readHeader(cells: readonly string[], fault: string | undefined): void {
    if (fault !== undefined) throw this.fault(`The header cannot be read. ${fault}`);
    const names = cells.map((cell) => cell.trim());
    if (names.includes('')) throw this.fault('The header has a column without a name.');
    const twice = names.find((name, at) => names.indexOf(name) !== at);
    if (twice !== undefined)
      throw this.fault(`The header has the column "${twice.slice(0, 100)}" more than once.`);
    this.header = { names, types: names.map((name) => cellType(this.schema, name)) };
  }

  private recordOf(cells: readonly string[]): JsonObject {
    const { names, types } = this.header ?? { names: [], types: [] };
    const record: JsonObject = {};
    names.forEach((name, at) => {
      const text = cells[at] ?? '';
      if (text === '') return;
      const value = valueOf(text, types[at] ?? 'text');
      // An assignment to this name would set the prototype.
      if (name === '__proto__') Object.defineProperty(record, name, { value, enumerable: true });
      else record[name] = value;
    });
    return record;
  }
}

const TOO_WIDE = `It has more than ${MAX_COLUMNS} cells.`;
const BROKEN_QUOTE = 'A quote stands inside a cell. A cell with quotes has to be quoted, its quotes doubled.';

/**
 * Scans the row that begins at `start`. After a broken quote the row ends with its line.
 * @param atEnd nothing follows the text
 */
function scanRow(text: string, start: number, atEnd: boolean): Row | 'incomplete' | 'unclosed' {
  const cells: string[] = [];
  let lines = 0;
  for (let at = start; ;) {
    let cell: string;
    if (text.charCodeAt(at) === QUOTE) {
      const end = endOfQuoted(text, at);
      if (end === -1) return atEnd ? 'unclosed' : 'incomplete';
      // Whether a quote at the very end is the first of two, or a CR there belongs to a line end, is not known yet.
      if (!atEnd && end + 2 > text.length - 1) return 'incomplete';
      cell = text.slice(at + 1, end);
      if (cell.includes('"')) cell = cell.replaceAll('""', '"');
      lines += count(cell);
      at = end + 1;
      if (!isCellEnd(text, at)) return restOfLine(text, at, BROKEN_QUOTE, { cells, lines, atEnd });
    } else {
      const end = endOfPlain(text, at);
      if (end === text.length && !atEnd) return 'incomplete';
      if (text.charCodeAt(end) === QUOTE) return restOfLine(text, end, BROKEN_QUOTE, { cells, lines, atEnd });
      const cr = text.charCodeAt(end) === LF && end > at && text.charCodeAt(end - 1) === CR;
      cell = text.slice(at, cr ? end - 1 : end);
      at = cr ? end - 1 : end;
    }
    cells.push(cell);
    if (cells.length > MAX_COLUMNS) return restOfLine(text, at, TOO_WIDE, { cells, lines, atEnd });
    const code = text.charCodeAt(at);
    if (code !== COMMA) {
      const next = Math.min(text.length, at + (code === CR ? 2 : 1));
      return { cells, next, lines: lines + (at < text.length ? 1 : 0) };
    }
    at++;
  }
}

/** The place of the quote that closes the one at `start`; doubled ones do not. -1: there is none. */
function endOfQuoted(text: string, start: number): number {
  for (let at = start + 1; ; at += 2) {
    at = text.indexOf('"', at);
    if (at === -1 || text.charCodeAt(at + 1) !== QUOTE) return at;
  }
}

/** The place of what ends or breaks a cell without quotes. */
function endOfPlain(text: string, start: number): number {
  let at = start;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === COMMA || code === LF || code === QUOTE) break;
  }
  return at;
}

function isCellEnd(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return (
    at >= text.length || code === COMMA || code === LF || (code === CR && text.charCodeAt(at + 1) === LF)
  );
}

/** A row with a fault: whatever comes of its line. */
function restOfLine(
  text: string,
  at: number,
  fault: string,
  { cells, lines, atEnd }: { cells: readonly string[]; lines: number; atEnd: boolean },
): Row | 'incomplete' {
  const end = text.indexOf('\n', at);
  if (end === -1 && !atEnd) return 'incomplete';
  const next = end === -1 ? text.length : end + 1;
  return { cells, next, lines: lines + (end === -1 ? 0 : 1), fault };
}

function count(text: string): number {
  let lines = 0;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) lines++;
  return lines;
}
