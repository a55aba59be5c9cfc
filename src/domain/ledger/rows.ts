import type { DeliveryRow } from '../egress/row';
import type { LedgerFault } from './faults';

/** The part of a delivery row that the ledger adds up. */
export type CountedRow = Pick<
  DeliveryRow,
  | 'subscription'
  | 'dataset'
  | 'key'
  | 'base'
  | 'owed'
  | 'settled'
  | 'delivered'
  | 'superseded'
  | 'deadLettered'
  | 'notOwed'
  | 'due'
> & {
  /** End of the lease of the request under way, ms since the epoch. */
  readonly until?: number;
};

/** What became of the versions that one subscription is owed. */
export interface DeliveryCounts {
  readonly versions: number;
  readonly delivered: number;
  readonly superseded: number;
  readonly deadLettered: number;
  /** Settled without a request: they matched no filter, and the receiver knew nothing that they take back. */
  readonly notOwed: number;
  readonly pending: {
    /** To be sent now. */
    readonly due: number;
    /** A request is under way. */
    readonly trying: number;
    /** Until it is time for another request. */
    readonly waiting: number;
  };
}

export const noDeliveries = (): DeliveryCounts => ({
  versions: 0,
  delivered: 0,
  superseded: 0,
  deadLettered: 0,
  notOwed: 0,
  pending: { due: 0, trying: 0, waiting: 0 },
});

function pendingState({ due, until }: CountedRow, now: number): keyof DeliveryCounts['pending'] | undefined {
  if (until !== undefined && until > now) return 'trying';
  if (due === undefined) return undefined;
  return due <= now ? 'due' : 'waiting';
}

/** Adds a row to the counts of its subscription. A row that nobody will look at is pending in no state. */
export function addRow(counts: DeliveryCounts, row: CountedRow, now: number): DeliveryCounts {
  const pending = row.owed - row.settled;
  const state = pendingState(row, now);
  return {
    versions: counts.versions + row.owed - row.base,
    delivered: counts.delivered + row.delivered,
    superseded: counts.superseded + row.superseded,
    deadLettered: counts.deadLettered + row.deadLettered,
    notOwed: counts.notOwed + row.notOwed,
    pending:
      state === undefined ? counts.pending : { ...counts.pending, [state]: counts.pending[state] + pending },
  };
}

/** Whether every version is in exactly one state. */
export function deliveriesAddUp(counts: DeliveryCounts): boolean {
  const { versions, delivered, superseded, deadLettered, notOwed, pending } = counts;
  return (
    versions ===
    delivered + superseded + deadLettered + notOwed + pending.due + pending.trying + pending.waiting
  );
}

/** What is wrong with a row in itself. Each write of a row is whole, so this holds at any moment. */
export function checkRow(row: CountedRow): LedgerFault | undefined {
  const { subscription, dataset, key, base, owed, settled, due } = row;
  const { delivered, superseded, deadLettered, notOwed } = row;
  const named = { dataset, key, subscription };
  const decided = delivered + superseded + deadLettered + notOwed;
  const counters = [base, owed, settled, delivered, superseded, deadLettered, notOwed];
  if (
    settled - base !== decided ||
    owed < settled ||
    !counters.every((value) => Number.isSafeInteger(value) && value >= 0)
  ) {
    const parts = `${delivered} delivered, ${superseded} superseded, ${deadLettered} dead-lettered, ${notOwed} not owed`;
    return {
      code: 'row-unbalanced',
      ...named,
      detail: `Of versions ${base + 1} to ${owed}, those up to ${settled} are settled; counted are ${parts}.`,
    };
  }
  if (owed > settled && due === undefined)
    return {
      code: 'row-forgotten',
      ...named,
      detail: `Version ${owed} is pending, and the row is not due at any time.`,
    };
  return undefined;
}
