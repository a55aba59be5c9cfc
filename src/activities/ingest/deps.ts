import type { Batches } from '../../clients/batches';
import type { Blobs } from '../../clients/blobs';
import type { Documents } from '../../clients/documents';
import type { RecordsHub } from '../../clients/hub';
import type { Schemas } from '../../clients/schemas';

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
  readonly groupConcurrency: number;
  readonly markerTtlSeconds: number;
  readonly fanOut: number;
  readonly now: () => Date;
}
