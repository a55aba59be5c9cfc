import type { RecordReport } from '../api';
import type { Places } from './places';
import type { Run } from './run';
import type { BatchOutcome, RejectedRecord } from './summary';

const VERDICTS = ['quarantined', 'deadLettered'] as const;

/** A quarantined record of CSV comes with the line of the body that it is on. */
type LinedRecord = RecordReport & { readonly line?: number };

/** Finds the first records of the input that did not land. */
export class Rejects {
  /** Batches with such records: no more of them than records are to be shown. */
  private candidates: { batch: BatchOutcome; places: Places | undefined }[] = [];
  private found: RejectedRecord[] = [];

  constructor(private readonly run: Run) {}

  /** A batch that is closed. */
  note(batch: BatchOutcome, places: Places | undefined): void {
    if (!batch.counts || batch.counts.quarantined + batch.counts.deadLettered === 0) return;
    this.candidates.push({ batch, places });
    this.candidates.sort((a, b) => a.batch.number - b.batch.number);
    this.candidates.length = Math.min(this.candidates.length, this.run.settings.show);
  }

  /** Records of a dry run. */
  add(records: readonly LinedRecord[], batch: BatchOutcome, places: Places): void {
    this.keep(records.flatMap((record) => rejectedOf(record, batch, places) ?? []));
  }

  /** Asks for the records, batch by batch, until there are enough. What cannot be read is left out. */
  async first(): Promise<RejectedRecord[]> {
    for (const { batch, places } of this.candidates) {
      if (this.found.length >= this.run.settings.show) break;
      for (const verdict of VERDICTS) {
        if ((batch.counts?.[verdict] ?? 0) > 0) this.keep(await this.read(batch, places, verdict));
      }
    }
    return this.found;
  }

  private async read(
    batch: BatchOutcome,
    places: Places | undefined,
    verdict: (typeof VERDICTS)[number],
  ): Promise<RejectedRecord[]> {
    const { client, settings, hurry } = this.run;
    const query = `verdict=${verdict}&maxpagesize=${Math.min(settings.show, 1_000)}`;
    const path = `/api/batches/${encodeURIComponent(batch.batchId ?? '')}/records?${query}`;
    const outcome = await client.send(path, {}, hurry.signal);
    if (outcome.kind !== 'answered') return [];
    const { value } = (outcome.body ?? {}) as { value?: unknown };
    const records = Array.isArray(value) ? (value as readonly LinedRecord[]) : [];
    return records.flatMap((record) => rejectedOf(record, batch, places) ?? []);
  }

  private keep(records: readonly RejectedRecord[]): void {
    this.found = [...this.found, ...records]
      .sort((a, b) => a.record - b.record)
      .slice(0, this.run.settings.show);
  }
}

function rejectedOf(
  { index, key, verdict, errors, reason, line }: LinedRecord,
  { batchId, first }: BatchOutcome,
  places: Places | undefined,
): RejectedRecord | undefined {
  if (verdict !== 'quarantined' && verdict !== 'deadLettered') return undefined;
  // Without places the body was the file. Where the API knows the line, it knows it of rows that it cannot read, too.
  const place = line === undefined ? places?.ofRecord(index) : places ? places.ofLine(line) : { line };
  return {
    record: first + index,
    ...(place?.line === undefined ? {} : { line: place.line }),
    ...(batchId === undefined ? {} : { batchId }),
    index,
    key,
    verdict,
    errors:
      errors?.map(({ pointer, message }) => ({ pointer, message })) ??
      (reason === undefined ? [] : [{ pointer: '', message: reason }]),
  };
}
