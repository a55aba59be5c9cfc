import { DEFAULT_GROUPS, product, productId } from '../products';
import { mixSeed, random } from '../random';

/** The data sets whose records can be made one by one. */
export const LOADED = ['products'] as const;

/** Which record of a load is which; all follows from its number, so that whoever knows the options knows the records. */
export interface LoadRecords {
  /** Number of the key, below `ids`. */
  numberOf(index: number): number;
  /** The key itself. */
  keyOf(index: number): string;
  /** ms since the epoch, in whole ms */
  eventTimeOf(index: number): number;
  /** The record as JSON. */
  bodyOf(index: number): string;
}

export interface LoadRecordsOptions {
  readonly seed: number;
  readonly ids: number;
  readonly rate: number;
  /** When the first record is due, ms since the epoch. */
  readonly begin: number;
}

/**
 * Products of about 1.2 KB with text in several scripts, of random keys in 2,000 groups. Each differs from all earlier
 * ones of its key in price or text, and its event time is the moment at which it is due.
 */
export function productRecords({ seed, ids, rate, begin }: LoadRecordsOptions): LoadRecords {
  const numberOf = (index: number): number => random(mixSeed(seed, index)).integer(0, ids - 1);
  const eventTimeOf = (index: number): number => Math.floor(begin + (index * 1_000) / rate);
  return {
    numberOf,
    eventTimeOf,
    keyOf: (index) => productId(numberOf(index)),
    bodyOf: (index) =>
      JSON.stringify(
        product({
          seed,
          number: numberOf(index),
          groups: DEFAULT_GROUPS,
          revision: index,
          updatedAt: new Date(eventTimeOf(index)).toISOString(),
        }),
      ),
  };
}
