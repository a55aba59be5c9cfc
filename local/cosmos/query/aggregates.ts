import { isNumber } from './function-types';
import { compareValues, type Value } from './values';

export type AggregateName = 'COUNT' | 'SUM' | 'AVG' | 'MIN' | 'MAX';

export const AGGREGATES: ReadonlySet<string> = new Set<AggregateName>(['COUNT', 'SUM', 'AVG', 'MIN', 'MAX']);

/** Adds up one aggregate over the rows of a group. */
export interface Accumulator {
  add(value: Value): void;
  result(): Value;
}

/** A value of a wrong type makes SUM and AVG undefined; missing values do not count. */
export function createAccumulator(name: AggregateName): Accumulator {
  let count = 0;
  let sum: number | undefined = 0;
  let best: Value;
  const keepBest = (sign: 1 | -1) => ({
    add(value: Value) {
      if (value === undefined) return;
      if (count++ === 0 || sign * compareValues(value, best) > 0) best = value;
    },
    result: () => best,
  });
  const addNumber = (value: Value): void => {
    if (value === undefined) return;
    count++;
    sum = isNumber(value) && sum !== undefined ? sum + value : undefined;
  };
  switch (name) {
    case 'COUNT':
      return { add: (value) => void (value === undefined || count++), result: () => count };
    case 'SUM':
      return { add: addNumber, result: () => sum };
    case 'AVG':
      return { add: addNumber, result: () => (count === 0 || sum === undefined ? undefined : sum / count) };
    case 'MIN':
      return keepBest(-1);
    case 'MAX':
      return keepBest(1);
    default:
      return name satisfies never;
  }
}
