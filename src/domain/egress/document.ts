import type { Envelope } from '../ingest/envelope';

/** A document as the change feed and queries give it: with the time of the store. */
export interface StoredDocument extends Envelope {
  /** seconds since the epoch */
  readonly _ts: number;
}

/**
 * When the document's present version was written, by the store's clock, in seconds. A record of the same content
 * that renews the stamp writes the item again, and is no change.
 */
export function changedAt({ _hw, _ts }: StoredDocument): number {
  return _hw.since ?? _ts;
}

/** The data set that a document's partition key names. */
export function datasetOf({ pk }: Pick<Envelope, 'pk'>): string {
  return pk.slice(0, pk.lastIndexOf(':'));
}
