/** What orders the versions of a document: newest wins by event time, then receipt, batch and place in the batch. */
export interface Stamp {
  /** ms since the epoch */
  readonly eventTime: number;
  /** When the batch was received, ms since the epoch; a re-drive keeps the original. */
  readonly receivedAt: number;
  readonly batchId: string;
  readonly index: number;
}

/** The record that a re-driven one was first: it keeps its place in the order. */
export interface Origin {
  readonly batchId: string;
  readonly index: number;
  /** ISO 8601 */
  readonly receivedAt: string;
}

/** Negative when `a` is older than `b`, positive when newer, 0 for the same record. */
export function compareStamps(a: Stamp, b: Stamp): number {
  return (
    a.eventTime - b.eventTime ||
    a.receivedAt - b.receivedAt ||
    (a.batchId < b.batchId ? -1 : a.batchId > b.batchId ? 1 : 0) ||
    a.index - b.index
  );
}
