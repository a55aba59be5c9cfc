import {
  epochBefore,
  epochOf,
  FIRST_NUMBER,
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
   * place when the hub is made again. Leaves alone what was not there, or was claimed on, since it was asked last. Sees
   * to it that the batches of every claim are there, also of hubs that are gone.
   */
  claimLeftBehind(partition: string, start: StartBatch): Promise<void>;
}

const behind = (events: readonly IngressEvent[], next: number): readonly IngressEvent[] =>
  events.filter(({ sequenceNumber }) => sequenceNumber >= next);

/** Claims numbers of which there is no event at hand. @returns where the chain goes on: where it was, if nobody has one */
type Fill = (from: number, to: number) => Promise<number>;

/**
 * The walk begins at the head, a boundary that is known, and never at the group that was delivered: its boundaries are
 * others at each delivery. What comes next is claimed by creating the claim of that number if it is absent, after the
 * bodies of its batches are stored; whoever is too late takes the winner's claim for its own, and goes on behind it.
 * Every chain begins with the first number that a hub gives, so that what has expired before the first claim is named.
 */
export function createChains(deps: IngressDeps): Chains {
  const { claims, hub } = deps;
  /** Up to where this process knows each chain to be claimed and its batches to be reserved. */
  const known = new Map<string, number>();
  /** Where each partition was the last time that somebody looked for what is left behind. */
  const seen = new Map<string, { readonly next: number; readonly last: number }>();
  const nameOf = ({ epoch, partition }: Chain): string => `${epoch}-${partition}`;

  const reached = (chain: Chain, next: number): number => {
    known.set(nameOf(chain), Math.max(next, known.get(nameOf(chain)) ?? FIRST_NUMBER));
    return next;
  };

  const moveOn = async (chain: Chain, { last }: Claim): Promise<number> => {
    const next = reached(chain, last + 1);
    await claims.advance(chain, next);
    return next;
  };

  const headOf = async (chain: Chain): Promise<number> => {
    const head = await claims.head(chain);
    if (head !== undefined) return head;
    // By its head it is known that there is such a chain.
    await claims.advance(chain, FIRST_NUMBER);
    return FIRST_NUMBER;
  };

  /** Follows the claims that are there, and sees to it that their batches are. @returns the first number without one */
  const walk = async (chain: Chain, start: StartBatch): Promise<number> => {
    let next = known.get(nameOf(chain)) ?? (await headOf(chain));
    for (let claim = await claims.read(chain, next); claim; claim = await claims.read(chain, next)) {
      await settle(deps, claim, start, false);
      next = await moveOn(chain, claim);
    }
    return reached(chain, next);
  };

  /** @returns where the chain goes on */
  const claim = async (chain: Chain, proposal: Proposal, start: StartBatch): Promise<number> => {
    await storeBodies(deps, proposal);
    const winner = await claims.create(proposal.claim);
    await settle(deps, winner, start, winner === proposal.claim);
    return moveOn(chain, winner);
  };

  const claimLost = (chain: Chain, from: number, to: number, start: StartBatch): Promise<number> =>
    claim(chain, lostRange(chain, from, to, deps.now()), start);

  /** Claims events that are at hand; those before `from` are claimed already. */
  const claimAll = async (
    chain: Chain,
    from: number,
    events: readonly IngressEvent[],
    fill: Fill,
    start: StartBatch,
  ): Promise<void> => {
    for (let next = from; ;) {
      const left = behind(events, next);
      const [first] = left;
      if (!first) return;
      const filled = first.sequenceNumber === next ? next : await fill(next, first.sequenceNumber - 1);
      next =
        filled > next ? filled : await claim(chain, propose(chain, next, fitting(left), deps.now()), start);
    }
  };

  /** Reads from `from` up to `to`, without waiting for what has expired. @returns also the oldest that had not, afterwards */
  const readHub = async (chain: Chain, from: number, to: number) => {
    const { begin } = await hub.extent(chain.partition);
    const events = begin > to ? [] : await hub.read(chain.partition, Math.max(begin, from), to);
    const isWhole = events[0]?.sequenceNumber === from;
    const oldest = isWhole ? from : (await hub.extent(chain.partition)).begin;
    // Asked after the reading: all that was read is of this hub then.
    if (epochOf(await hub.createdOn()) !== chain.epoch) throw new Error('The hub was made again meanwhile.');
    return { events, oldest };
  };

  /** Claims what the hub itself has from `from` up to `to`, and what it had. @returns where the chain goes on */
  const claimFromHub = async (chain: Chain, from: number, to: number, start: StartBatch): Promise<number> => {
    let next = from;
    while (next <= to) {
      const { events, oldest } = await readHub(chain, next, to);
      const expired = Math.min(oldest, events[0]?.sequenceNumber ?? oldest, to + 1) - 1;
      if (expired >= next) next = await claimLost(chain, next, expired, start);
      // Numbers that no event has: the next claim covers them.
      else if (events.length === 0) break;
      else next = await claim(chain, propose(chain, next, fitting(events), deps.now()), start);
    }
    return next;
  };

  const present = async (partition: string): Promise<Chain> => ({
    epoch: epochOf(await hub.createdOn()),
    partition,
  });

  return {
    async claimEvents(partition, events, start) {
      const [first] = events;
      const last = events.at(-1)?.sequenceNumber ?? -1;
      if (!first) return;
      // Asked after the group was delivered: a hub that was made later than its events is not the one they are of.
      const createdOn = await hub.createdOn();
      const isGone = first.enqueuedAt < createdOn.getTime();
      const epoch = isGone
        ? epochBefore(await claims.epochs(partition), first.enqueuedAt)
        : epochOf(createdOn);
      const chain = { epoch, partition };
      let next = known.get(nameOf(chain)) ?? (await walk(chain, start));
      if (last < next) return;
      if (first.sequenceNumber > next) next = await walk(chain, start);
      const fill: Fill = (from, to) =>
        isGone ? claimLost(chain, from, to, start) : claimFromHub(chain, from, to, start);
      await claimAll(chain, next, events, fill, start);
    },

    async claimLeftBehind(partition, start) {
      const chain = await present(partition);
      const next = await walk(chain, start);
      for (const epoch of await claims.epochs(partition))
        if (epoch !== chain.epoch) await walk({ epoch, partition }, start);
      const { last } = await hub.extent(partition);
      const before = seen.get(nameOf(chain));
      seen.set(nameOf(chain), { next, last });
      if (last < next || before?.next !== next || before.last < next) return;
      await claimFromHub(chain, next, Math.min(last, before.last), start);
    },
  };
}
