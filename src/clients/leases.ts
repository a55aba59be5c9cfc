import type { Container } from '@azure/cosmos';
import { handledIn, type FeedLease } from '../domain/ledger/lease';
import { statusOf } from './cosmos';

/** The `leases` container, which belongs to the platform: how far it has handled the change feed. */
export interface Leases {
  /** The lease of each range; none before the platform has made them. */
  all(): Promise<FeedLease[]>;
}

interface Item {
  readonly LeaseToken?: unknown;
  readonly ContinuationToken?: unknown;
}

export function createLeases(container: () => Promise<Container>): Leases {
  return {
    async all() {
      // The container has other documents as well: of the processor itself, and locks.
      const query = 'SELECT c.LeaseToken, c.ContinuationToken FROM c WHERE IS_DEFINED(c.LeaseToken)';
      try {
        const { resources } = await (await container()).items.query<Item>(query).fetchAll();
        return resources.map(({ LeaseToken, ContinuationToken }) => ({
          range: String(LeaseToken),
          handled: handledIn(ContinuationToken),
        }));
      } catch (error) {
        if (statusOf(error) === 404) return [];
        throw error;
      }
    },
  };
}
