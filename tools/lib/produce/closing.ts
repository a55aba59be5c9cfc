import type { BatchReport } from '../api';
import type { Answer } from './client';
import type { Places } from './places';
import { Rejects } from './rejects';
import type { Run } from './run';
import type { BatchOutcome } from './summary';
import { Slots } from './surroundings';

/** Batches that are asked for at the same time: the oldest ones. */
const ASKING = 2;

/** Batches that may be open before no more are sent, so that a slow app is not flooded. */
const MAX_OPEN = 200;

/** Between two questions about a batch, ms; it grows. */
const FIRST_POLL_MS = 100;
const MAX_POLL_MS = 1_000;

/** Waits for batches to close, the oldest first, and collects what became of their records. */
export class Closing {
  readonly rejects: Rejects;
  private readonly asking = new Slots(ASKING);
  private readonly room = new Slots(MAX_OPEN);
  private readonly pending = new Set<Promise<void>>();
  private closedAt: number | undefined;

  constructor(private readonly run: Run) {
    this.rejects = new Rejects(run);
  }

  /** Resolves when another batch may be opened. Each call is followed by one of {@link leave} or {@link follow}. */
  async enter(): Promise<void> {
    if (this.run.settings.wait) await this.room.take();
  }

  leave(): void {
    if (this.run.settings.wait) this.room.give();
  }

  /** Looks after an accepted batch from now on. @param places unknown for an upload */
  follow(batch: BatchOutcome, places: Places | undefined): void {
    if (!this.run.settings.wait) return;
    const following = this.untilClosed(batch, places).finally(() => {
      this.leave();
      this.pending.delete(following);
    });
    this.pending.add(following);
  }

  /** Resolves when all batches are closed, or nobody waits for them any more. */
  async all(): Promise<void> {
    while (this.pending.size > 0) await Promise.all(this.pending);
  }

  private async untilClosed(batch: BatchOutcome, places: Places | undefined): Promise<void> {
    await this.asking.take();
    try {
      const report = await this.closed(batch.batchId ?? '');
      if (!report) return;
      this.closedAt = this.run.surroundings.now();
      const { accepted, inFlight: _, ...counts } = report.counts;
      // Of an upload the number is known only now.
      if (batch.records === null) this.run.noteAccepted(accepted);
      batch.records = accepted;
      batch.status = report.status;
      batch.counts = counts;
      batch.requestCharge = report.requestCharge;
      this.rejects.note(batch, places);
      if (report.status === 'failed') {
        const { code, message } = report.failure ?? { code: 'unknown', message: '' };
        // Others may go well: the sending goes on.
        this.run.failure ??= { kind: 'failed', message: `${code}: ${message}`, batchId: report.batchId };
      }
      this.run.noteClosed(accepted);
    } finally {
      this.asking.give();
    }
  }

  private async closed(batchId: string): Promise<BatchReport | undefined> {
    const { surroundings, settings, hurry, client } = this.run;
    this.closedAt ??= surroundings.now();
    for (let pollMs = FIRST_POLL_MS; !hurry.signal.aborted; pollMs = Math.min(MAX_POLL_MS, pollMs * 1.5)) {
      const answer = await client.once(`/api/batches/${encodeURIComponent(batchId)}`, {
        signal: hurry.signal,
      });
      if (answer?.kind === 'refused') {
        this.run.fail({ kind: 'refused', ...answer.refusal });
        return undefined;
      }
      const report = answer && reportOf(answer);
      if (report) return report;
      if (surroundings.now() - this.closedAt > settings.waitMs) {
        const message = `No batch was closed for ${settings.waitMs / 1_000} seconds; ${batchId} is open.`;
        this.run.fail({ kind: 'open', message });
      }
      await surroundings.delay(pollMs, hurry.signal);
    }
    return undefined;
  }
}

/** The report of a closed batch. */
function reportOf({ body }: Answer): BatchReport | undefined {
  const report = body as Partial<BatchReport> | null;
  return report?.counts && typeof report.completedAt === 'string' ? (report as BatchReport) : undefined;
}
