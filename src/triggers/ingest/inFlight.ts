import type { Batches } from '../../clients/batches';

/** How long a counted number is good enough, ms. */
const REFRESH_MS = 2_000;

/** Holds back new batches when too many are open. Counts in the store now and then, and adds what this process let in. */
export class InFlightLimit {
  private open = 0;
  private readAt = -Infinity;
  private reading: Promise<void> | undefined;

  constructor(
    private readonly batches: Pick<Batches, 'countOpen'>,
    private readonly limit: number,
    private readonly now: () => Date,
  ) {}

  /** Whether another batch may be accepted; counts it when it may. */
  async admit(): Promise<boolean> {
    if (this.now().getTime() - this.readAt > REFRESH_MS) await this.refresh();
    if (this.open >= this.limit) return false;
    this.open++;
    return true;
  }

  private refresh(): Promise<void> {
    this.reading ??= this.batches
      .countOpen()
      .then((open) => {
        this.open = open;
        this.readAt = this.now().getTime();
      })
      .finally(() => (this.reading = undefined));
    return this.reading;
  }
}
