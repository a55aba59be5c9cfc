import type { BinaryOperator } from './ast';
import { joined } from './text-functions';
import { compareValues, equalValues, type Value } from './values';

function compareWith(test: (order: number) => boolean): (a: Value, b: Value) => Value {
  return (a, b) => {
    // Values of different types, and objects, have no order in a comparison.
    if (typeof a !== typeof b || a === undefined || b === undefined) return undefined;
    if (typeof a === 'object' && (a !== null || b !== null)) return undefined;
    return test(compareValues(a, b));
  };
}

function arithmetic(compute: (a: number, b: number) => number): (a: Value, b: Value) => Value {
  return (a, b) => {
    if (typeof a !== 'number' || typeof b !== 'number') return undefined;
    const result = compute(a, b);
    return Number.isFinite(result) ? result : undefined;
  };
}

/** Operators that need the values of both sides only; what they make no sense of is undefined. */
export const OPERATORS: Record<
  Exclude<BinaryOperator, 'AND' | 'OR' | '??'>,
  (a: Value, b: Value) => Value
> = {
  '=': (a, b) => (a === undefined || b === undefined ? undefined : equalValues(a, b)),
  '!=': (a, b) => (a === undefined || b === undefined ? undefined : !equalValues(a, b)),
  '<': compareWith((order) => order < 0),
  '<=': compareWith((order) => order <= 0),
  '>': compareWith((order) => order > 0),
  '>=': compareWith((order) => order >= 0),
  '||': (a, b) => (typeof a === 'string' && typeof b === 'string' ? joined([a, b], '') : undefined),
  '+': arithmetic((a, b) => a + b),
  '-': arithmetic((a, b) => a - b),
  '*': arithmetic((a, b) => a * b),
  '/': arithmetic((a, b) => a / b),
  '%': arithmetic((a, b) => a % b),
  '&': arithmetic((a, b) => a & b),
  '|': arithmetic((a, b) => a | b),
  '^': arithmetic((a, b) => a ^ b),
  '<<': arithmetic((a, b) => a << b),
  '>>': arithmetic((a, b) => a >> b),
  '>>>': arithmetic((a, b) => a >>> b),
};
