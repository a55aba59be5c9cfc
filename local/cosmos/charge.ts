/**
 * Request units of point operations, published at
 * https://learn.microsoft.com/azure/cosmos-db/understand-request-unit-consumption
 * as [size in bytes, read, write]; sizes between are interpolated.
 */
const TABLE: readonly (readonly [size: number, read: number, write: number])[] = [
  [1_024, 1, 4.95],
  [2_048, 1.04, 6.29],
  [4_096, 1.14, 6.67],
  [16_384, 1.67, 9.52],
  [65_536, 4.76, 22.67],
  [131_072, 9.95, 48.19],
  [1_048_576, 145.9, 625],
  [2_097_152, 291.8, 1250],
];

function interpolate(bytes: number, column: 1 | 2): number {
  let below = TABLE[0] ?? [0, 0, 0];
  if (bytes <= below[0]) return below[column];
  for (const above of TABLE) {
    if (bytes <= above[0]) {
      const share = (bytes - below[0]) / Math.max(1, above[0] - below[0]);
      return below[column] + share * (above[column] - below[column]);
    }
    below = above;
  }
  return below[column];
}

/** Request units of reading an item of `bytes` by its id. */
export function readCharge(bytes: number): number {
  return interpolate(bytes, 1);
}

/** Request units of writing an item of `bytes`. */
export function writeCharge(bytes: number): number {
  return interpolate(bytes, 2);
}

const QUERY_BASE = 2.3;
const QUERY_PER_ITEM = 0.03;
const QUERY_BYTES_PER_UNIT = 10_240;

/**
 * An estimate: the service publishes no formula for queries. Grows with the items looked at and the bytes returned;
 * what a query costs as such is charged with its first page, so that small pages add up to a large one.
 */
export function queryCharge(itemsRead: number, bytesReturned: number, isFirstPage: boolean): number {
  return (isFirstPage ? QUERY_BASE : 0) + QUERY_PER_ITEM * itemsRead + bytesReturned / QUERY_BYTES_PER_UNIT;
}

/** As the service writes it: at most two decimals. */
export function formatCharge(charge: number): string {
  return String(Math.round(charge * 100) / 100);
}
