/** What a load is. Rates are records a second, one record a request. */
export interface LoadOptions {
  /** Origin of Headwater, without a slash at the end. */
  readonly to: string;
  /** A function key. */
  readonly key: string;
  readonly dataset: string;
  /** Records a second, at fixed moments. */
  readonly rate: number;
  /** Connections that are kept alive; as many requests are under way at most. */
  readonly connections: number;
  /** For how long records become due, seconds. */
  readonly duration: number;
  /** For so long before that, too, at the same rate: these count as any others, but for the latency. Seconds. */
  readonly warmUp?: number;
  readonly seed: number;
  /** How many different keys the records are of. */
  readonly ids: number;
  /** After the last record was due: how long those are waited for that are not accepted, ms. */
  readonly graceMs?: number;
  /** A request that was not answered for so long counts as lost, ms. */
  readonly timeoutMs?: number;
  /** File for what was accepted (`log.ts`). */
  readonly log?: string;
  /** Ends it early; what is not accepted by then is unanswered. */
  readonly signal?: AbortSignal;
  /** Before the first record is due, which will be at `begin` (ms since the epoch). */
  readonly onBegin?: (begin: number) => void;
  /** Once a second. */
  readonly onSecond?: (second: Second) => void;
}

export const LOAD_DEFAULTS = {
  rate: 1_500,
  connections: 100,
  duration: 120,
  dataset: 'products',
  seed: 1,
  ids: 100_000,
  graceMs: 60_000,
  timeoutMs: 30_000,
} as const;

/** What happened within one second. Latencies in ms; null where nothing was accepted. */
export interface Second {
  /** From 1. */
  readonly second: number;
  /** Records that became due. */
  readonly due: number;
  readonly accepted: number;
  /** Answers 429 and 503. */
  readonly refused: number;
  /** Other answers than 202, 429 and 503, and lost connections. */
  readonly errors: number;
  readonly p50: number | null;
  readonly p99: number | null;
  readonly max: number | null;
}

/** Latencies in ms, from the moment at which a record was due until its 202. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

export interface LoadResult {
  readonly dataset: string;
  readonly rate: number;
  readonly connections: number;
  readonly duration: number;
  readonly seed: number;
  readonly ids: number;
  /** ISO 8601: when the first record was due. */
  readonly begin: string;
  /** Until the last answer. */
  readonly seconds: number;
  /** Records that became due. */
  readonly due: number;
  /** Records with a 202. */
  readonly accepted: number;
  /** Accepted, per second of the whole time. */
  readonly acceptedPerSecond: number;
  /** Answers 429 and 503; their records were sent again. */
  readonly refused: number;
  /** Other answers 5xx; their records were sent again, too. */
  readonly serverErrors: number;
  /** Connections lost before the answer; their records were sent again, and may have been accepted twice. */
  readonly lost: number;
  /** Attempts to connect that failed: nothing was sent. */
  readonly unconnected: number;
  /** Requests that repeated an earlier one, for whichever reason. */
  readonly retried: number;
  /** Records with an answer that says that they will never be accepted. */
  readonly failed: number;
  /** Records that were neither accepted nor failed in the end. */
  readonly unanswered: number;
  /** Answers by status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** The first body that came with an unexpected status. */
  readonly firstFailure: string | null;
  /**
   * Of accepted records, and of unanswered ones with the time for which they have waited: a server that forgets the slow
   * ones shall not look quick. Null when there are none.
   */
  readonly latency: Latency | null;
  /** How late the generator itself sent what a free connection waited for: its own share in the latency. */
  readonly ownDelay: Latency | null;
  /** The generator's processor time per answer, ms; everything of this process. */
  readonly cpuMsPerRequest: number | null;
}
