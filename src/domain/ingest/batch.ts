import { sum, type Counts, type VerdictCounts } from './verdict';

export type OnInvalid = 'quarantine' | 'reject';
/**
 * `redrive`: what the app writes when records of a batch are re-driven; `records`: what it makes of those that came by the
 * records door.
 */
export type Format = 'ndjson' | 'json' | 'csv' | 'redrive' | 'records';

/** Of a body as it is stored. */
export const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  json: 'application/json',
  ndjson: 'application/x-ndjson',
  redrive: 'application/x-ndjson',
  records: 'application/x-ndjson',
  csv: 'text/csv',
};

/** How the bytes of an upload are compressed (https://www.iana.org/assignments/http-parameters). */
export type Encoding = 'gzip' | 'br';

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
  readonly code:
    | 'terminated'
    | 'orchestration-failed'
    | 'orchestration-lost'
    /** Of an upload, which is read after it was accepted. */
    | 'malformed-body'
    | 'empty-batch'
    | 'batch-too-large'
    | 'upload-changed';
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
  /** Of an upload: '' until it is split. */
  readonly bodySha256: string;
  readonly bytes: number;
  /** Of an upload: 0 until it is split. */
  readonly accepted: number;
  readonly receivedAt: string;
  /** The body lies in an upload; the ETag is that of the content that was accepted. */
  readonly upload?: Upload;
  /** The batch whose records these are. */
  readonly redriveOf?: string;
  /** The range of the hub `ingress` that its records came in. */
  readonly claim?: string;
  /** Which execution of the split has made its chunks; absent before. Others may have left some, too. */
  readonly split?: string;
}

export interface Upload {
  readonly id: string;
  readonly etag: string;
  readonly encoding?: Encoding;
}

/** The document in the `batches` container: what answers for status, idempotency and ledger. */
export interface Batch extends BatchHeader {
  readonly status: BatchStatus;
  readonly chunks?: readonly Chunk[];
  /** Some keys occur in several groups: which of their records is the newest cannot be seen in one. */
  readonly repeatedKeys?: boolean;
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
  const { status: _status, chunks: _chunks, repeatedKeys: _keys, completedAt: _at, ...others } = batch;
  const { counts: _counts, requestCharge: _charge, archive: _archive, failure: _failure, ...header } = others;
  return header;
}
