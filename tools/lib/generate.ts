import { flights } from './flights';
import { orders } from './orders';
import { DEFAULT_FROM, DEFAULT_INTERVAL_MS, products } from './products';
import { tweets, type TweetOptions } from './tweets';

export interface GenerateOptions {
  readonly seed: number;
  /** Without end when it is left out. */
  readonly count?: number;
  /** Number of the first record, to give several producers ranges of their own. */
  readonly first?: number;
  /** How many different keys there are, in the data sets whose records come again: products and flights. */
  readonly keys?: number;
  /** Only tweets have images. */
  readonly images?: TweetOptions['images'];
}

const GENERATORS = {
  products: ({ keys, first = 0, count = Infinity, seed }) =>
    products({
      seed,
      count,
      firstId: first,
      // So that a record is the same whether a producer begins with it or comes to it.
      from: new Date(Date.parse(DEFAULT_FROM) + first * DEFAULT_INTERVAL_MS).toISOString(),
      ...(keys === undefined ? {} : { ids: keys }),
    }),
  tweets: (options) => tweets(options),
  flights: ({ keys, ...options }) =>
    flights({ ...options, ...(keys === undefined ? {} : { aircraft: keys }) }),
  orders: (options) => orders(options),
} as const satisfies Record<string, (options: GenerateOptions) => Generator<object>>;

export type GeneratedDataSet = keyof typeof GENERATORS;

/** The data sets that {@link records} can make. */
export const GENERATED = Object.keys(GENERATORS) as readonly GeneratedDataSet[];

export function isGenerated(dataset: string): dataset is GeneratedDataSet {
  return Object.hasOwn(GENERATORS, dataset);
}

/** Valid records of a data set, the same for the same options; lazy, so that a million of them need no memory. */
export function records(dataset: GeneratedDataSet, options: GenerateOptions): Generator<object> {
  return GENERATORS[dataset](options);
}
