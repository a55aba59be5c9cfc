import type { Batches } from '../../clients/batches';
import type { Blobs } from '../../clients/blobs';
import type { Documents } from '../../clients/documents';
import type { RecordsHub } from '../../clients/hub';
import type { Schemas } from '../../clients/schemas';
import type { Priority } from '../priority';
import type { SplitLimits } from '../../domain/ingest/split';

/** What the activities of a batch work with. */
export interface IngestDeps {
  readonly blobs: Blobs;
  readonly batches: Batches;
  readonly documents: Documents;
  readonly hub: RecordsHub;
  readonly schemas: Schemas;
  /** Bounds of a body that is read after it was accepted. */
  readonly uploads: {
    /** when decompressed */
    readonly maxBytes: number;
    readonly maxRecords: number;
  };
  /** Those of production, when left out. */
  readonly splitLimits?: SplitLimits;
  readonly groupConcurrency: number;
  readonly markerTtlSeconds: number;
  readonly fanOut: number;
  /** Told of each step, so that egress holds back. */
  readonly priority?: Pick<Priority, 'note'>;
  readonly now: () => Date;
}
