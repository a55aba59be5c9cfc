import { Latencies } from './latency';
import type { Latency, LoadOptions, LoadResult, Second } from './options';

/** Characters of a body that are kept to tell what went wrong. */
const SHOWN = 500;

/** Counts what happens, over all and within a second. */
export class Tally {
  retried = 0;
  private readonly statuses = new Map<number, number>();
  private readonly all = new Latencies();
  private readonly within = new Latencies();
  private readonly delays = new Latencies();
  private readonly cpu = process.cpuUsage();
  private counts = {
    accepted: 0,
    refused: 0,
    serverErrors: 0,
    failed: 0,
    lost: 0,
    unconnected: 0,
    unanswered: 0,
  };
  private before = { ...this.counts, due: 0 };
  private seconds = 0;
  private firstFailure: string | undefined;

  /** @param good a 202 with an id */
  answer(status: number, body: string, good: boolean): void {
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    if (good) return;
    if (status === 429 || status === 503) this.counts.refused++;
    else {
      if (status >= 500) this.counts.serverErrors++;
      else this.counts.failed++;
      this.firstFailure ??= `${status} ${Buffer.from(body, 'latin1').toString('utf8').slice(0, SHOWN)}`;
    }
  }

  /** @param counts whether it counts for the latency of the whole */
  accepted(ms: number, counts: boolean): void {
    this.counts.accepted++;
    if (counts) this.all.add(ms);
    this.within.add(ms);
  }

  unanswered(ms: number): void {
    this.counts.unanswered++;
    this.all.add(ms);
  }

  failedAttempt(kind: 'lost' | 'unconnected'): void {
    this.counts[kind]++;
  }

  ownDelay(ms: number): void {
    this.delays.add(ms);
  }

  /** What happened since the last call. */
  second(due: number): Second {
    const { counts, before } = this;
    const latency = this.within.summary();
    this.within.reset();
    this.before = { ...counts, due };
    const errors = (of: typeof counts): number => of.failed + of.serverErrors + of.lost + of.unconnected;
    return {
      second: ++this.seconds,
      due: due - before.due,
      accepted: counts.accepted - before.accepted,
      refused: counts.refused - before.refused,
      errors: errors(counts) - errors(before),
      p50: latency?.p50 ?? null,
      p99: latency?.p99 ?? null,
      max: latency?.max ?? null,
    };
  }

  /** @param begin ms since the epoch; @param ms how long it took; @param due how many records were */
  result(options: LoadOptions, begin: number, ms: number, due: number): LoadResult {
    const { dataset, rate, connections, duration, seed, ids } = options;
    const { user, system } = process.cpuUsage(this.cpu);
    const answers = [...this.statuses.values()].reduce((sum, one) => sum + one, 0);
    const { accepted, ...counts } = this.counts;
    return {
      dataset,
      rate,
      connections,
      duration,
      seed,
      ids,
      begin: new Date(begin).toISOString(),
      seconds: toDigits(ms / 1_000),
      due,
      accepted,
      acceptedPerSecond: toDigits((accepted * 1_000) / ms),
      ...counts,
      retried: this.retried,
      statuses: Object.fromEntries(this.statuses),
      firstFailure: this.firstFailure ?? null,
      latency: shown(this.all.summary()),
      ownDelay: shown(this.delays.summary()),
      cpuMsPerRequest: answers === 0 ? null : toDigits((user + system) / 1_000 / answers),
    };
  }
}

const toDigits = (value: number): number => Number(value.toFixed(3));

function shown(latency: Latency | undefined): Latency | null {
  if (!latency) return null;
  const { p50, p99, p999, max } = latency;
  return { p50: toDigits(p50), p99: toDigits(p99), p999: toDigits(p999), max: toDigits(max) };
}
