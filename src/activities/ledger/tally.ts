import { mapLimited } from '../../clients/once';
import type { Batch } from '../../domain/ingest/batch';
import { partitionKey } from '../../domain/keys';
import type { BatchCheck } from '../../domain/ledger/batches';
import { Sums } from '../../domain/ledger/versions';
import type { LedgerDeps } from './deps';

/** The hosts' clocks, which receipt is told by, do not differ by more (ms). */
const CLOCK_SKEW_MS = 300_000;

const READS_AT_A_TIME = 8;
const BATCHES = 200;

/**
 * Upserted verdicts by bucket, and the records whose verdicts may come at any moment: what the versions of documents that
 * are counted later are compared with.
 */
export class VersionTally {
  readonly upserted = new Sums();
  readonly undecided = new Sums();
  private readonly since: Date;
  /** Batches without a manifest when they were read. */
  private readonly unsplit: string[] = [];
  /** Batches received of late that have been looked at. */
  private readonly seen = new Set<string>();

  constructor(now: Date) {
    this.since = new Date(now.getTime() - CLOCK_SKEW_MS);
  }

  add(batch: Batch, { files, missing }: BatchCheck): void {
    if (Date.parse(batch.receivedAt) >= this.since.getTime()) this.seen.add(batch.id);
    if (!batch.chunks) this.unsplit.push(batch.id);
    for (const { upserts } of files) {
      for (const [bucket, count] of upserts) this.upserted.add(partitionKey(batch.dataset, bucket), count);
    }
    this.addUndecided(batch.dataset, missing);
  }

  /** Adds what has been split or accepted since: read *after* the versions of the documents. */
  async addLater({ batches }: Pick<LedgerDeps, 'batches'>): Promise<void> {
    await mapLimited(this.unsplit, READS_AT_A_TIME, async (id) => {
      const found = await batches.read(id);
      if (found) this.addUndecided(found.batch.dataset, found.batch.chunks ?? []);
    });
    for (let after = ''; ;) {
      const page = await batches.recent(this.since, after, BATCHES);
      for (const { batch } of page)
        if (!this.seen.has(batch.id)) this.addUndecided(batch.dataset, batch.chunks ?? []);
      if (page.length < BATCHES) return;
      after = page.at(-1)?.batch.id ?? '';
    }
  }

  private addUndecided(dataset: string, chunks: NonNullable<Batch['chunks']>): void {
    for (const { groups } of chunks)
      for (const { bucket, records } of groups) this.undecided.add(partitionKey(dataset, bucket), records);
  }
}
