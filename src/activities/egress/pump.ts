import { isSuccess } from '../../domain/egress/delivery';
import { shardOf, SHARDS, shardPartition, type DeliveryRow } from '../../domain/egress/row';
import type { Subscription } from '../../domain/egress/subscription';
import { heldFor, send, type Answered, type Claimed } from './attempt';
import type { EgressDeps } from './deps';
import { claimPage, leaseMargin } from './pages';
import { Rate } from './rate';
import type { Receiver } from './receiver';
import { Settler } from './settler';

/** A partition is looked at this often (ms) though nobody said that something is due there. */
const LOOK_MS = 10_000;

/** How often (ms) a pump that is full looks whether it may have more under way now. */
const FULL_LOOK_MS = 1_000;

/** Rows claimed at once, at most; and for how long (ms) they may wait for their turn. */
const MAX_CLAIM = 100;
const CLAIMED_AHEAD_MS = 500;

/** A request that takes longer (ms) than this is slow. */
const SLOW_MS = 1_000;

const GONE_PAUSE_MS = 5_000;

/** Pause (ms) after the store has failed. */
const STORE_PAUSE_MS = 500;

export interface PumpHost {
  /** How many requests this subscription may have under way: its share of the lane's slots. */
  share(): number;
  /** A request has ended; for what is kept about the subscription itself. */
  ended(subscription: Subscription, answered: Answered): void;
  failed(error: unknown): void;
}

/**
 * Delivers what one subscription is owed: takes due rows page by page, and keeps as many requests under way as it
 * may. Never throws: what fails is tried again, and rows whose lease runs out are found by whoever looks next.
 */
export class Pump {
  /** Set to end it: `slow` starts nothing more while slow requests are under way, `all` starts nothing more at all. */
  closing: 'no' | 'slow' | 'all' = 'no';
  private readonly queue: Claimed[] = [];
  private readonly inFlight = new Map<Claimed, number>();
  /** By shard, when it is to be looked at; 0: now. */
  private readonly looks = Array.from({ length: SHARDS }, () => 0);
  private lastShard = 0;
  private readonly rate: Rate;
  private secrets: readonly string[];
  private readonly settler: Settler;
  private filling = false;
  private timer: NodeJS.Timeout | undefined;
  private rateTimer: NodeJS.Timeout | undefined;

  constructor(
    private readonly deps: EgressDeps,
    private subscription: Subscription,
    private readonly receiver: Receiver,
    private readonly host: PumpHost,
  ) {
    this.rate = new Rate(rateOf(subscription), this.time());
    this.secrets = deps.secretsOf(subscription, deps.now());
    this.settler = new Settler(
      deps,
      (row) => this.look(row),
      (error) => host.failed(error),
    );
    receiver.heldUntil = Math.max(receiver.heldUntil, subscription.health.heldUntil ?? 0);
  }

  /** The subscription may have been changed: what is decided from now on follows it. */
  follow(subscription: Subscription): void {
    this.subscription = subscription;
    this.rate.change(rateOf(subscription));
    // Opened once in a while, not for every request.
    this.secrets = this.deps.secretsOf(subscription, this.deps.now());
  }

  /** Something is due in this partition. */
  wake(shard: number): void {
    this.looks[shard] = 0;
    this.turn();
  }

  /** Something may be due in any partition. */
  wakeAll(): void {
    this.looks.fill(0);
    this.turn();
  }

  /** Whether it is about to look at each of its partitions. */
  get looksEverywhere(): boolean {
    const now = this.time();
    return this.looks.every((at) => at <= now);
  }

  get busy(): boolean {
    return this.inFlight.size + this.queue.length > 0 || this.filling || this.settler.busy;
  }

  /** Whether a request under way takes long. */
  get slow(): boolean {
    const limit = this.time() - SLOW_MS;
    for (const startedAt of this.inFlight.values()) if (startedAt < limit) return true;
    return false;
  }

  /** Does what can be done now, and sees to it that it is called again when there is more. */
  turn(): void {
    clearTimeout(this.timer);
    this.sendQueued();
    if (this.mayStart() && this.hasRoom()) void this.fill();
    this.schedule();
  }

  /** Ends it; resolves when nothing is under way and every answer is stored. */
  async close(): Promise<void> {
    this.closing = 'all';
    clearTimeout(this.timer);
    clearTimeout(this.rateTimer);
    await this.settler.release(this.queue.splice(0));
    while (this.busy) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** Looks at the row's partition when it is due again. */
  private look({ pk, due }: DeliveryRow): void {
    const { shard } = shardOf(pk);
    if (due === undefined || due >= (this.looks[shard] ?? 0)) return;
    this.looks[shard] = due;
    this.schedule();
  }

  private schedule(): void {
    if (this.closing === 'all') return;
    const now = this.time();
    // Without room the end of a request calls this; what it may have under way can grow in between.
    const next = this.hasRoom() && this.secrets.length > 0 ? Math.min(...this.looks) : now + FULL_LOOK_MS;
    const wait = Math.max(next, this.receiver.heldUntil, this.deps.priority.heldUntil()) - now;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.turn(), Math.min(Math.max(wait, 5), LOOK_MS));
  }

  private mayStart(): boolean {
    // Without a secret that can be opened nothing is sent: the key in the configuration is another one.
    if (this.secrets.length === 0) return false;
    if (this.closing === 'all' || this.time() < this.receiver.heldUntil) return false;
    // Ingest comes first; the end of a request calls this again, and so does the timer.
    if (this.deps.priority.heldUntil() > this.time()) return false;
    return this.closing === 'no' || !this.slow;
  }

  /** Whether further rows can be claimed. */
  private hasRoom(): boolean {
    return this.inFlight.size + this.queue.length < this.limit() + this.ahead();
  }

  private limit(): number {
    return Math.max(
      1,
      Math.min(this.subscription.maxInFlight, this.host.share(), Math.floor(this.receiver.window)),
    );
  }

  /** Rows to be claimed before it is their turn: none where requests take long, since a lease runs from the claim. */
  private ahead(): number {
    return this.receiver.latency < CLAIMED_AHEAD_MS ? this.limit() : 0;
  }

  private sendQueued(): void {
    while (this.queue.length > 0 && this.inFlight.size < this.limit() && this.mayStart()) {
      const now = this.time();
      const wait = this.rate.take(now);
      if (wait > 0) {
        this.rateTimer ??= setTimeout(() => {
          this.rateTimer = undefined;
          this.turn();
        }, wait);
        return;
      }
      const claimed = this.queue.shift() as Claimed;
      // It waited too long: its answer might come after the lease.
      const { timeoutMs } = this.deps.egress;
      if (now + timeoutMs + leaseMargin(timeoutMs) / 2 > (claimed.row.attempt?.until ?? 0))
        void this.settler.release([claimed]);
      else void this.send(claimed, now);
    }
  }

  private async send(claimed: Claimed, startedAt: number): Promise<void> {
    this.inFlight.set(claimed, startedAt);
    try {
      const answered = await send(this.deps, this.subscription, this.secrets, claimed);
      this.learn(answered);
      this.host.ended(this.subscription, answered);
      this.settler.settle(answered);
    } catch (error) {
      // Not by the receiver: the lease runs out, and it is tried again.
      this.host.failed(error);
    } finally {
      this.inFlight.delete(claimed);
      this.turn();
    }
  }

  /** Fits the window to how the receiver does. */
  private learn({ outcome }: Answered): void {
    const now = this.time();
    this.receiver.latency += (outcome.durationMs - this.receiver.latency) * 0.1;
    const held = heldFor(outcome, now);
    // Who answers 410 is disabled, which takes a moment.
    const pause = outcome.type === 'answered' && outcome.status === 410 ? GONE_PAUSE_MS : held;
    if (pause !== undefined) this.receiver.heldUntil = Math.max(this.receiver.heldUntil, now + pause);
    if (isSuccess(outcome))
      this.receiver.window = Math.min(this.subscription.maxInFlight, this.receiver.window + 0.5);
    else if (outcome.type === 'failed' || held !== undefined)
      this.receiver.window = Math.max(1, this.receiver.window / 2);
  }

  /** Takes the rows of a shard that are due. */
  private async fill(): Promise<void> {
    if (this.filling) return;
    const now = this.time();
    const shard = this.nextShard(now);
    if (shard === undefined) return;
    this.filling = true;
    this.lastShard = shard;
    this.looks[shard] = now + LOOK_MS;
    try {
      const pk = shardPartition(this.subscription.id, shard);
      const { claimed, nextLook } = await claimPage(this.deps, this.subscription, pk, this.claimSize());
      this.looks[shard] = Math.min(this.looks[shard] ?? 0, nextLook);
      this.queue.push(...claimed);
    } catch (error) {
      this.looks[shard] = this.time() + STORE_PAUSE_MS;
      this.host.failed(error);
    } finally {
      this.filling = false;
      if (this.closing === 'all') await this.settler.release(this.queue.splice(0));
      else this.turn();
    }
  }

  /** In turn: under load there is always more in each of them, and none may wait for the others. */
  private nextShard(now: number): number | undefined {
    for (let step = 1; step <= SHARDS; step++) {
      const shard = (this.lastShard + step) % SHARDS;
      if ((this.looks[shard] ?? 0) <= now) return shard;
    }
    return undefined;
  }

  /** As many as can be sent soon: a lease runs from the claim. */
  private claimSize(): number {
    const rounds = Math.max(1, Math.floor(CLAIMED_AHEAD_MS / Math.max(1, this.receiver.latency)));
    const byRate = Math.max(1, Math.ceil(rateOf(this.subscription)));
    return Math.min(MAX_CLAIM, byRate, this.limit() * rounds);
  }

  private time(): number {
    return this.deps.now().getTime();
  }
}

function rateOf({ rateLimit, consent }: Subscription): number {
  const allowed = consent?.allowedRate === undefined ? Infinity : consent.allowedRate / 60;
  return Math.min(rateLimit ?? Infinity, allowed);
}
