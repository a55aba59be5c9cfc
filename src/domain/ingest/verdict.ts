/**
 * What became of a record; every accepted record ends as exactly one.
 * - `upserted`: its content is a new version of the document
 * - `unchanged`: the document already had this content
 * - `stale`: a newer record of the same key had landed, or came in the same batch
 * - `quarantined`: it does not satisfy the schema; kept with the reasons
 * - `deadLettered`: the store refuses it and no retry can cure that
 * - `notApplied`: it is good, but its batch was rejected or ended before its turn
 */
export const VERDICTS = [
  'upserted',
  'unchanged',
  'stale',
  'quarantined',
  'deadLettered',
  'notApplied',
] as const;
export type Verdict = (typeof VERDICTS)[number];

/** Verdicts that a group's marker can hold; quarantine is decided before. */
export type GroupVerdict =
  | { readonly index: number; readonly verdict: 'upserted'; readonly version: number }
  | { readonly index: number; readonly verdict: 'unchanged'; readonly version: number }
  | { readonly index: number; readonly verdict: 'stale'; readonly winner: Winner }
  | { readonly index: number; readonly verdict: 'deadLettered'; readonly reason: string }
  | { readonly index: number; readonly verdict: 'notApplied'; readonly reason: string };

/** The record that won over a stale one. */
export interface Winner {
  readonly batchId: string;
  readonly index: number;
  /** ISO 8601 */
  readonly eventTime: string;
}

/** One line of a verdict file. */
export type RecordVerdict =
  | (GroupVerdict & { readonly key: string })
  | { readonly index: number; readonly key: string | null; readonly verdict: 'quarantined' };

export type VerdictCounts = Record<Verdict, number>;
export type Counts = { accepted: number } & VerdictCounts & { inFlight: number };

export function noVerdicts(): VerdictCounts {
  return { upserted: 0, unchanged: 0, stale: 0, quarantined: 0, deadLettered: 0, notApplied: 0 };
}

/** Counts verdicts. */
export function tally(verdicts: Iterable<{ readonly verdict: Verdict }>): VerdictCounts {
  const counts = noVerdicts();
  for (const { verdict } of verdicts) counts[verdict]++;
  return counts;
}

/** Adds up counts, verdict by verdict. */
export function sum(counts: Iterable<VerdictCounts>): VerdictCounts {
  const total = noVerdicts();
  for (const one of counts) for (const verdict of VERDICTS) total[verdict] += one[verdict];
  return total;
}
