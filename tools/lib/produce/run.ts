import { Client, type Outcome } from './client';
import { DEFAULTS, type ProduceOptions, type Settings } from './options';
import { countsOf, type BatchOutcome, type Failure, type RejectedRecord, type Summary } from './summary';
import type { Surroundings } from './surroundings';

/** How long requests that are under way may still take once somebody interrupts, ms. */
const GRACE_MS = 5_000;

/** What the parts of one production share: settings, the way to the API, how far it is, and how it is ended. */
export class Run {
  readonly settings: Settings;
  readonly client: Client;
  /** Nothing more is sent. */
  readonly stop = new AbortController();
  /** Nothing more is waited for. */
  readonly hurry = new AbortController();
  readonly batches: BatchOutcome[] = [];
  failure: Failure | undefined;
  interrupted = false;
  /** The input was read to its end. */
  readAll = false;
  lateMs = 0;
  /** Bytes of the file, or records, that were read. */
  read: () => number = () => 0;
  total: number | undefined;
  private readonly startedAt: number;
  private endedAt: number | undefined;
  private readonly cut = new AbortController();
  private accepted = 0;
  private closed = 0;

  constructor(
    options: ProduceOptions,
    readonly surroundings: Surroundings,
  ) {
    // A member that is there and undefined must not take a default away.
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
    this.settings = { ...DEFAULTS, ...(given as unknown as ProduceOptions) };
    this.client = new Client(this.settings.api, this.settings.retries, surroundings, this.cut.signal);
    this.startedAt = surroundings.now();
    const { signal } = this.settings;
    if (signal?.aborted) this.interrupt();
    else signal?.addEventListener('abort', () => this.interrupt(), { once: true, signal: this.cut.signal });
  }

  get stopped(): boolean {
    return this.stop.signal.aborted;
  }

  /** ms since it began */
  elapsed(): number {
    return this.surroundings.now() - this.startedAt;
  }

  /** Ends the sending; the first failure is the one that is told. */
  fail(failure: Failure): void {
    this.failure ??= failure;
    this.stop.abort();
    // Who is not there will not tell of batches either.
    if (failure.kind === 'unreachable' || failure.kind === 'open') this.hurry.abort();
  }

  /** What an outcome other than an answer means, if it is a failure. */
  failedBy(outcome: Exclude<Outcome, { kind: 'answered' | 'refused' }>): void {
    if (outcome.kind === 'stopped') return;
    const { url } = this.settings.api;
    this.fail({ kind: 'unreachable', message: `${url} does not take it: ${outcome.reason}.` });
  }

  noteAccepted(records: number): void {
    this.accepted += records;
    this.tell();
  }

  noteClosed(records: number): void {
    this.closed += records;
    this.tell();
  }

  /** Tells how far it is. */
  tell(): void {
    const { accepted, closed, total } = this;
    this.settings.onProgress?.({ read: this.read(), total, accepted, closed });
  }

  /** The moment up to which seconds are counted. */
  ended(): void {
    this.endedAt = this.surroundings.now();
  }

  /** Lets go of everything, so that the process can end. */
  dispose(): void {
    this.stop.abort();
    this.hurry.abort();
    this.cut.abort();
  }

  summary(rejected: readonly RejectedRecord[]): Summary {
    const { api, dataset, input, mode, rate } = this.settings;
    const { batches, failure, interrupted, readAll, client } = this;
    const taken = batches.filter(({ state }) => state === 'accepted' || state === 'examined');
    const accepted = taken.reduce((sum, { records }) => sum + (records ?? 0), 0);
    const seconds = ((this.endedAt ?? this.surroundings.now()) - this.startedAt) / 1_000;
    return {
      dataset,
      to: api.url,
      input: input.kind === 'file' ? input.file : input.name,
      mode,
      readAll,
      interrupted,
      ...(failure ? { failure } : {}),
      accepted,
      counts: countsOf(batches),
      requestCharge: batches.reduce((sum, batch) => sum + (batch.requestCharge ?? 0), 0),
      batches,
      replayed: batches.filter(({ replayed }) => replayed).length,
      open: taken.filter(({ state, status }) => state === 'accepted' && status === undefined).length,
      repeats: client.repeats,
      seconds,
      recordsPerSecond: seconds > 0 ? accepted / seconds : 0,
      ...(rate === undefined ? {} : { lateSeconds: this.lateMs / 1_000 }),
      rejected,
    };
  }

  private interrupt(): void {
    this.interrupted = true;
    this.stop.abort();
    this.hurry.abort();
    void this.surroundings.delay(GRACE_MS, this.cut.signal).then(() => this.cut.abort());
  }
}
