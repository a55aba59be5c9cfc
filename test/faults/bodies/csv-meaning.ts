import { isUtf8 } from 'node:buffer';
import { holds, refused, type Expected, type Limits, type Meaning } from './expected';
import type { Members } from './good';

/** What becomes of a cell of these columns of `rows`; all others keep their text. */
const TYPES: Readonly<Record<string, 'number' | 'boolean'>> = {
  amount: 'number',
  count: 'number',
  flag: 'boolean',
};

/** What is wider is no record. */
const MAX_COLUMNS = 1000;

/** https://www.rfc-editor.org/rfc/rfc8259#section-6 */
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/**
 * What a CSV body says: RFC 4180, the first line is the header, an empty cell is no member, a blank line no row. A row with a
 * quote in the wrong place ends with its line.
 */
export function csvMeaning(bytes: Buffer, limits: Limits): Meaning {
  if (!isUtf8(bytes)) return refused('malformed-body');
  const text = bytes.toString('utf8').replace(/^\ufeff/, '');
  const records: Expected[] = [];
  let names: readonly string[] | undefined;
  let line = 1;
  for (let at = 0, next = 0; at < text.length; at = next) {
    const row = rowAt(text, at);
    if (!row) return refused('malformed-body');
    next = row.next;
    const whole = text.slice(at, next);
    const raw = whole.replace(/\r?\n$/, '');
    if (raw !== '' && !names) {
      names = row.cells.map((name) => name.trim());
      const isWrong = row.isBroken || names.includes('') || new Set(names).size < names.length;
      if (isWrong) return refused('malformed-body');
    } else if (raw !== '' && names) {
      const isRecord = !row.isBroken && row.cells.length === names.length;
      records.push(isRecord ? { value: valueOf(names, row.cells), line } : { text: raw, line });
      if (records.length > limits.records) return refused('batch-too-large');
    }
    line += whole.split('\n').length - 1;
  }
  return records.length === 0 ? refused('empty-batch') : holds(records);
}

function valueOf(names: readonly string[], cells: readonly string[]): Members {
  const members = names.flatMap((name, at): [string, Members[string]][] => {
    const text = cells[at] ?? '';
    return text === '' ? [] : [[name, cast(Object.hasOwn(TYPES, name) ? TYPES[name] : undefined, text)]];
  });
  // As entries: `__proto__` is a name like any other.
  return Object.fromEntries(members);
}

function cast(type: 'number' | 'boolean' | undefined, text: string): boolean | number | string {
  if (type === 'boolean') return text === 'true' ? true : text === 'false' ? false : text;
  if (!type || !NUMBER.test(text)) return text;
  const value = Number(text);
  // Infinity could not be written again.
  return Number.isFinite(value) ? value : text;
}

interface Row {
  readonly cells: readonly string[];
  readonly isBroken: boolean;
  /** Where the next one begins. */
  readonly next: number;
}

/** The row that begins at `start`, or undefined when a quote in it is never closed. */
function rowAt(text: string, start: number): Row | undefined {
  const cells: string[] = [];
  for (let at = start; ; at++) {
    const cell = text[at] === '"' ? quoted(text, at) : unquoted(text, at);
    if (!cell) return undefined;
    cells.push(cell.text);
    at = cell.end;
    const isBroken = !isEnd(text, at) || cells.length > MAX_COLUMNS;
    if (!isBroken && text[at] === ',') continue;
    const end = text.indexOf('\n', at);
    return { cells, isBroken, next: end === -1 ? text.length : end + 1 };
  }
}

interface Cell {
  readonly text: string;
  /** Where the comma or the line's end is, or what should not be there. */
  readonly end: number;
}

const isEnd = (text: string, at: number): boolean =>
  at >= text.length || text[at] === ',' || text[at] === '\n' || text.startsWith('\r\n', at);

function quoted(text: string, start: number): Cell | undefined {
  for (let at = start + 1; ; at += 2) {
    at = text.indexOf('"', at);
    if (at === -1) return undefined;
    if (text[at + 1] !== '"') return { text: text.slice(start + 1, at).replaceAll('""', '"'), end: at + 1 };
  }
}

function unquoted(text: string, start: number): Cell {
  let end = start;
  while (!isEnd(text, end) && text[end] !== '"') end++;
  return { text: text.slice(start, end), end };
}
