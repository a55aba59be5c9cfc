import { isNumber, type SqlFunction } from './function-types';
import type { Value } from './values';

/** What is no number at all (a division by zero, a root of -1) is undefined in the language. */
const finite = (value: number): Value => (Number.isFinite(value) ? value : undefined);

const math =
  (compute: (x: number) => number): SqlFunction =>
  ([x]) =>
    isNumber(x) ? finite(compute(x)) : undefined;

const math2 =
  (compute: (x: number, y: number) => number): SqlFunction =>
  ([x, y]) =>
    isNumber(x) && isNumber(y) ? finite(compute(x, y)) : undefined;

/** On whole numbers only. */
const whole =
  (compute: (x: number, y: number) => number): SqlFunction =>
  ([x, y]) =>
    Number.isInteger(x) && Number.isInteger(y) ? finite(compute(x as number, y as number)) : undefined;

/** On integers of 64 bits. */
const bits =
  (compute: (x: bigint, y: bigint) => bigint): SqlFunction =>
  ([x, y]) =>
    Number.isSafeInteger(x) && Number.isSafeInteger(y)
      ? Number(BigInt.asIntN(64, compute(BigInt(x as number), BigInt(y as number))))
      : undefined;

/** Rounds half away from zero; `digits` decimals. */
function round(x: number, digits: number): number {
  const factor = 10 ** digits;
  return (Math.sign(x) * Math.round(Math.abs(x) * factor)) / factor;
}

/** Of the bases that have a logarithm of their own the result is exact. */
function logarithm(x: number, base: Value): number {
  if (base === 10) return Math.log10(x);
  if (base === 2) return Math.log2(x);
  return isNumber(base) ? Math.log(x) / Math.log(base) : Math.log(x);
}

export const MATH_FUNCTIONS: Readonly<Record<string, SqlFunction>> = {
  ABS: math(Math.abs),
  CEILING: math(Math.ceil),
  FLOOR: math(Math.floor),
  ROUND: ([x, digits]) => (isNumber(x) ? finite(round(x, isNumber(digits) ? digits : 0)) : undefined),
  TRUNC: math(Math.trunc),
  SIGN: math(Math.sign),
  SQRT: math(Math.sqrt),
  SQUARE: math((x) => x * x),
  EXP: math(Math.exp),
  LOG: ([x, base]) => (isNumber(x) ? finite(logarithm(x, base)) : undefined),
  LOG10: math(Math.log10),
  POWER: math2(Math.pow),
  SIN: math(Math.sin),
  COS: math(Math.cos),
  TAN: math(Math.tan),
  ASIN: math(Math.asin),
  ACOS: math(Math.acos),
  ATAN: math(Math.atan),
  ATN2: math2(Math.atan2),
  PI: () => Math.PI,
  DEGREES: math((x) => (x * 180) / Math.PI),
  RADIANS: math((x) => (x * Math.PI) / 180),
  COT: math((x) => 1 / Math.tan(x)),
  RAND: () => Math.random(),
  NUMBERBIN: ([x, size = 1]) =>
    isNumber(x) && isNumber(size) ? finite(Math.floor(x / size) * size) : undefined,
  INTBITAND: bits((x, y) => x & y),
  INTBITOR: bits((x, y) => x | y),
  INTBITXOR: bits((x, y) => x ^ y),
  INTBITNOT: ([x]) => (Number.isSafeInteger(x) ? -1 - (x as number) : undefined),
  INTBITLEFTSHIFT: bits((x, y) => x << (y & 63n)),
  INTBITRIGHTSHIFT: bits((x, y) => x >> (y & 63n)),
  INTADD: whole((x, y) => x + y),
  INTSUB: whole((x, y) => x - y),
  INTMUL: whole((x, y) => x * y),
  INTDIV: whole((x, y) => Math.trunc(x / y)),
  INTMOD: whole((x, y) => x % y),
};
