import type { Container } from '@azure/cosmos';
import { claimId, headId, type Chain, type Claim } from '../domain/ingress/claim';
import { statusOf } from './cosmos';

/** The claims of the hub `ingress`, in the `batches` container. They are never purged. */
export interface Claims {
  read(chain: Chain, first: number): Promise<Claim | undefined>;
  byId(id: string): Promise<Claim | undefined>;
  /** Creates a claim, unless there is one that begins with the same number: that one is given back then. */
  create(claim: Claim): Promise<Claim>;
  /** A number up to which everything is claimed and every batch was started; it may be behind. */
  head(chain: Chain): Promise<number | undefined>;
  /** Moves the head on; never back. A loser of a race leaves it as it is. */
  advance(chain: Chain, next: number): Promise<void>;
  /** The epochs of the chains of a partition that have a head: of the hub that there is, and of those before. */
  epochs(partition: string): Promise<string[]>;
  /** Claims that a record may be in which was received at this time (ms). */
  around(partition: string, receivedAt: number): Promise<Claim[]>;
  /** All claims, those of a chain in order. */
  all(): Promise<Claim[]>;
}

interface ClaimItem {
  readonly id: string;
  readonly claim: Claim;
}

interface HeadItem {
  readonly id: string;
  readonly head: Chain & { readonly next: number };
}

export function createClaims(container: () => Promise<Container>): Claims {
  const byId: Claims['byId'] = async (id) => {
    const { resource } = await (await container()).item(id, id).read<ClaimItem>();
    return resource?.claim;
  };
  const read: Claims['read'] = (chain, first) => byId(claimId(chain, first));
  const query = async (text: string, parameters: { name: string; value: string | number }[] = []) => {
    const { resources } = await (
      await container()
    ).items
      .query<Claim>({ query: text, parameters })
      .fetchAll();
    return resources;
  };
  return {
    read,
    byId,

    async create(claim) {
      const item: ClaimItem = { id: claimId(claim, claim.first), claim };
      try {
        await (await container()).items.create(item);
        return claim;
      } catch (error) {
        if (statusOf(error) !== 409) throw error;
        const winner = await read(claim, claim.first);
        if (!winner) throw error;
        return winner;
      }
    },

    async head(chain) {
      const id = headId(chain);
      const { resource } = await (await container()).item(id, id).read<HeadItem>();
      return resource?.head.next;
    },

    async advance({ epoch, partition }, next) {
      const id = headId({ epoch, partition });
      const item: HeadItem = { id, head: { epoch, partition, next } };
      const batches = await container();
      try {
        const { resource, etag } = await batches.item(id, id).read<HeadItem>();
        if (!resource) await batches.items.create(item);
        else if (resource.head.next < next)
          await batches.item(id, id).replace(item, { accessCondition: { type: 'IfMatch', condition: etag } });
      } catch (error) {
        const status = statusOf(error);
        if (status !== 409 && status !== 412) throw error;
      }
    },

    async epochs(partition) {
      const { resources } = await (
        await container()
      ).items
        .query<string>({
          query: 'SELECT VALUE c.head.epoch FROM c WHERE c.head.partition = @partition',
          parameters: [{ name: '@partition', value: partition }],
        })
        .fetchAll();
      return resources;
    },

    async around(partition, receivedAt) {
      return query(
        `SELECT VALUE c.claim FROM c WHERE c.claim.partition = @partition AND EXISTS(SELECT VALUE p FROM p IN c.claim.parts WHERE p["from"] <= @at AND p["to"] >= @at)`,
        [
          { name: '@partition', value: partition },
          { name: '@at', value: receivedAt },
        ],
      );
    },

    async all() {
      const found = await query('SELECT VALUE c.claim FROM c WHERE IS_DEFINED(c.claim.first)');
      return found.toSorted(
        (a, b) => compare(a.epoch, b.epoch) || Number(a.partition) - Number(b.partition) || a.first - b.first,
      );
    },
  };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
