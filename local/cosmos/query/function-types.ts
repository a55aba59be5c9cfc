import type { Value } from './values';

/** A built-in function of the query language; `clock` gives milliseconds since the epoch. */
export type SqlFunction = (args: readonly Value[], clock: () => number) => Value;

export const isString = (value: Value): value is string => typeof value === 'string';
export const isNumber = (value: Value): value is number => typeof value === 'number';
export const isArray = (value: Value): value is Value[] => Array.isArray(value);
