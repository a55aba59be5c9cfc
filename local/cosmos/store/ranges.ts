import { MAX_EFFECTIVE_KEY, encodeNumberKey } from '../effective-key';
import type { PartitionKeyDefinition } from '../partition-key';

/** A physical partition: the effective keys from `min` (inclusive) to `max` (exclusive). */
export interface PhysicalRange {
  readonly id: number;
  readonly min: string;
  readonly max: string;
}

/** https://learn.microsoft.com/azure/cosmos-db/partitioning-overview#physical-partitions: 10,000 RU/s at most; new containers are split at 6,000. */
const THROUGHPUT_PER_RANGE = 6_000;
const MAX_RANGES = 64;
const V1_HASHES = 0xffff_ffff;
const V2_HASHES = (1n << 126n) - 1n;
/** Encoded numbers of the hashes' size; the service keeps the low bits of the last byte of a boundary clear. */
const V1_BOUNDARY_DIGITS = 14;
const V1_LAST_BYTE_MASK = 0xf8;

function boundaryV1(hash: number): string {
  const text = encodeNumberKey(hash);
  if (text.length < V1_BOUNDARY_DIGITS) return text;
  const last = Number.parseInt(text.slice(-2), 16) & V1_LAST_BYTE_MASK;
  return text.slice(0, -2) + last.toString(16).toUpperCase().padStart(2, '0');
}

function boundary(index: number, count: number, definition: PartitionKeyDefinition): string {
  if (index === 0) return '';
  if (index === count) return MAX_EFFECTIVE_KEY;
  if (definition.kind === 'Hash' && definition.version !== 2) {
    return boundaryV1(Math.floor((V1_HASHES / count) * index));
  }
  return ((V2_HASHES * BigInt(index)) / BigInt(count)).toString(16).toUpperCase().padStart(32, '0');
}

/** The physical partitions of a new container with `throughput` RU/s. */
export function physicalRanges(throughput: number, definition: PartitionKeyDefinition): PhysicalRange[] {
  const count = Math.min(MAX_RANGES, Math.max(1, Math.ceil(throughput / THROUGHPUT_PER_RANGE)));
  return Array.from({ length: count }, (_, id) => ({
    id,
    min: boundary(id, count, definition),
    max: boundary(id + 1, count, definition),
  }));
}

/** The range that holds an effective key. */
export function rangeOf(ranges: readonly PhysicalRange[], key: string): number {
  if (ranges.length === 1) return 0;
  let found = 0;
  for (const range of ranges) if (key >= range.min) found = range.id;
  return found;
}
