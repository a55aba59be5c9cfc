import type { DeliveryRow } from './row';

/**
 * How a delivery stands:
 * - `due`: it is sent as soon as it is its turn and the subscription is active
 * - `trying`: a request is under way
 * - `waiting`: for the pause after a failure to end
 * - `deadLettered`: the last version was given up, and nothing newer is owed
 * - `delivered`: nothing is owed
 */
export const DELIVERY_STATUSES = ['due', 'trying', 'waiting', 'deadLettered', 'delivered'] as const;

export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];

/** What rows are asked for by: a status, or `pending`, which is `due`, `trying` or `waiting`. */
export const STATUS_CHOICES = ['pending', ...DELIVERY_STATUSES] as const;

export type StatusChoice = (typeof STATUS_CHOICES)[number];

/** @param now ms since the epoch */
export function statusOf(
  { due, attempt, deadLetter }: Pick<DeliveryRow, 'due' | 'attempt' | 'deadLetter'>,
  now: number,
): DeliveryStatus {
  if (due === undefined) return deadLetter ? 'deadLettered' : 'delivered';
  if (due <= now) return 'due';
  // While a request is under way, `due` is the end of its lease.
  return attempt ? 'trying' : 'waiting';
}

/** Which rows of a subscription are meant; what is absent does not matter. */
export interface RowSelection {
  readonly dataset?: string | undefined;
  readonly status?: StatusChoice | undefined;
  /** ISO 8601 in UTC with milliseconds: the last request, and so a dead letter, is not older. */
  readonly since?: string | undefined;
}

/** @param now ms since the epoch */
export function isSelected(row: DeliveryRow, { dataset, status, since }: RowSelection, now: number): boolean {
  const present = statusOf(row, now);
  const isPending = present !== 'deadLettered' && present !== 'delivered';
  return (
    (dataset === undefined || row.dataset === dataset) &&
    (status === undefined || status === present || (status === 'pending' && isPending)) &&
    (since === undefined || (row.last !== undefined && row.last.at >= since))
  );
}
