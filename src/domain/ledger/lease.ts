import { isObject, type Json } from '../json';

/** How far the change feed of one physical partition has been handled, as the platform's lease says. */
export interface FeedLease {
  /** Name of the physical partition, or of its range of keys. */
  readonly range: string;
  /** Log sequence number up to which every change has been handled; 0: none. */
  readonly handled: number;
}

/**
 * The log sequence number in a continuation token of the change feed: a number in quotes, alone or within the JSON that
 * names the ranges it is for. 0 when it is neither: then nothing counts as handled, and no alarm is raised.
 */
export function handledIn(token: unknown): number {
  if (typeof token !== 'string') return 0;
  const plain = /^"?(\d{1,15})"?$/.exec(token.trim());
  if (plain) return Number(plain[1]);
  try {
    const { Continuation } = JSON.parse(token) as { Continuation?: Json };
    if (!Array.isArray(Continuation) || Continuation.length === 0) return 0;
    return Math.min(...Continuation.map((part) => (isObject(part) ? handledIn(part['token']) : 0)));
  } catch {
    return 0;
  }
}

/**
 * Whether the change feed has handled a change. Sequence numbers of two physical partitions have nothing to do with each
 * other: where the partition's own lease is not known, the lowest is meant, which can only hold an alarm back.
 * @param leases read *before* the change was looked for
 */
export function hasHandled(leases: readonly FeedLease[], range: string | undefined, lsn: number): boolean {
  const own = leases.filter((lease) => lease.range === range);
  const meant = own.length > 0 ? own : leases;
  return meant.length > 0 && meant.every(({ handled }) => handled >= lsn);
}
