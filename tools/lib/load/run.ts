import { retryAfterMs } from '../produce/retry';
import type { Answer } from './answer';
import { Connection, targetOf, type Outcome } from './connection';
import { LoadLog } from './log';
import { LOAD_DEFAULTS, type LoadOptions, type LoadResult } from './options';
import { Queue } from './queue';
import { productRecords, type LoadRecords } from './records';
import { Tally } from './tally';

/** A connection that could not be made rests for so long, ms: many would otherwise knock thousands of times a second. */
const REST_MS = 250;
/** What a 429 or 5xx without a readable `Retry-After` asks for, and the most that is granted, ms. */
const RETRY_AFTER_MS = { default: 1_000, most: 60_000 } as const;
const SECOND_MS = 1_000;
/** Until the first record is due: the code is to be there by then, ms. */
const LEAD_MS = 100;
/**
 * Records that become due within so many ms go out together: each time that the process wakes costs as much as several
 * requests. At most so late is what a free connection waits for, on a quiet machine.
 */
const TICK_MS = 3;

/** A record on its way. */
interface Job {
  readonly index: number;
  /** When it was due, on the clock of `performance.now`. */
  readonly due: number;
  attempts: number;
}

/**
 * Sends records at a constant rate, in an open loop: each is due at a fixed moment, whatever became of those before. When
 * every connection is busy, records wait; the time counts from the moment at which a record was due, so that a server
 * that stalls is charged for all who would have come meanwhile (https://github.com/giltene/wrk2, "coordinated omission").
 * Resolves when every record was accepted or failed, or the grace is over.
 * @throws when the log cannot be written
 */
export async function generateLoad(options: LoadOptions): Promise<LoadResult> {
  const load = new Load(options);
  await load.finished;
  return load.close();
}

class Load {
  readonly finished: Promise<void>;
  private finish: () => void = () => undefined;
  private readonly begin: number;
  private readonly total: number;
  /** Records of the warm-up: they are the first. */
  private readonly cold: number;
  private readonly records: LoadRecords;
  private readonly tally = new Tally();
  private readonly log: LoadLog | undefined;
  private readonly head: string;
  private readonly connections: readonly Connection[];
  /** In turn, so that all of them are used, as by many producers. */
  private readonly idle = new Queue<Connection>();
  private readonly again = new Queue<Job>();
  private readonly open = new Set<Job>();
  private readonly timers = new Set<NodeJS.Timeout>();
  /** The first record that was not sent yet. */
  private next = 0;
  /** Since when there is a free connection; what is sent later than it could have been is the generator's own delay. */
  private freeSince: number;
  private ended = false;
  private wake: NodeJS.Timeout | undefined;
  private readonly seconds: NodeJS.Timeout;

  constructor(private readonly options: LoadOptions) {
    const { rate, duration, seed, ids, dataset, to, key, connections, timeoutMs, signal } = options;
    this.begin = this.freeSince = performance.now() + LEAD_MS;
    const seconds = duration + (options.warmUp ?? 0);
    this.total = Math.round(rate * seconds);
    this.cold = this.total - Math.round(rate * duration);
    const header = { dataset, seed, ids, rate, begin: performance.timeOrigin + this.begin };
    this.records = productRecords(header);
    options.onBegin?.(header.begin);
    this.log = options.log === undefined ? undefined : new LoadLog(options.log, header);
    const url = new URL(`${to}/api/datasets/${encodeURIComponent(dataset)}/records`);
    this.head =
      `POST ${url.pathname} HTTP/1.1\r\nHost: ${url.host}\r\nx-functions-key: ${key}\r\n` +
      'Content-Type: application/json\r\nContent-Length: ';
    const target = targetOf(url);
    this.connections = Array.from(
      { length: connections },
      () => new Connection(target, timeoutMs ?? LOAD_DEFAULTS.timeoutMs),
    );
    for (const connection of this.connections) this.idle.push(connection);
    this.finished = new Promise((resolve) => (this.finish = resolve));
    this.after(LEAD_MS + seconds * SECOND_MS + (options.graceMs ?? LOAD_DEFAULTS.graceMs), () =>
      this.finish(),
    );
    this.seconds = setInterval(() => this.second(), SECOND_MS);
    if (signal?.aborted) this.finish();
    signal?.addEventListener('abort', () => this.finish(), { once: true });
    this.wakeAt(this.begin);
  }

  async close(): Promise<LoadResult> {
    this.ended = true;
    const end = performance.now();
    clearTimeout(this.wake);
    clearInterval(this.seconds);
    for (const timer of this.timers) clearTimeout(timer);
    for (const connection of this.connections) connection.close();
    // Due, and never sent.
    const due = this.dueAt(end);
    for (; this.next < due; this.next++) this.open.add(this.job(this.next));
    for (const { index, due, attempts } of this.open) {
      this.tally.unanswered(end - due);
      if (attempts > 0) this.log?.unknown(index);
    }
    await this.log?.close();
    return this.tally.result(this.options, performance.timeOrigin + this.begin, end - this.begin, due);
  }

  /** How many records are due. */
  private dueAt(now: number): number {
    return Math.min(
      this.total,
      Math.max(0, Math.floor(((now - this.begin) * this.options.rate) / SECOND_MS) + 1),
    );
  }

  private dueOf(index: number): number {
    return this.begin + (index * SECOND_MS) / this.options.rate;
  }

  private job(index: number): Job {
    return { index, due: this.dueOf(index), attempts: 0 };
  }

  /** Gives every free connection a record that is due. */
  private pump(): void {
    if (this.ended) return;
    const now = performance.now();
    const due = this.dueAt(now);
    while (this.idle.size > 0) {
      const job = this.again.shift() ?? this.first(due, now);
      if (!job) break;
      this.send(this.idle.shift() as Connection, job);
    }
    // Without a free connection the next answer comes back to this.
    if (this.idle.size > 0 && this.next < this.total) this.wakeAt(this.dueOf(this.next));
  }

  private first(due: number, now: number): Job | undefined {
    if (this.next >= due) return undefined;
    const job = this.job(this.next++);
    this.open.add(job);
    this.tally.ownDelay(now - Math.max(job.due, this.freeSince));
    return job;
  }

  private wakeAt(due: number): void {
    clearTimeout(this.wake);
    this.wake = setTimeout(() => this.pump(), Math.max(TICK_MS, due - performance.now()));
  }

  private send(connection: Connection, job: Job): void {
    if (job.attempts++ > 0) this.tally.retried++;
    const body = this.records.bodyOf(job.index);
    connection.send(`${this.head}${Buffer.byteLength(body)}\r\n\r\n${body}`, (outcome) =>
      this.settled(connection, job, outcome),
    );
  }

  private settled(connection: Connection, job: Job, outcome: Outcome): void {
    if (this.ended) return;
    const now = performance.now();
    if (outcome.kind === 'answered') this.answered(job, outcome.answer, now);
    else {
      this.again.push(job);
      if (outcome.kind === 'lost') this.log?.unknown(job.index);
      this.tally.failedAttempt(outcome.kind);
    }
    if (outcome.kind === 'unconnected') this.after(REST_MS, () => this.release(connection));
    else this.release(connection);
  }

  private release(connection: Connection): void {
    if (this.idle.size === 0) this.freeSince = performance.now();
    this.idle.push(connection);
    if (this.open.size === 0 && this.next === this.total) this.finish();
    else this.pump();
  }

  private answered(job: Job, { status, body, retryAfter }: Answer, now: number): void {
    const id = status === 202 ? idOf(body) : undefined;
    this.tally.answer(status, body, id !== undefined);
    if (status >= 500) this.log?.unknown(job.index);
    if (status === 429 || status >= 500) {
      const wait = retryAfterMs(retryAfter ?? null, Date.now()) ?? RETRY_AFTER_MS.default;
      this.after(Math.min(wait, RETRY_AFTER_MS.most), () => {
        this.again.push(job);
        this.pump();
      });
      return;
    }
    this.open.delete(job);
    if (id === undefined) return;
    this.tally.accepted(now - job.due, job.index >= this.cold);
    this.log?.accepted(job.index, id, now - this.begin);
  }

  private second(): void {
    this.options.onSecond?.(this.tally.second(this.dueAt(performance.now())));
  }

  private after(ms: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      action();
    }, ms);
    this.timers.add(timer);
  }
}

/** Of `{"id": "…"}`; undefined when the answer is none of the door. */
function idOf(body: string): string | undefined {
  try {
    const { id } = JSON.parse(body) as { id?: unknown };
    // No blank: the log is parted by them.
    return typeof id === 'string' && /^[^\s-][^\s]*$/.test(id) ? id : undefined;
  } catch {
    return undefined;
  }
}
