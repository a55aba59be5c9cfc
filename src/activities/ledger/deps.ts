import type { Batches } from '../../clients/batches';
import type { Blobs } from '../../clients/blobs';
import type { Claims } from '../../clients/claims';
import type { Documents } from '../../clients/documents';
import type { IngressHub } from '../../clients/ingressHub';
import type { Leases } from '../../clients/leases';
import type { Rows } from '../../clients/rows';
import type { Versions } from '../../clients/versions';
import type { Subscriptions } from '../../clients/subscriptions';

/** What the ledger counts from. */
export interface LedgerDeps {
  readonly blobs: Blobs;
  readonly batches: Pick<Batches, 'read' | 'byId' | 'recent'>;
  readonly documents: Pick<Documents, 'read' | 'page'>;
  readonly versions: Versions;
  readonly rows: Rows;
  readonly subscriptions: Pick<Subscriptions, 'all'>;
  readonly leases: Leases;
  readonly hub: Pick<IngressHub, 'partitions' | 'createdOn' | 'extent' | 'read'>;
  readonly claims: Pick<Claims, 'all'>;
  /** Names of the deployed data sets. */
  readonly datasets: readonly string[];
  readonly now: () => Date;
  /** Before something that looks wrong is looked at again: what a replica does not show yet, it shows then. */
  readonly pause: () => Promise<void>;
}
