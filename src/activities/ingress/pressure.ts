import type { Batches } from '../../clients/batches';
import type { Claims } from '../../clients/claims';
import type { IngressHub } from '../../clients/ingressHub';
import type { Packets } from '../../clients/packets';
import { epochOf } from '../../domain/ingress/claim';
import { Problem } from '../../domain/problem';

/** How old (ms) the figures may be. */
const SAMPLE_MS = 1_000;

/** Over so long (ms) throttled requests are counted. */
const THROTTLED_MS = 10_000;

/** Bytes that wait for the hub in this process: beyond, it does not answer. */
const WAITING_BYTES = 32 * 1024 * 1024;

/** Doors open again when the backlog has gone down to this part of its bound. */
const OPEN_AGAIN = 0.9;

/** Seconds, when nothing is known of how fast it goes, and bounds of what is told. */
const UNKNOWN_RETRY_S = 5;
const MAX_RETRY_S = 60;

/** How much of a new measurement goes into the rates. */
const SMOOTHING = 0.3;

/** Bounds of what may wait. */
export interface PressureLimits {
  /** Records in the hub that are not in batches. */
  readonly ingressLag: number;
  readonly batchesInFlight: number;
  /** Requests to the store of documents in ten seconds that it put off. */
  readonly throttled: number;
}

/** What waits, and how fast it becomes less. */
export interface Figures {
  /** ISO 8601 */
  readonly at: string;
  readonly lag: { readonly events: number; readonly records: number; readonly recordsPerSecond: number };
  readonly batches: { readonly inFlight: number; readonly perSecond: number };
  readonly throttled: number;
  readonly waitingBytes: number;
}

/** Whether a door may accept. */
export interface Admission {
  /** @throws Problem `overloaded`, with a `Retry-After` */
  admit(): void;
  /** Seconds until there is room for another batch. */
  batchRetryAfter(): number;
}

interface Sample {
  readonly at: number;
  readonly lag: number;
  /** Events that were claimed so far. */
  readonly claimed: number;
  readonly open: number;
}

interface Deps {
  readonly hub: Pick<IngressHub, 'partitions' | 'createdOn' | 'extent'>;
  readonly claims: Pick<Claims, 'head'>;
  readonly batches: Pick<Batches, 'countOpen'>;
  readonly packets: Pick<Packets, 'waiting' | 'recordsPerPacket'>;
  readonly limits: PressureLimits;
  readonly now: () => Date;
}

/**
 * Holds the backlog against its bounds. Doors ask for every request, so what they are told is measured once a second and
 * told from memory; while nothing could be measured they are open.
 */
export class Pressure implements Admission {
  private sample: Sample | undefined;
  private sampling: Promise<void> | undefined;
  private full = false;
  /** per second */
  private claimRate = 0;
  private closeRate = 0;
  private throttledAt: number[] = [];

  constructor(private readonly deps: Deps) {}

  /** The store of documents has put off so many requests. */
  throttled(times: number): void {
    const now = this.time();
    const most = this.deps.limits.throttled + 1;
    this.throttledAt.push(...Array.from({ length: Math.min(times, most) }, () => now));
    if (this.throttledAt.length > 2 * most) this.throttledAt = this.throttledAt.slice(-most);
  }

  admit(): void {
    if (this.time() - (this.sample?.at ?? 0) > SAMPLE_MS) void this.refresh().catch(() => undefined);
    const { limits, packets } = this.deps;
    if (packets.waiting > WAITING_BYTES) throw overloaded('The hub does not answer.', 1);
    const throttled = this.recentlyThrottled();
    if (throttled > limits.throttled)
      throw overloaded(
        `The store has put off ${throttled} requests in ${THROTTLED_MS / 1000} s.`,
        UNKNOWN_RETRY_S,
      );
    const lag = this.lagInRecords();
    this.full = lag > limits.ingressLag * (this.full ? OPEN_AGAIN : 1);
    if (!this.full) return;
    const rate = this.claimRate * packets.recordsPerPacket;
    throw overloaded(
      `${lag} records wait to become batches.`,
      secondsFor(lag - limits.ingressLag * OPEN_AGAIN, rate),
    );
  }

  batchRetryAfter(): number {
    const over = (this.sample?.open ?? 0) - this.deps.limits.batchesInFlight * OPEN_AGAIN;
    return secondsFor(over, this.closeRate);
  }

  /** @throws when the stores do not answer */
  async figures(): Promise<Figures> {
    if (this.time() - (this.sample?.at ?? 0) > SAMPLE_MS) await this.refresh();
    const { lag = 0, open = 0, at = 0 } = this.sample ?? {};
    const { recordsPerPacket, waiting } = this.deps.packets;
    return {
      at: new Date(at).toISOString(),
      lag: {
        events: lag,
        records: this.lagInRecords(),
        recordsPerSecond: Math.round(this.claimRate * recordsPerPacket),
      },
      batches: { inFlight: open, perSecond: Math.round(this.closeRate * 10) / 10 },
      throttled: this.recentlyThrottled(),
      waitingBytes: waiting,
    };
  }

  private lagInRecords(): number {
    return Math.round((this.sample?.lag ?? 0) * this.deps.packets.recordsPerPacket);
  }

  private recentlyThrottled(): number {
    const since = this.time() - THROTTLED_MS;
    return this.throttledAt.filter((at) => at > since).length;
  }

  private refresh(): Promise<void> {
    this.sampling ??= this.measure().finally(() => (this.sampling = undefined));
    return this.sampling;
  }

  private async measure(): Promise<void> {
    const { hub, claims, batches } = this.deps;
    const epoch = epochOf(await hub.createdOn());
    const [open, ...lanes] = await Promise.all([
      batches.countOpen(),
      ...(await hub.partitions()).map(async (partition) => {
        const [{ begin, last }, head] = await Promise.all([
          hub.extent(partition),
          claims.head({ epoch, partition }),
        ]);
        const next = Math.max(head ?? begin, begin);
        return { lag: Math.max(0, last + 1 - next), claimed: next };
      }),
    ]);
    const sample: Sample = {
      at: this.time(),
      open,
      lag: lanes.reduce((sum, { lag }) => sum + lag, 0),
      claimed: lanes.reduce((sum, { claimed }) => sum + claimed, 0),
    };
    const before = this.sample;
    const seconds = before ? (sample.at - before.at) / 1_000 : 0;
    if (before && seconds > 0) {
      const smooth = (rate: number, amount: number): number =>
        rate + (Math.max(0, amount) / seconds - rate) * SMOOTHING;
      this.claimRate = smooth(this.claimRate, sample.claimed - before.claimed);
      // What was begun meanwhile is not known: at least so many were closed.
      this.closeRate = smooth(this.closeRate, before.open - sample.open);
    }
    this.sample = sample;
  }

  private time(): number {
    return this.deps.now().getTime();
  }
}

function secondsFor(amount: number, perSecond: number): number {
  const seconds = perSecond > 0 ? Math.ceil(amount / perSecond) : UNKNOWN_RETRY_S;
  return Math.min(Math.max(seconds, 1), MAX_RETRY_S);
}

const overloaded = (why: string, retryAfter: number): Problem =>
  new Problem(
    'overloaded',
    `${why} Send the request again in ${retryAfter} s.`,
    {},
    {
      'Retry-After': String(retryAfter),
    },
  );

/** Lets everything in. */
export const OPEN: Admission = { admit: () => undefined, batchRetryAfter: () => UNKNOWN_RETRY_S };
