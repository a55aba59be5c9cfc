import {
  epochOf,
  fitting,
  lostRange,
  propose,
  type Chain,
  type Claim,
  type Proposal,
} from '../../domain/ingress/claim';
import type { IngressEvent } from '../../domain/ingress/packet';
import type { IngressDeps, StartBatch } from './deps';
import { settle, storeBodies } from './settle';

/** Turns the events of the hub into batches, each event into exactly one. */
export interface Chains {
  /** Claims a delivered group, and what was missed before it. When it resolves, all of it is claimed. */
  claimEvents(partition: string, events: readonly IngressEvent[], start: StartBatch): Promise<void>;
  /**
   * Claims what no trigger has delivered: the platform may move its checkpoint past a function that failed, and loses its
   * place when the hub is made again. Leaves alone what was not there, or was claimed on, since it was asked last.
   */
  claimLeftBehind(partition: string, start: StartBatch): Promise<void>;
  /** Sees to it that every claim's batches are there; what is not claimed stays. @returns the first number that is not */
  settleAll(partition: string, start: StartBatch): Promise<Place>;
}

/** A place in the hub that is there now. */
export interface Place extends Chain {
  readonly next: number;
}

/** How long (ms) a claim waits for the head to be moved on: mostly others come that can be passed with it. */
const HEAD_AFTER_MS = 1_000;

/**
 * The walk begins at the head, a boundary that is known, and never at the group that was delivered: its boundaries are
 * others at each delivery. What comes next is claimed by creating the claim of that number if it is absent, after the
 * bodies of its batches are stored; whoever is too late takes the winner's claim for its own, and goes on behind it.
 */
export function createChains(deps: IngressDeps): Chains {
  const { claims, hub } = deps;
  /** Up to where this process knows each chain to be claimed and started. */
  const known = new Map<string, number>();
  /** Chains whose heads are going to be moved on. */
  const moving = new Set<string>();
  /** Where each partition was the last time that somebody looked for what is left behind. */
  const seen = new Map<string, { readonly next: number; readonly last: number }>();
  const nameOf = ({ epoch, partition }: Chain): string => `${epoch}-${partition}`;

  /** The head may be behind: those who begin there have a few claims more to follow. */
  const moveHeadSoon = (chain: Chain): void => {
    const name = nameOf(chain);
    if (moving.has(name)) return;
    moving.add(name);
    const move = (): void => {
      moving.delete(name);
      claims.advance(chain, known.get(name) ?? 0).catch(() => undefined);
    };
    setTimeout(move, HEAD_AFTER_MS).unref();
  };

  const moveOn = (chain: Chain, claim: Claim): number => {
    const next = claim.last + 1;
    known.set(nameOf(chain), Math.max(next, known.get(nameOf(chain)) ?? 0));
    moveHeadSoon(chain);
    return next;
  };

  /** Follows the claims that are there, and sees to it that their batches are. @returns the first number without one */
  const walk = async (chain: Chain, begin: () => Promise<number>, start: StartBatch): Promise<number> => {
    let next = known.get(nameOf(chain)) ?? (await headOf(chain, begin));
    for (let claim = await claims.read(chain, next); claim; claim = await claims.read(chain, next)) {
      await settle(deps, claim, start, false);
      next = moveOn(chain, claim);
    }
    known.set(nameOf(chain), next);
    return next;
  };

  /** The first one that asks fixes where the chain begins: two beginnings would be two chains. */
  const headOf = async (chain: Chain, begin: () => Promise<number>): Promise<number> => {
    const head = await claims.head(chain);
    if (head !== undefined) return head;
    await claims.advance(chain, await begin());
    return (await claims.head(chain)) ?? 0;
  };

  /** @returns where the chain goes on */
  const claim = async (chain: Chain, proposal: Proposal, start: StartBatch): Promise<number> => {
    await storeBodies(deps, proposal);
    const winner = await claims.create(proposal.claim);
    await settle(deps, winner, start, winner === proposal.claim);
    return moveOn(chain, winner);
  };

  /** Claims events that are at hand; those before `next` are claimed already. @returns where the chain goes on */
  const claimAll = async (
    chain: Chain,
    from: number,
    events: readonly IngressEvent[],
    start: StartBatch,
  ): Promise<number> => {
    let next = from;
    for (;;) {
      const begin = next;
      const left = events.filter(({ sequenceNumber }) => sequenceNumber >= begin);
      if (left.length === 0) return next;
      next = await claim(chain, propose(chain, next, fitting(left), deps.now()), start);
    }
  };

  /** Claims what the hub itself has from `from` up to `to`. @returns where the chain goes on */
  const claimFromHub = async (chain: Chain, from: number, to: number, start: StartBatch): Promise<number> => {
    let next = from;
    while (next <= to) {
      const { begin } = await hub.extent(chain.partition);
      const expired = Math.min(begin - 1, to);
      if (expired >= next) next = await claim(chain, lostRange(chain, next, expired, deps.now()), start);
      if (next > to) break;
      const events = await hub.read(chain.partition, next, to);
      // Asked after the reading: what was read is of this hub then.
      if (epochOf(await hub.createdOn()) !== chain.epoch)
        throw new Error('The hub was made again meanwhile.');
      // Numbers that no event has: the next claim covers them.
      if (events.length === 0) break;
      next = await claimAll(chain, next, events, start);
    }
    return next;
  };

  const settleAll: Chains['settleAll'] = async (partition, start) => {
    const chain = { epoch: epochOf(await hub.createdOn()), partition };
    const begin = async (): Promise<number> => (await hub.extent(partition)).begin;
    return { ...chain, next: await walk(chain, begin, start) };
  };

  return {
    settleAll,

    async claimEvents(partition, events, start) {
      const [first] = events;
      const last = events.at(-1)?.sequenceNumber ?? -1;
      if (!first) return;
      // Asked after the group was delivered: a hub that was made later than its events is not the one they are of.
      const createdOn = await hub.createdOn();
      const isGone = first.enqueuedAt < createdOn.getTime();
      const epoch = isGone ? await claims.epochAt(partition, first.enqueuedAt) : epochOf(createdOn);
      const chain = { epoch, partition };
      const begin = async (): Promise<number> =>
        isGone ? first.sequenceNumber : (await hub.extent(partition)).begin;
      let next = known.get(nameOf(chain)) ?? (await walk(chain, begin, start));
      if (last < next) return;
      if (first.sequenceNumber > next) next = await walk(chain, begin, start);
      if (first.sequenceNumber > next) {
        const before = first.sequenceNumber - 1;
        next = isGone
          ? await claim(chain, lostRange(chain, next, before, deps.now()), start)
          : await claimFromHub(chain, next, before, start);
      }
      await claimAll(chain, next, events, start);
    },

    async claimLeftBehind(partition, start) {
      const { next, ...chain } = await settleAll(partition, start);
      const { last } = await hub.extent(partition);
      const before = seen.get(nameOf(chain));
      seen.set(nameOf(chain), { next, last });
      if (last < next || before?.next !== next || before.last < next) return;
      await claimFromHub(chain, next, Math.min(last, before.last), start);
    },
  };
}
