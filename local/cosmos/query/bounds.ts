import { QueryError } from './lexer';

/**
 * How much a query may make out of what it reads. The service ends a query that costs too much, and goes on with it at the
 * next page; here a text of a few lines must not be able to take all memory, or the process for ever.
 */

/** Characters of a string: those of the largest item. What would be longer is undefined. */
export const MAX_STRING = 2 * 1024 * 1024;
/** Rows that FROM and JOIN make of one item: they are in memory together. */
const MAX_ROWS_OF_ITEM = 500_000;
/** Rows that FROM and JOIN make for one page. */
const MAX_ROWS = 50_000_000;
/** Parts of one list or object that a query builds, and of the lists and objects in it. */
const MAX_PARTS = 1_000_000;
/** Characters of a value that is compared, grouped or made unique. */
export const MAX_CANONICAL = 64 * 1024 * 1024;

/** What a page has used up. */
export interface Used {
  rows: number;
}

/** Notes that `made` rows were made; `together` are in memory. @throws QueryError beyond the bounds */
export function useRows(used: Used, made: number, together: number): void {
  used.rows += made;
  if (together > MAX_ROWS_OF_ITEM || used.rows > MAX_ROWS)
    throw new QueryError('The query makes too many rows: its FROM multiplies them.');
}

const parts = new WeakMap<object, number>();

/**
 * Counts a value that a query has built, along with those built before that are in it: what is named twice at each of
 * many levels is small in memory, and without end when it is written out.
 *
 * @throws QueryError beyond the bounds
 */
export function built<T>(value: T): T {
  if (typeof value !== 'object' || value === null || parts.has(value)) return value;
  const held: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
  let count = held.length;
  for (const part of held) if (typeof part === 'object' && part !== null) count += parts.get(part) ?? 0;
  if (count > MAX_PARTS) throw new QueryError('The query builds a value that is too large.');
  parts.set(value, count);
  return value;
}

/** @throws QueryError when lists of so many elements together are too long for one */
export function checkLength(elements: number): void {
  if (elements > MAX_PARTS) throw new QueryError('The query builds a value that is too large.');
}
