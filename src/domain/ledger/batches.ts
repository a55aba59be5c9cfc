import { isClosed, type Batch, type Chunk, type ChunkVerdicts } from '../ingest/batch';
import { sum, VERDICTS, type Counts, type VerdictCounts } from '../ingest/verdict';
import type { LedgerFault } from './faults';

/** A verdict file, as a listing tells of it. */
export interface VerdictFile extends ChunkVerdicts {
  readonly batchId: string;
  /** How many records of each bucket it says were upserted. */
  readonly upserts: ReadonlyMap<number, number>;
}

/** A batch held against its verdict files. */
export interface BatchCheck {
  readonly counts: Counts;
  readonly faults: readonly LedgerFault[];
  /** The files that belong to the batch. */
  readonly files: readonly VerdictFile[];
  /** Chunks without a verdict file. */
  readonly missing: readonly Chunk[];
}

const total = (counts: VerdictCounts): number =>
  VERDICTS.reduce((whole, verdict) => whole + counts[verdict], 0);

/**
 * Holds a batch against its verdict files. Nothing is found by subtraction: records in flight are those of chunks that
 * have no verdict file while the batch is open; of a closed batch such a chunk is counted nowhere.
 * @param files its verdict files, listed *before* the document was read
 */
export function checkBatch(batch: Batch, files: readonly VerdictFile[]): BatchCheck {
  const { id: batchId, dataset, accepted, chunks } = batch;
  const closed = isClosed(batch.status);
  const faults: LedgerFault[] = [];
  const fault = (code: LedgerFault['code'], detail: string, chunk?: number): void => {
    faults.push({ code, dataset, batchId, ...(chunk === undefined ? {} : { chunk }), detail });
  };
  if (!chunks) {
    if (closed) fault('manifest-differs', `The batch is ${batch.status} and has no manifest.`);
    // Its manifest was not there yet when it was read: whatever has happened since, all of it was in flight.
    const none = { ...sum([]), inFlight: closed ? 0 : accepted };
    return { counts: { accepted, ...none }, faults, files: [], missing: [] };
  }
  const records = chunks.reduce((whole, chunk) => whole + chunk.records, 0);
  if (records !== accepted)
    fault('manifest-differs', `${accepted} records were accepted, its chunks hold ${records}.`);
  const byChunk = new Map(files.map((file) => [file.chunk, file]));
  const missing: Chunk[] = [];
  let inFlight = 0;
  chunks.forEach((chunk, number) => {
    const file = byChunk.get(number);
    if (!file) {
      missing.push(chunk);
      if (closed) fault('missing-verdicts', `The fate of ${chunk.records} records is not known.`, number);
      else inFlight += chunk.records;
    } else if (total(file.counts) !== chunk.records) {
      fault(
        'verdicts-differ',
        `The chunk holds ${chunk.records} records, the file ${total(file.counts)} verdicts.`,
        number,
      );
    }
  });
  for (const number of byChunk.keys()) {
    if (number >= chunks.length) fault('verdicts-differ', `The batch has ${chunks.length} chunks.`, number);
  }
  const own = files.filter(({ chunk }) => chunk < chunks.length);
  const counts = sum(own.map((file) => file.counts));
  if (closed && missing.length === 0) {
    const difference = differenceOf(batch.counts, counts);
    if (difference !== undefined) fault('summary-differs', difference);
  }
  return { counts: { accepted, ...counts, inFlight }, faults, files: own, missing };
}

function differenceOf(summary: VerdictCounts | undefined, counted: VerdictCounts): string | undefined {
  if (!summary) return 'The batch is closed without a summary.';
  const different = VERDICTS.filter((verdict) => summary[verdict] !== counted[verdict]);
  if (different.length === 0) return undefined;
  const each = different.map(
    (verdict) => `${verdict}: ${String(summary[verdict])} in the summary, ${counted[verdict]} in its files`,
  );
  return `${each.join('; ')}.`;
}

/** Whether every accepted record has exactly one verdict or is in flight. */
export function addsUp({ accepted, inFlight, ...verdicts }: Counts): boolean {
  return accepted === total(verdicts) + inFlight;
}

/** Adds counts to others. */
export function addCounts(a: Counts, b: Counts): Counts {
  return { accepted: a.accepted + b.accepted, ...sum([a, b]), inFlight: a.inFlight + b.inFlight };
}

export const noCounts = (): Counts => ({ accepted: 0, ...sum([]), inFlight: 0 });
