import { ndjson, products } from '../../tools/lib/products';

const SEED = 10_000;
/** So that no run meets the keys of another. */
const IDS = 100_000_000;

/** The NDJSON of so many products, with the keys from number `firstId` on. */
export function productBody(firstId: number, count: number): Buffer {
  const made = products({ seed: SEED, count, firstId, ids: IDS, intervalMs: 1 });
  return Buffer.from([...ndjson(made)].join(''));
}
