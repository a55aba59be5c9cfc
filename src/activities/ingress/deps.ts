import type { Batches } from '../../clients/batches';
import type { Blobs } from '../../clients/blobs';
import type { Claims } from '../../clients/claims';
import type { IngressHub } from '../../clients/ingressHub';
import type { SeenBatch } from '../ingest/openBatch';

/** What turns events of the hub `ingress` into batches. */
export interface IngressDeps {
  readonly hub: Pick<IngressHub, 'partitions' | 'createdOn' | 'extent' | 'read'>;
  readonly claims: Claims;
  readonly blobs: Pick<Blobs, 'put'>;
  readonly batches: Pick<Batches, 'reserve' | 'read'>;
  readonly now: () => Date;
}

/** Starts the orchestration of a batch. What it throws is no reason to give up: a timer starts what was not. */
export type StartBatch = (seen: SeenBatch) => Promise<void>;
