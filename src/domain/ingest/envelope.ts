import type { Json } from '../json';
import type { Stamp } from './stamp';
import type { GroupVerdict } from './verdict';

/**
 * A document as it lies in Cosmos DB. The record is wrapped, so that its own `id` or `ttl` means nothing to the store.
 */
export interface Envelope {
  readonly id: string;
  readonly pk: string;
  readonly data: Json;
  readonly _hw: {
    readonly key: string;
    /** Counts changes of content, from 1. */
    readonly version: number;
    /** The record that made this version. */
    readonly maker: { readonly batchId: string; readonly index: number; readonly schemaVersion: string };
    /** The newest stamp seen, also of records that did not change the content. */
    readonly newest: Stamp;
    readonly hash: string;
    readonly deleted: boolean;
    /**
     * The store's time (seconds) at which this version was written, where the item was written again since without
     * a change of content. Absent: the item's own `_ts`.
     */
    readonly since?: number;
  };
}

/**
 * Beside the documents: the one place where a group's fate is decided, once. Written only if absent, in the same
 * transactional batch as the group's documents.
 */
export interface Marker {
  readonly id: string;
  readonly pk: string;
  readonly type: 'marker';
  readonly verdicts: readonly GroupVerdict[];
  /** seconds; longer than a batch may stay open */
  readonly ttl: number;
}
