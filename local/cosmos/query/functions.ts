import { isJsonObject } from '../partition-key';
import { ARRAY_FUNCTIONS } from './array-functions';
import { DATE_FUNCTIONS } from './date-functions';
import { isArray, isNumber, isString, type SqlFunction } from './function-types';
import { MATH_FUNCTIONS } from './math-functions';
import { SPATIAL_FUNCTIONS } from './spatial-functions';
import { TEXT_FUNCTIONS } from './text-functions';
import type { Value } from './values';

const typeTest =
  (test: (value: Value) => boolean): SqlFunction =>
  ([value]) =>
    test(value);

const isPrimitive = (value: Value): boolean =>
  value !== undefined && (value === null || typeof value !== 'object');

/** Of 64 bits; a number just beyond cannot be told from the last one within. */
const isInteger = (value: Value): boolean => Number.isInteger(value) && Math.abs(value as number) <= 2 ** 63;

/**
 * The built-in functions (https://learn.microsoft.com/cosmos-db/query/functions) by their names in capitals; aggregates
 * are not among them.
 */
export const FUNCTIONS: Readonly<Record<string, SqlFunction>> = {
  ...MATH_FUNCTIONS,
  ...TEXT_FUNCTIONS,
  ...ARRAY_FUNCTIONS,
  ...DATE_FUNCTIONS,
  ...SPATIAL_FUNCTIONS,

  IS_DEFINED: typeTest((x) => x !== undefined),
  IS_NULL: typeTest((x) => x === null),
  IS_BOOL: typeTest((x) => typeof x === 'boolean'),
  IS_NUMBER: typeTest(isNumber),
  IS_FINITE_NUMBER: typeTest((x) => isNumber(x) && Number.isFinite(x)),
  IS_INTEGER: typeTest(isInteger),
  IS_STRING: typeTest(isString),
  IS_ARRAY: typeTest(isArray),
  IS_OBJECT: typeTest(isJsonObject),
  IS_PRIMITIVE: typeTest(isPrimitive),

  IIF: ([condition, then, otherwise]) => (condition === true ? then : otherwise),
  CHOOSE: ([index, ...values]) => (isNumber(index) ? values[index - 1] : undefined),
};

/** Functions of the service that are not among these. */
export const MISSING_FUNCTIONS: ReadonlySet<string> = new Set([
  'REGEXMATCH',
  'DOCUMENTID',
  'DATETIMEFORMAT',
  'ST_AREA',
  'ST_INTERSECTS',
  'ST_ISVALID',
  'ST_ISVALIDDETAILED',
  'ST_WITHIN',
  'VECTORDISTANCE',
  'FULLTEXTCONTAINS',
  'FULLTEXTCONTAINSALL',
  'FULLTEXTCONTAINSANY',
  'FULLTEXTSCORE',
  'RRF',
]);
