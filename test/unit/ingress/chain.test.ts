import { createChains, type Chains } from '../../../src/activities/ingress/chain';
import type { IngressDeps } from '../../../src/activities/ingress/deps';
import type { Claims } from '../../../src/clients/claims';
import type { Make } from '../../support/ingress-process';
import { happens, type Schedule } from '../../support/ingress-schedule';

/**
 * Several processes turn the events of a hub into batches, whatever happens to them between any two of their steps, and to
 * the hub meanwhile.
 */

/** `SCHEDULES=<number>` tries others, too. */
const SEEDS = Number(process.env['SCHEDULES'] ?? 600);

/** The first seed whose schedule ends badly, and how. */
async function search(
  schedule: Schedule,
  seeds: number,
): Promise<{ seed: number; faults: string[] } | undefined> {
  for (let seed = 1; seed <= seeds; seed++) {
    const { faults } = await happens(seed, schedule);
    if (faults.length > 0) return { seed, faults };
  }
  return undefined;
}

test('every event is in one batch, or named as lost', async () => {
  expect(await search({ make: createChains }, SEEDS)).toBeUndefined();
});

test('the schedules come by all that may happen', async () => {
  const seen = { claims: 0, lost: 0, foreign: 0, hubs: 0, killed: 0 };
  for (let seed = 1; seed <= 50; seed++) {
    const world = await happens(seed, { make: createChains });
    const claims = [...world.claims.values()];
    seen.claims += claims.length;
    seen.lost += claims.filter(({ lost }) => lost).length;
    seen.foreign += claims.filter(({ foreign }) => foreign > 0).length;
    seen.hubs += world.hubs.length - 1;
    seen.killed += world.killed;
  }
  expect(Object.entries(seen).filter(([, times]) => times < 20)).toEqual([]);
});

/** Chains that see something else than there is. */
const seeing =
  (change: (deps: IngressDeps) => Partial<IngressDeps>): Make =>
  (deps) =>
    createChains({ ...deps, ...change(deps) });

const withHub = (change: (hub: IngressDeps['hub']) => Partial<IngressDeps['hub']>): Make =>
  seeing(({ hub }) => ({ hub: { ...hub, ...change(hub) } }));

const withClaims = (change: (claims: Claims) => Partial<Claims>): Make =>
  seeing(({ claims }) => ({ claims: { ...claims, ...change(claims) } }));

const MISTAKES: [chain: string, fault: RegExp, schedule: Schedule][] = [
  [
    'creates the claim before it stores the bodies',
    /has no body/,
    {
      make: seeing(({ blobs, claims }) => {
        let stores: (() => Promise<void>)[] = [];
        return {
          blobs: {
            put: async (...blob) => void stores.push(() => blobs.put(...blob)),
          },
          claims: {
            ...claims,
            create: async (claim) => {
              const winner = await claims.create(claim);
              const own = stores;
              stores = [];
              for (const store of own) await store();
              return winner;
            },
          },
        };
      }),
    },
  ],
  [
    'begins with the group that was delivered instead of the head',
    /is there 2 times/,
    {
      make: (deps) => ({
        ...createChains(deps),
        claimEvents: (partition, events, start) => {
          const head = async (): Promise<number> => events[0]?.sequenceNumber ?? 0;
          return createChains({ ...deps, claims: { ...deps.claims, head } }).claimEvents(
            partition,
            events,
            start,
          );
        },
      }),
    },
  ],
  [
    'does not read what was not delivered',
    /holds other records than its events/,
    {
      make: withHub((hub) => ({
        read: async () => [],
        extent: async (of) => ({ ...(await hub.extent(of)), begin: 0 }),
      })),
    },
  ],
  [
    'asks only once which hub it is',
    /holds other records than its events/,
    {
      make: withHub((hub) => {
        let first: Promise<Date> | undefined;
        return { createdOn: () => (first ??= hub.createdOn()) };
      }),
    },
  ],
  [
    'moves the head on before the batches are reserved',
    /The head is at .* is not reserved/,
    {
      make: withClaims((claims) => ({
        create: async (claim) => {
          const winner = await claims.create(claim);
          await claims.advance(winner, winner.last + 1);
          return winner;
        },
      })),
    },
  ],
  [
    'does not ask whether what is missing has expired',
    /holds other records than its events/,
    { make: withHub((hub) => ({ extent: async (of) => ({ ...(await hub.extent(of)), begin: 0 }) })) },
  ],
  [
    'takes a claim that another one has made for its own',
    /is there 2 times/,
    {
      make: withClaims((claims) => ({
        create: async (claim) => {
          await claims.create(claim);
          return claim;
        },
      })),
    },
  ],
  [
    'begins where the hub begins when it is asked',
    /The head is at \d+, but 0 is not claimed/,
    {
      make: seeing(({ claims, hub }) => ({
        claims: {
          ...claims,
          head: async (chain) => {
            const head = await claims.head(chain);
            if (head !== undefined) return head;
            const { begin } = await hub.extent(chain.partition);
            await claims.advance(chain, begin);
            return begin;
          },
        },
      })),
    },
  ],
  [
    'forgets the claims of a hub that is gone',
    /is not reserved as it says/,
    {
      make: (deps) => {
        const claims = { ...deps.claims, epochs: () => Promise.resolve([]) };
        const forgetful = createChains({ ...deps, claims });
        const claimLeftBehind: Chains['claimLeftBehind'] = (...of) => forgetful.claimLeftBehind(...of);
        return { ...createChains(deps), claimLeftBehind };
      },
    },
  ],
  [
    'has its bodies swept before it claims',
    /has no body/,
    {
      make: createChains,
      seenBySweep: (claims) => ({ byId: async (id) => (await claims.byId(id)) ?? NONE }),
    },
  ],
  [
    'has its bodies swept before it reserves the batches',
    /has no body/,
    {
      make: createChains,
      seenBySweep: (claims) => ({ byId: async (id) => (await claims.byId(id)) && NONE }),
    },
  ],
];

const NONE = { epoch: '', partition: '', first: 0, last: 0, claimedAt: '', parts: [], foreign: 0 };

test.each(MISTAKES)('a chain that %s is found', async (_, fault, schedule) => {
  const found = await search(schedule, SEEDS);
  expect(found?.faults).toContainEqual(expect.stringMatching(fault));
});
