import { products } from '../products';

/** What decides the records that are made: the same for the same seed. */
export interface GeneratorOptions {
  readonly seed: number;
  readonly count: number;
}

const GENERATORS: Readonly<Record<string, (options: GeneratorOptions) => Iterable<object>>> = { products };

/** The data sets that records can be made for. */
export const GENERATED = Object.keys(GENERATORS);

/** Valid records of a data set, or undefined when nobody knows how to make them. Lazy. */
export function generated(dataset: string, options: GeneratorOptions): Iterable<object> | undefined {
  return Object.hasOwn(GENERATORS, dataset) ? GENERATORS[dataset]?.(options) : undefined;
}
