import type { Chains } from '../../src/activities/ingress/chain';
import type { IngressDeps } from '../../src/activities/ingress/deps';
import type { Claims } from '../../src/clients/claims';
import { claimId, headId } from '../../src/domain/ingress/claim';
import type { IngressEvent } from '../../src/domain/ingress/packet';
import type { IngressWorld } from './ingress-model';
import { Process } from './stores-model';

/** What makes the chains of a process; another one than the app's makes mistakes. */
export type Make = (deps: IngressDeps) => Chains;

/** A process of the app. Each of its requests waits for its turn before, and, when it changes something, after. */
export class IngressProcess extends Process {
  asleep = false;
  readonly claims: Claims;
  readonly ingressHub: IngressDeps['hub'];

  constructor(private readonly world: IngressWorld) {
    super(world.stores);
    this.claims = this.createClaims();
    this.ingressHub = this.createIngressHub();
  }

  protected override step(): Promise<void> {
    return this.world.turn(this);
  }

  get deps(): IngressDeps {
    const { ingressHub: hub, claims, blobs, batches, world } = this;
    return { hub, claims, blobs, batches, now: () => new Date(world.stores.now) };
  }

  /** Fails now and then. */
  readonly start = (): Promise<void> =>
    this.write(() => {
      if (this.world.dice.chance(0.2)) throw new Error('Durable Functions does not answer.');
    });

  private createIngressHub(): IngressDeps['hub'] {
    const { world } = this;
    return {
      partitions: () => this.read(() => world.partitions),
      createdOn: () => this.read(() => world.hub.createdOn),
      extent: (partition) =>
        this.read(() => {
          const { begin, sent } = world.hub.partition(partition);
          return { begin, last: sent.length - 1 };
        }),
      read: async (partition, from, to) => {
        const events: IngressEvent[] = [];
        // In several pieces, between which the oldest may expire.
        for (let next = from; next <= to;) {
          const some = await this.read(() => world.hub.from(partition, next, 1 + world.dice.below(4)));
          if (some.length === 0) throw new Error('The hub does not give these events.');
          events.push(...some);
          next = (some.at(-1)?.sequenceNumber ?? to) + 1;
          if (world.dice.chance(0.3)) break;
        }
        return events.filter(({ sequenceNumber }) => sequenceNumber <= to);
      },
    };
  }

  private createClaims(): Claims {
    const { world } = this;
    const byId: Claims['byId'] = (id) => this.read(() => world.claims.get(id));
    const notUsed = (): Promise<never> => Promise.reject(new Error('Not used by the chain.'));
    return {
      byId,
      read: (chain, first) => byId(claimId(chain, first)),
      create: (claim) =>
        this.write(() => {
          const id = claimId(claim, claim.first);
          const winner = world.claims.get(id);
          if (winner) return structuredClone(winner);
          world.check(claim);
          world.claims.set(id, structuredClone(claim));
          return claim;
        }),
      head: (chain) => this.read(() => world.heads.get(headId(chain))?.next),
      advance: (chain, next) =>
        this.write(() => {
          world.checkHead(chain, next);
          const { next: known = 0 } = world.heads.get(headId(chain)) ?? {};
          const { epoch, partition } = chain;
          world.heads.set(headId(chain), { epoch, partition, next: Math.max(next, known) });
        }),
      epochs: (partition) =>
        this.read(() =>
          [...world.heads.values()].filter((one) => one.partition === partition).map(({ epoch }) => epoch),
        ),
      around: notUsed,
      all: notUsed,
    };
  }
}
