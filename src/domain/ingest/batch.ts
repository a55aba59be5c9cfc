import { sum, type Counts, type VerdictCounts } from './verdict';

export type OnInvalid = 'quarantine' | 'reject';
export type Format = 'ndjson' | 'json';

/**
 * - `accepted`: reserved, not yet split
 * - `running`: split, verdicts are being made
 * - `completed`: every record is upserted, unchanged or stale
 * - `completedWithRejects`: some records are quarantined or dead-lettered
 * - `rejected`: `onInvalid=reject`, and a record was invalid: nothing landed
 * - `failed`: the orchestration ended abnormally; what had not landed is `notApplied`
 */
export type OpenStatus = 'accepted' | 'running';
export type ClosedStatus = 'completed' | 'completedWithRejects' | 'rejected' | 'failed';
export type BatchStatus = OpenStatus | ClosedStatus;

/** One transactional batch: records of one bucket. */
export interface Group {
  readonly bucket: number;
  readonly records: number;
}

/** One entry of the manifest; the position in it is the chunk's number. */
export interface Chunk {
  readonly records: number;
  /** bytes of its records as JSON */
  readonly bytes: number;
  readonly groups: readonly Group[];
}

export interface Archive {
  /** container and blob name */
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}

export interface Failure {
  readonly code: 'terminated' | 'orchestration-failed' | 'orchestration-lost';
  readonly message: string;
}

/** What is fixed about a batch when it is reserved. Times are ISO 8601. */
export interface BatchHeader {
  readonly id: string;
  readonly dataset: string;
  readonly schemaVersion: string;
  readonly format: Format;
  readonly onInvalid: OnInvalid;
  /** SHA-256 of decoded body, format and `onInvalid`: what makes two requests the same. */
  readonly contentHash: string;
  readonly bodySha256: string;
  readonly bytes: number;
  readonly accepted: number;
  readonly receivedAt: string;
}

/** The document in the `batches` container: what answers for status, idempotency and ledger. */
export interface Batch extends BatchHeader {
  readonly status: BatchStatus;
  readonly chunks?: readonly Chunk[];
  readonly completedAt?: string;
  readonly counts?: VerdictCounts;
  /** RU */
  readonly requestCharge?: number;
  readonly archive?: Archive;
  readonly failure?: Failure;
}

/** What a verdict file says of its chunk. */
export interface ChunkVerdicts {
  readonly chunk: number;
  readonly counts: VerdictCounts;
  /** RU */
  readonly requestCharge: number;
}

export function isClosed(status: BatchStatus): status is ClosedStatus {
  return status !== 'accepted' && status !== 'running';
}

/** How a batch ends whose orchestration came to its end. */
export function closedStatus(counts: VerdictCounts, rejected: boolean): ClosedStatus {
  if (rejected) return 'rejected';
  return counts.quarantined + counts.deadLettered > 0 ? 'completedWithRejects' : 'completed';
}

/**
 * A batch's counts from stored facts. In-flight records are counted (those of chunks without a verdict file),
 * not subtracted, so a chunk that nobody accounts for shows as a sum that does not reach `accepted`.
 * @param files the verdict files, listed *before* the batch document was read
 */
export function countsOf(batch: Batch, files: readonly ChunkVerdicts[]): Counts {
  const chunks = batch.chunks ?? [{ records: batch.accepted }];
  const decided = new Map(batch.chunks ? files.map((file) => [file.chunk, file.counts]) : []);
  let inFlight = 0;
  chunks.forEach((chunk, number) => {
    if (!decided.has(number)) inFlight += chunk.records;
  });
  return { accepted: batch.accepted, ...sum(decided.values()), inFlight };
}

/** Only what is fixed: the rest of a batch document changes while activities run. */
export function headerOf(batch: Batch): BatchHeader {
  const {
    id,
    dataset,
    schemaVersion,
    format,
    onInvalid,
    contentHash,
    bodySha256,
    bytes,
    accepted,
    receivedAt,
  } = batch;
  return {
    id,
    dataset,
    schemaVersion,
    format,
    onInvalid,
    contentHash,
    bodySha256,
    bytes,
    accepted,
    receivedAt,
  };
}
