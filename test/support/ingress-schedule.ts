import type { InvocationContext } from '@azure/functions';
import type { Chains } from '../../src/activities/ingress/chain';
import type { IngressEvent } from '../../src/domain/ingress/packet';
import type { Claims } from '../../src/clients/claims';
import type { TriggerDeps } from '../../src/triggers/ingest/deps';
import { createSweepInbox } from '../../src/triggers/ingest/sweep';
import { Dice, IngressWorld } from './ingress-model';
import { IngressProcess, type Make } from './ingress-process';

export interface Schedule {
  readonly make: Make;
  /** What the sweep of the inbox sees of the claims; other than they are, it is a mistake. */
  readonly seenBySweep?: (claims: Claims) => Pick<Claims, 'byId'>;
  readonly actions?: number;
}

interface Owner {
  process: IngressProcess;
  chains: Chains;
}

const HOUR = 3_600_000;

/** The events that a reader of an older hub still has in its hands. */
interface Late {
  readonly partition: string;
  readonly events: readonly IngressEvent[];
}

/**
 * What may happen to a few processes that work on a hub, in an order that the seed decides. In the end nothing goes wrong
 * any more, and the timers run.
 * @returns what there is then, with its faults; none, when all is well
 */
export async function happens(
  seed: number,
  { make, seenBySweep, actions = 40 }: Schedule,
): Promise<IngressWorld> {
  const dice = new Dice(seed);
  const world = new IngressWorld(dice, dice.chance(0.5) ? ['0'] : ['0', '1']);
  const born = (): Owner => {
    const process = new IngressProcess(world);
    return { process, chains: make(process.deps) };
  };
  const owners = Array.from({ length: 1 + dice.below(3) }, born);
  const play = new Play(world, owners, seenBySweep ?? ((claims) => claims));
  // What no timer has ever looked at cannot be told from what came before.
  await play.timers(born());
  if (dice.chance(0.8)) world.risk = { kill: 0.01, fail: 0.02, sleep: dice.chance(0.5) ? 0.02 : 0.1 };
  for (let action = 0; action < actions; action++) {
    owners.forEach((owner, at) => {
      if (owner.process.isKilled) owners[at] = born();
    });
    await play.act();
    await world.run(dice.below(25));
  }
  world.risk = { kill: 0, fail: 0, sleep: 0 };
  for (const process of play.all) process.asleep = false;
  await world.run();
  const last = born();
  for (let run = 0; run < 4; run++) {
    await play.timers(last);
    world.passes(HOUR);
    play.sweep(last.process);
    await world.run();
  }
  world.checkEnd();
  return world;
}

class Play {
  private checkpoints = new Map<string, number>();
  private late: Late[] = [];
  readonly all = new Set<IngressProcess>();

  constructor(
    private readonly world: IngressWorld,
    private readonly owners: readonly Owner[],
    private readonly seenBySweep: (claims: Claims) => Pick<Claims, 'byId'>,
  ) {}

  async timers(owner: Owner): Promise<void> {
    for (const partition of this.world.partitions) this.timer(owner, partition);
    await this.world.run();
  }

  async act(): Promise<void> {
    const { world, owners } = this;
    const { dice } = world;
    const owner = dice.of(owners) as Owner;
    const partition = dice.of(world.partitions) as string;
    this.all.add(owner.process);
    const deeds: [weight: number, deed: () => unknown][] = [
      [6, () => Array.from({ length: 1 + dice.below(5) }, () => world.send(partition))],
      [7, () => this.deliver(owner, partition, this.group(partition))],
      [2, () => this.timer(owner, partition)],
      [1, () => this.skip(partition)],
      [2, () => world.close(dice.of([...world.stores.batches.keys()]) ?? '')],
      [1, () => (owner.process.asleep = true)],
      [2, () => this.wake()],
      [1, () => world.kill(owner.process)],
      [1, () => world.passes(dice.below(3) * HOUR)],
      [2, () => this.sweep(owner.process)],
      [1, () => world.expire(partition, world.hub.partition(partition).begin + dice.below(6))],
      [1, () => this.late.push({ partition, events: this.group(partition) })],
      [1, () => this.deliverLate(owner)],
      [0.5, () => this.makeHubAgain()],
    ];
    const weights = deeds.flatMap(([weight, deed]) => Array.from({ length: weight * 2 }, () => deed));
    await dice.of(weights)?.();
  }

  /** A group as it may be delivered: from the checkpoint, or an older one, on. */
  private group(partition: string): IngressEvent[] {
    const { dice, hub } = this.world;
    const from = (this.checkpoints.get(partition) ?? 0) - (dice.chance(0.3) ? dice.below(8) : 0);
    const events = hub.from(partition, from, 1 + dice.below(8));
    const last = events.at(-1)?.sequenceNumber;
    if (last === undefined || !dice.chance(0.1)) return events;
    // The connection was lost, and some events had expired when it was there again.
    this.world.expire(partition, last + 1 + dice.below(3));
    return [...events, ...hub.from(partition, last + 1, 1 + dice.below(4))];
  }

  private deliver({ process, chains }: Owner, partition: string, events: readonly IngressEvent[]): void {
    const { hub, dice } = this.world;
    const last = events.at(-1)?.sequenceNumber;
    if (last === undefined) return;
    const moveOn = (): void => {
      if (hub !== this.world.hub) return;
      this.checkpoints.set(partition, Math.max(last + 1, this.checkpoints.get(partition) ?? 0));
    };
    chains.claimEvents(partition, events, process.start).then(moveOn, () => {
      // Some platforms move on although the function has failed.
      if (dice.chance(0.3)) moveOn();
    });
  }

  private deliverLate(owner: Owner): void {
    const [group] = this.late.splice(this.world.dice.below(this.late.length), 1);
    if (group) this.deliver(owner, group.partition, group.events);
  }

  timer({ process, chains }: Owner, partition: string): void {
    this.all.add(process);
    chains.claimLeftBehind(partition, process.start).catch(() => undefined);
  }

  /** A group is never delivered. */
  private skip(partition: string): void {
    const { sent } = this.world.hub.partition(partition);
    const from = this.checkpoints.get(partition) ?? 0;
    this.checkpoints.set(partition, Math.min(sent.length, from + 1 + this.world.dice.below(4)));
  }

  private wake(): void {
    const asleep = [...this.all].filter((process) => process.asleep && !process.isKilled);
    const one = this.world.dice.of(asleep);
    if (one) one.asleep = false;
  }

  sweep(process: IngressProcess): void {
    this.all.add(process);
    const { blobs, batches, deps } = process;
    const sweep = createSweepInbox(
      { blobs, batches, now: deps.now } as unknown as TriggerDeps,
      this.seenBySweep(process.claims),
    );
    sweep(undefined, {} as InvocationContext).catch(() => undefined);
  }

  private makeHubAgain(): void {
    const { world } = this;
    const isKnown = world.partitions.every((partition) =>
      [...world.heads.values()].some((one) => one.partition === partition && one.epoch === world.hub.epoch),
    );
    // A hub that nobody has looked at leaves no trace.
    if (!isKnown) return;
    world.makeHub();
    this.checkpoints = new Map();
  }
}
