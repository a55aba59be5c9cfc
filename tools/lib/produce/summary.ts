import type { BatchStatus } from '../../../src/domain/ingest/batch';
import type { VerdictCounts } from '../../../src/domain/ingest/verdict';
import type { Refusal } from './client';
import type { Places } from './places';

/** In the order in which they are shown. */
export const VERDICT_NAMES = [
  'upserted',
  'unchanged',
  'stale',
  'quarantined',
  'deadLettered',
  'notApplied',
] as const satisfies readonly (keyof VerdictCounts)[];

/**
 * - `accepted`: it has a batch id
 * - `examined`: the dry run is done
 * - `refused`: the API will not take it as it is
 * - `unanswered`: it was sent, and nobody knows whether it was accepted
 * - `notSent`: it was read, and never sent
 */
export type BatchState = 'accepted' | 'examined' | 'refused' | 'unanswered' | 'notSent';

/** What became of one batch. */
export interface BatchOutcome {
  /** From 1, in the order of the input. */
  readonly number: number;
  /** Its first record, from 0 through the whole input. */
  readonly first: number;
  /** Line of the file on which that begins, if there are lines. */
  readonly line?: number;
  /** Null as long as nobody has counted: an upload that is not closed. */
  records: number | null;
  state: BatchState;
  batchId?: string;
  /** It had been accepted before, under the same idempotency key. */
  replayed?: boolean;
  /** Of the closed batch; absent while it is open or was not waited for. */
  status?: BatchStatus;
  counts?: VerdictCounts;
  requestCharge?: number;
}

/** A record that is quarantined or dead-lettered, or would be. */
export interface RejectedRecord {
  /** From 0 through the whole input. */
  readonly record: number;
  readonly line?: number;
  readonly batchId?: string;
  /** In its batch, as a redrive names it. */
  readonly index: number;
  readonly key: string | null;
  readonly verdict: 'quarantined' | 'deadLettered';
  readonly errors: readonly { readonly pointer: string; readonly message: string }[];
}

/**
 * Why it ended before its time.
 * - `input`: the input cannot be read on
 * - `refused`: the API refuses a batch; `record` and `line` are those of the input
 * - `unreachable`: it failed more often than it was to be repeated
 * - `open`: batches are still not closed
 * - `failed`: a batch ended as failed
 */
export type Failure =
  | { readonly kind: 'input'; readonly message: string; readonly line?: number }
  | (Refusal & { readonly kind: 'refused'; readonly batch?: number })
  | { readonly kind: 'unreachable'; readonly message: string }
  | { readonly kind: 'open'; readonly message: string }
  | { readonly kind: 'failed'; readonly message: string; readonly batchId: string };

export interface Summary {
  readonly dataset: string;
  readonly to: string;
  /** The file, or what the records are called. */
  readonly input: string;
  readonly mode: 'post' | 'validate' | 'upload';
  /** The input was read to its end. */
  readonly readAll: boolean;
  readonly interrupted: boolean;
  readonly failure?: Failure;
  /** Records of accepted (or examined) batches. */
  readonly accepted: number;
  /** Of closed batches, or of what the dry run says. */
  readonly counts: VerdictCounts;
  /** RU */
  readonly requestCharge: number;
  readonly batches: readonly BatchOutcome[];
  /** Batches that had been accepted before. */
  readonly replayed: number;
  /** Accepted batches that are not known to be closed. */
  readonly open: number;
  /** Requests that had to be repeated. */
  readonly repeats: number;
  readonly seconds: number;
  readonly recordsPerSecond: number;
  /** The most that a batch was sent after it was due, seconds; only with a rate. */
  readonly lateSeconds?: number;
  /** The first ones of the input, as many as were asked for. */
  readonly rejected: readonly RejectedRecord[];
}

export function noCounts(): VerdictCounts {
  return { upserted: 0, unchanged: 0, stale: 0, quarantined: 0, deadLettered: 0, notApplied: 0 };
}

/** The sum over all batches that have counts. */
export function countsOf(batches: readonly BatchOutcome[]): VerdictCounts {
  const total = noCounts();
  for (const { counts } of batches) {
    if (counts) for (const verdict of VERDICT_NAMES) total[verdict] += counts[verdict];
  }
  return total;
}

/** The problem's place, which is one of the body, as one of the input. */
export function refusedAt(refusal: Refusal, number: number, places: Places): Failure {
  const { line, record, ...rest } = refusal;
  const place =
    record !== undefined ? places.ofRecord(record) : line === undefined ? undefined : places.ofLine(line);
  return {
    kind: 'refused',
    ...rest,
    // The place of the body would be taken for one of the file.
    ...(place && { detail: rest.detail.replace(/^(Line|Record) \d+: /, '') }),
    batch: number,
    ...(place && { record: place.record }),
    ...(place?.line !== undefined && { line: place.line }),
  };
}

/** What a shell is told: 0 all landed, 3 some records did not, 1 it failed, 130 it was interrupted. */
export function exitCode({ failure, interrupted, counts }: Summary): 0 | 1 | 3 | 130 {
  if (failure) return 1;
  if (interrupted) return 130;
  return counts.quarantined + counts.deadLettered + counts.notApplied > 0 ? 3 : 0;
}
