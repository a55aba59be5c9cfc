import type { Container, ItemDefinition, ItemResponse, RequestOptions } from '@azure/cosmos';
import type { Subscription } from '../domain/egress/subscription';
import { ownMembers, statusOf } from './cosmos';

/** A subscription as read or written. */
export interface StoredSubscription {
  readonly subscription: Subscription;
  /** What its replacement must name. */
  readonly etag: string;
  /** The store's time of its last write, seconds since the epoch. */
  readonly ts: number;
}

export type SubscriptionUpdate =
  | { readonly type: 'updated'; readonly stored: StoredSubscription }
  /** Somebody has written or removed it since it was read. */
  | { readonly type: 'conflict' };

/** The `subscriptions` container. */
export interface Subscriptions {
  /** @throws when there is one with its id: ids are random */
  create(subscription: Subscription): Promise<StoredSubscription>;
  read(id: string): Promise<StoredSubscription | undefined>;
  /** Sets members of the document, and removes those that are undefined, if nobody has changed it since it was read. */
  update(id: string, etag: string, changes: Partial<Subscription>): Promise<SubscriptionUpdate>;
  /** Every document, also of those that are being deleted. */
  all(): Promise<StoredSubscription[]>;
  count(): Promise<number>;
  /** Removes the document; false when somebody has changed it since it was read. A missing one is no error. */
  remove(id: string, etag: string): Promise<boolean>;
}

type Item = Subscription & { _etag: string; _ts: number };

function toStored(item: Item): StoredSubscription {
  return { subscription: ownMembers<Subscription>(item), etag: item._etag, ts: item._ts };
}

function written({ resource }: ItemResponse<ItemDefinition>): StoredSubscription {
  if (!resource) throw new Error('The store did not answer with what it has written.');
  return toStored(resource as unknown as Item);
}

const ifMatch = (etag: string): RequestOptions => ({
  accessCondition: { type: 'IfMatch', condition: etag },
});

export function createSubscriptions(container: () => Promise<Container>): Subscriptions {
  const read: Subscriptions['read'] = async (id) => {
    const { resource } = await (await container()).item(id, id).read<ItemDefinition & Item>();
    return resource ? toStored(resource) : undefined;
  };
  return {
    read,

    async create(subscription) {
      return written(await (await container()).items.create<ItemDefinition>({ ...subscription }));
    },

    // Replaced, not patched: a patch has ten operations at most, and may not remove what is not there.
    async update(id, etag, changes) {
      const found = await read(id);
      if (found?.etag !== etag) return { type: 'conflict' };
      const next = Object.entries({ ...found.subscription, ...changes, id });
      const body = Object.fromEntries(next.filter(([, value]) => value !== undefined)) as ItemDefinition;
      try {
        const answer = await (await container()).item(id, id).replace(body, ifMatch(etag));
        return { type: 'updated', stored: written(answer) };
      } catch (error) {
        if (statusOf(error) === 412 || statusOf(error) === 404) return { type: 'conflict' };
        throw error;
      }
    },

    async all() {
      const { resources } = await (await container()).items.query<Item>('SELECT * FROM c').fetchAll();
      return resources.map(toStored);
    },

    async count() {
      const query = 'SELECT VALUE COUNT(1) FROM c';
      const { resources } = await (await container()).items.query<number>(query).fetchAll();
      return resources[0] ?? 0;
    },

    async remove(id, etag) {
      try {
        await (await container()).item(id, id).delete(ifMatch(etag));
      } catch (error) {
        if (statusOf(error) === 412) return false;
        if (statusOf(error) !== 404) throw error;
      }
      return true;
    },
  };
}
