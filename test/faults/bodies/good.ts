import { createHash } from 'node:crypto';
import { product } from '../../../tools/lib/products';
import type { Random } from '../../../tools/lib/random';

/** How a body is written. `object`: one JSON object, as requests about subscriptions have. */
export type Format = 'json' | 'ndjson' | 'csv' | 'object';

export type Value = null | boolean | number | string | Value[] | { [name: string]: Value };
export type Members = { [name: string]: Value };

/** What a body is made of before it is spoilt. */
export interface Good {
  readonly format: Format;
  /** The data set that its records are for. */
  readonly dataset: string;
  /** Records of one body have keys that no other body has, whatever single bits are changed. */
  readonly tag: string;
  readonly records: readonly Members[];
}

/** Text that goes wrong wherever bytes are taken for characters, or quotes are not doubled. */
const TEXTS = [
  'Ärende 5 – öppet',
  '日本語のテキスト',
  'emoji 👩‍👩‍👧 and 🇸🇪',
  'a "quoted" word',
  'two\nlines',
  'back\\slash, comma; tab\t',
  'plain',
  '',
] as const;

/** The first part of every key of the body with this number. */
export function tagOf(seed: number, number: number): string {
  return createHash('sha256').update(`${seed}/${number}`).digest('hex').slice(0, 12);
}

/** Records of the data set `notes`, which takes any further member. */
export function notes(tag: string, count: number, random: Random): Members[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `${tag}-${index}`,
    title: random.pick(TEXTS),
    amount: random.integer(-1000, 1000) / 4,
    count: random.integer(0, 9),
    flag: random.next() < 0.5,
    tags: [random.pick(TEXTS), 'b'],
    nested: { a: { b: [1, null, random.pick(TEXTS)] } },
  }));
}

/** Records of the data set `products`, whose schema allows no further member. */
export function someProducts(number: number, count: number, random: Random): Members[] {
  return Array.from({ length: count }, (_, index) => {
    const updatedAt = new Date(Date.UTC(2026, 0, 5) + random.integer(0, 86_400_000)).toISOString();
    return product({ seed: 7, number: number * 10 + index, updatedAt }) as unknown as Members;
  });
}

/** The columns of the data set `rows`, which takes further ones. */
export const COLUMNS = ['id', 'at', 'text', 'amount', 'count', 'flag', 'note'] as const;

/** Records of the data set `rows`. An empty cell stands for no member, so no text is empty. */
export function rows(tag: string, count: number, random: Random): Members[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `${tag}-${index}`,
    at: new Date(Date.UTC(2026, 0, 5) + random.integer(0, 86_400_000)).toISOString(),
    text: random.pick(TEXTS) || 'some, text',
    amount: random.integer(-1000, 1000) / 4,
    count: random.integer(0, 9),
    flag: random.next() < 0.5,
    ...(random.next() < 0.5 ? { note: random.pick(TEXTS) || '"' } : {}),
  }));
}

/** A cell as RFC 4180 has it, quoted only if it must be. */
export function cell(value: Value | undefined): string {
  const text = typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export const lineOf = (cells: readonly string[]): string => cells.join(',');

/** The lines of a CSV body, the header first. */
export function csvLines(records: readonly Members[], columns: readonly string[] = COLUMNS): string[] {
  return [lineOf(columns), ...records.map((record) => lineOf(columns.map((column) => cell(record[column]))))];
}

/** Each record of a body as text: of JSON formats an element, of CSV a line. */
export function elementsOf({ format, records }: Good): string[] {
  return format === 'csv' ? csvLines(records).slice(1) : records.map((record) => JSON.stringify(record));
}

/** A body of these elements. */
export function joined(format: Format, elements: readonly string[]): Buffer {
  if (format === 'json') return Buffer.from(`[\n${elements.join(',\n')}\n]`);
  if (format === 'object') return Buffer.from(elements[0] ?? '');
  return Buffer.from((format === 'csv' ? [lineOf(COLUMNS), ...elements] : elements).join('\n') + '\n');
}

/** The body as a well-behaved producer sends it. */
export function bytesOf(good: Good): Buffer {
  return joined(good.format, elementsOf(good));
}
