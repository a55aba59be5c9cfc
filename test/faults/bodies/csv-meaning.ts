import { isUtf8 } from 'node:buffer';
import { holds, refused, type Expected, type Limits, type Meaning } from './expected';
import type { Members } from './good';

/** What becomes of a cell of these columns of `rows`; all others keep their text. */
const TYPES: Readonly<Record<string, 'number' | 'integer' | 'boolean'>> = {
  amount: 'number',
  count: 'integer',
  flag: 'boolean',
};

/** https://www.rfc-editor.org/rfc/rfc8259#section-6 */
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** What a CSV body says: RFC 4180 to the letter, and whatever is not in it is left open. */
export function csvMeaning(bytes: Buffer, limits: Limits): Meaning {
  if (!isUtf8(bytes)) return refused('malformed-body', 'batch-too-large');
  const text = bytes.toString('utf8').replace(/^\ufeff/, '');
  if (text.trim() === '') return refused('malformed-body', 'empty-batch');
  const lines = linesOf(text);
  // Where a broken quote ends, and whether a blank line is a record, the documentation does not say.
  if (!lines) return { refusals: ['malformed-body', 'batch-too-large', 'empty-batch'], records: 'unknown' };
  const [names = [], ...rest] = lines;
  if (rest.length > limits.records) return refused('batch-too-large', 'malformed-body');
  const isPlain =
    names.every((name) => name !== '' && name === name.trim()) && new Set(names).size === names.length;
  if (!isPlain) return { refusals: ['malformed-body', 'empty-batch'], records: 'unknown' };
  if (rest.length === 0) return refused('empty-batch', 'malformed-body');
  const records = rest.map((cells) => recordOf(names, cells));
  const isOdd = names.some((name) => name in {} || name.length > 1000) || names.length > 1000;
  return isOdd ? { refusals: ['malformed-body'], records } : holds(records);
}

function recordOf(names: readonly string[], cells: readonly string[]): Expected {
  if (cells.length !== names.length) return {};
  const members = names.flatMap((name, at): [string, Members[string]][] => {
    const text = cells[at] ?? '';
    return text === '' ? [] : [[name, cast(Object.hasOwn(TYPES, name) ? TYPES[name] : undefined, text)]];
  });
  // As entries: `__proto__` is a name like any other.
  return { value: Object.fromEntries(members) };
}

function cast(type: 'number' | 'integer' | 'boolean' | undefined, text: string): boolean | number | string {
  if (type === 'boolean') return text === 'true' ? true : text === 'false' ? false : text;
  if (!type || !NUMBER.test(text)) return text;
  const value = Number(text);
  // Infinity could not be written again.
  return Number.isFinite(value) && (type === 'number' || Number.isInteger(value)) ? value : text;
}

/** The cells of each line, or undefined when a quote is not where it may be or a line is blank. */
function linesOf(text: string): string[][] | undefined {
  const lines: string[][] = [];
  let cells: string[] = [];
  let at = 0;
  while (at < text.length) {
    const cell = text[at] === '"' ? quoted(text, at) : unquoted(text, at);
    if (!cell) return undefined;
    cells.push(cell.text);
    at = cell.end;
    if (text[at] === ',') {
      at++;
      if (at < text.length) continue;
      cells.push('');
    }
    if (text[at] === '\r') at++;
    at++;
    if (cells.length === 1 && cells[0] === '' && cell.isPlain) return undefined;
    lines.push(cells);
    cells = [];
  }
  return lines;
}

interface Cell {
  readonly text: string;
  /** Where the comma or the line's end is. */
  readonly end: number;
  readonly isPlain: boolean;
}

const isEnd = (text: string, at: number): boolean =>
  at >= text.length || text[at] === ',' || text[at] === '\n' || text.startsWith('\r\n', at);

function quoted(text: string, start: number): Cell | undefined {
  for (let at = start + 1; ; at += 2) {
    at = text.indexOf('"', at);
    if (at === -1) return undefined;
    if (text[at + 1] === '"') continue;
    return isEnd(text, at + 1)
      ? { text: text.slice(start + 1, at).replaceAll('""', '"'), end: at + 1, isPlain: false }
      : undefined;
  }
}

function unquoted(text: string, start: number): Cell | undefined {
  let end = start;
  while (!isEnd(text, end)) {
    // A lone carriage return ends a line for some.
    if (text[end] === '"' || text[end] === '\r') return undefined;
    end++;
  }
  return { text: text.slice(start, end), end, isPlain: true };
}
