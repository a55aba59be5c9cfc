import { setTimeout as delay } from 'node:timers/promises';
import type { Change } from '../../clients/storedRow';
import { release, settle } from '../../domain/egress/progress';
import type { DeliveryRow } from '../../domain/egress/row';
import { endingOf, recordOf, type Answered, type Claimed } from './attempt';
import type { EgressDeps } from './deps';

/** Pauses (ms) before an answer is stored once more; after the last the lease runs out, and the event is sent again. */
const PAUSES_MS = [100, 200, 400, 800, 1_600];

type Work = { readonly claimed: Claimed; readonly change: (row: DeliveryRow) => Change };

/** Stores how requests ended. What comes while a write is under way goes into the next one. */
export class Settler {
  private waiting: Work[] = [];
  private writing = false;

  constructor(
    private readonly deps: Pick<EgressDeps, 'deliveries' | 'egress' | 'now'>,
    /** Called with each row that was stored: it may be due again. */
    private readonly stored: (row: DeliveryRow) => void,
    private readonly failed: (error: unknown) => void,
  ) {}

  get busy(): boolean {
    return this.writing || this.waiting.length > 0;
  }

  settle(answered: Answered): void {
    const { egress, now } = this.deps;
    const { token } = answered.claimed;
    this.add({
      claimed: answered.claimed,
      change: (row) => {
        const at = now().getTime();
        const ending = endingOf(answered, row.failures, egress, at);
        const next = settle(row, token, ending, at);
        return next && { row: next, attempt: recordOf(answered, ending.last, egress.attemptTtlSeconds) };
      },
    });
  }

  /** Gives back rows whose requests were not started. */
  async release(all: readonly Claimed[]): Promise<void> {
    for (const claimed of all) {
      this.add({
        claimed,
        change: (row) => {
          const next = release(row, claimed.token, this.deps.now().getTime());
          return next && { row: next };
        },
      });
    }
    while (this.busy) await delay(2);
  }

  private add(work: Work): void {
    this.waiting.push(work);
    if (this.writing) return;
    this.writing = true;
    // After the other answers of this turn of the event loop.
    setImmediate(() => void this.write());
  }

  private async write(): Promise<void> {
    while (this.waiting.length > 0) {
      const all = this.waiting;
      this.waiting = [];
      await this.store(all);
    }
    this.writing = false;
  }

  private async store(all: readonly Work[]): Promise<void> {
    let left = all.map((work) => {
      const { row } = work.claimed;
      return { pk: row.pk, id: row.id, stored: work.claimed, work };
    });
    for (const pause of [...PAUSES_MS, undefined]) {
      const done = new Set<Work>();
      try {
        await this.deps.deliveries.change(
          left,
          (row, { work }) => (row ? work.change(row) : undefined),
          ({ row }, { work }) => {
            done.add(work);
            this.stored(row);
          },
        );
        return;
      } catch (error) {
        this.failed(error);
        if (pause === undefined) return;
        left = left.filter(({ work }) => !done.has(work));
        await delay(pause);
      }
    }
  }
}
