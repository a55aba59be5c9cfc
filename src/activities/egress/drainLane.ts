import { setTimeout as delay } from 'node:timers/promises';
import type { InvocationContext } from '@azure/functions';
import { laneOf, type LaneTask } from '../../domain/egress/lane';
import { shardOf } from '../../domain/egress/row';
import type { Subscription } from '../../domain/egress/subscription';
import type { Answered } from './attempt';
import type { EgressDeps } from './deps';
import { createHealthKeeper, type HealthKeeper } from './health';
import { leaseMargin } from './pages';
import { Pump, type PumpHost } from './pump';
import { Receivers } from './receiver';

/** How long (ms) one activity drains: orchestrations with long activities cannot be looked after. */
const BOX_MS = 20_000;

/** How often (ms) subscriptions are read again, and whether the box is over is looked at. */
const REFRESH_MS = 1_000;
const TICK_MS = 50;

/** Rows are due by the clock of whoever raised them, and are seen when they are stored: so far (ms) a look goes back. */
const OVERLAP_MS = 3_000;

/** At most one line about failures in this time (ms). */
const FAILURE_LOG_MS = 10_000;

export interface Drained {
  /** Whether anything was sent: when not, the lane may end. */
  readonly worked: boolean;
}

/**
 * Delivers for a while what the subscriptions of a lane are owed. One activity serves all of them, so that receivers
 * which do not answer hold sockets, but no activity that a batch needs; each has its share of the lane's slots.
 * May run twice at the same time: every request is noted in its row before it starts.
 */
export function createDrainLane(deps: EgressDeps, { boxMs = BOX_MS } = {}) {
  const receivers = new Receivers();
  return async function drainLane(task: LaneTask, context?: InvocationContext): Promise<Drained> {
    // The number of lanes was changed: others drain these subscriptions now.
    if (task.lanes !== deps.egress.lanes) return { worked: false };
    const lane = new Lane(deps, task, receivers, (text) => context?.warn(text));
    const end = deps.wake.listen(task.lane, (pk) => lane.wake(pk));
    try {
      return { worked: await lane.run(boxMs) };
    } finally {
      end();
      await lane.close();
    }
  };
}

class Lane implements PumpHost {
  private readonly pumps = new Map<string, Pump>();
  /** Pumps of subscriptions that are no longer active, or that are at the end of the box. */
  private readonly ending = new Set<Promise<void>>();
  private readonly health: HealthKeeper;
  private refreshedAt = -Infinity;
  private lookedAt: number;
  private worked = false;
  private toldFailureAt = -Infinity;

  constructor(
    private readonly deps: EgressDeps,
    private readonly task: LaneTask,
    private readonly receivers: Receivers,
    private readonly warn: (text: string) => void,
  ) {
    // Pumps look at everything when they begin.
    this.lookedAt = this.time();
    this.health = createHealthKeeper(deps, receivers, (error) => this.failed(error));
  }

  wake(pk: string): void {
    const { subscription, shard } = shardOf(pk);
    const pump = this.pumps.get(subscription);
    if (pump) pump.wake(shard);
    // It was activated a moment ago.
    else this.refreshedAt = -Infinity;
  }

  share(): number {
    let busy = 0;
    for (const pump of this.pumps.values()) if (pump.busy) busy++;
    // One share is kept free, so that a receiver that comes to need it does not wait for others to answer.
    return Math.max(1, Math.floor(this.deps.egress.slots / this.deps.egress.lanes / (busy + 1)));
  }

  ended(subscription: Subscription, answered: Answered): void {
    this.worked = true;
    this.health.note(subscription, answered);
  }

  /** The store does not answer, mostly: said now and then, since each request may fail. */
  failed(error: unknown): void {
    const now = this.time();
    if (now - this.toldFailureAt < FAILURE_LOG_MS) return;
    this.toldFailureAt = now;
    this.warn(`Deliveries are held up: ${error instanceof Error ? error.message : String(error)}`);
  }

  /** @returns whether anything was sent */
  async run(boxMs: number): Promise<boolean> {
    const begun = this.time();
    const { timeoutMs } = this.deps.egress;
    const hard = begun + boxMs + timeoutMs + leaseMargin(timeoutMs);
    while (!this.isOver(begun + boxMs, hard)) {
      if (this.time() - this.refreshedAt >= REFRESH_MS) {
        await this.refresh();
        await this.look();
      }
      await delay(TICK_MS);
    }
    return this.worked;
  }

  async close(): Promise<void> {
    for (const [id, pump] of this.pumps) this.end(id, pump);
    await Promise.all(this.ending);
    await this.health.settled();
  }

  /**
   * The end: first those that have slow requests under way start no more, while the others go on; when no slow one is
   * left, all stop. So a receiver that hangs never makes another wait for its time-out.
   */
  private isOver(soft: number, hard: number): boolean {
    const now = this.time();
    if (now < soft) return false;
    const pumps = [...this.pumps.values()];
    for (const pump of pumps) pump.closing = 'slow';
    return now >= hard || !pumps.some((pump) => pump.slow);
  }

  private async refresh(): Promise<void> {
    this.refreshedAt = this.time();
    const { lane, lanes } = this.task;
    try {
      const all = (await this.deps.subscriptions.all()).map(({ subscription }) => subscription);
      this.receivers.keep(new Set(all.map(({ id }) => id)));
      const mine = all.filter(({ id, status }) => status === 'active' && laneOf(id, lanes) === lane);
      const active = new Set(mine.map(({ id }) => id));
      for (const [id, pump] of this.pumps) if (!active.has(id)) this.end(id, pump);
      for (const subscription of mine) {
        const known = this.pumps.get(subscription.id);
        if (known) known.follow(subscription);
        else this.begin(subscription);
        if (this.deps.secretsOf(subscription, this.deps.now()).length === 0)
          this.failed(new Error(`no secret of subscription ${subscription.id} can be opened.`));
      }
    } catch (error) {
      this.failed(error);
    }
  }

  /**
   * Finds what came due since the last look: raised by other processes, or at the end of a pause. Under load there is
   * much of it, in each partition; the question, which costs the store as much, is left out when the answer is known:
   * pumps that will look everywhere anyway find it. Those that hold back are told to, so that it is not asked meanwhile.
   */
  private async look(): Promise<void> {
    const now = this.time();
    const pumps = [...this.pumps.values()];
    if (this.deps.priority.held) for (const pump of pumps) pump.wakeAll();
    if (pumps.every((pump) => pump.looksEverywhere)) {
      this.lookedAt = now;
      return;
    }
    try {
      const due = await this.deps.deliveries.partitionsDue(this.lookedAt - OVERLAP_MS, now);
      this.lookedAt = now;
      for (const pk of due) {
        const { subscription, shard } = shardOf(pk);
        this.pumps.get(subscription)?.wake(shard);
      }
    } catch (error) {
      this.failed(error);
    }
  }

  private begin(subscription: Subscription): void {
    const receiver = this.receivers.of(subscription.id);
    // Whoever changed it since, by resuming it say, starts the count afresh.
    if (Date.parse(subscription.updatedAt) > (receiver.failingSince ?? Infinity))
      receiver.failingSince = undefined;
    const pump = new Pump(this.deps, subscription, receiver, this);
    this.pumps.set(subscription.id, pump);
    pump.turn();
  }

  private end(id: string, pump: Pump): void {
    this.pumps.delete(id);
    const ending = pump.close().finally(() => this.ending.delete(ending));
    this.ending.add(ending);
  }

  private time(): number {
    return this.deps.now().getTime();
  }
}
