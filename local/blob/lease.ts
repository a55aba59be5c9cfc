import { fail, type Failure } from './errors';

/** A lease on a blob or a container, see https://learn.microsoft.com/rest/api/storageservices/lease-blob. Times in milliseconds. */
export interface Lease {
  readonly id: string;
  /** Seconds, or -1 for one that never ends. */
  readonly duration: number;
  /** When it ends; null for never. */
  readonly expires: number | null;
  /** When the break period ends; undefined while nobody has broken it. */
  readonly breaks?: number;
}

export type LeaseState = 'available' | 'leased' | 'expired' | 'breaking' | 'broken';

/** The state of a lease at `now`. */
export function leaseState(lease: Lease | undefined, now: number): LeaseState {
  if (!lease) return 'available';
  if (lease.breaks !== undefined) return now < lease.breaks ? 'breaking' : 'broken';
  return lease.expires !== null && now >= lease.expires ? 'expired' : 'leased';
}

/** Whether the lease keeps others from writing. */
export function isLocked(lease: Lease | undefined, now: number): boolean {
  const state = leaseState(lease, now);
  return state === 'leased' || state === 'breaking';
}

/** Lease headers of the properties of a blob or a container. */
export function leaseHeaders(lease: Lease | undefined, now: number): Record<string, string | undefined> {
  const state = leaseState(lease, now);
  return {
    'x-ms-lease-state': state,
    'x-ms-lease-status': isLocked(lease, now) ? 'locked' : 'unlocked',
    'x-ms-lease-duration': state === 'leased' && lease ? leaseKind(lease) : undefined,
  };
}

/** `infinite` or `fixed`. */
export function leaseKind(lease: Lease): string {
  return lease.duration === -1 ? 'infinite' : 'fixed';
}

/** Why a write with this lease id must be refused, if so. */
export function refuseWrite(
  lease: Lease | undefined,
  given: string | undefined,
  now: number,
): Failure | undefined {
  if (isLocked(lease, now)) {
    if (given === undefined) return fail('LeaseIdMissing');
    return sameLease(lease, given) ? undefined : fail('LeaseIdMismatchWithBlobOperation');
  }
  if (given === undefined) return undefined;
  return sameLease(lease, given) ? fail('LeaseLost') : fail('LeaseNotPresentWithBlobOperation');
}

/** Why a read that names a lease id must be refused, if so: reads need no lease, but the one they name must be there. */
export function refuseRead(
  lease: Lease | undefined,
  given: string | undefined,
  now: number,
): Failure | undefined {
  return given === undefined ? undefined : refuseWrite(lease, given, now);
}

/** As {@link refuseRead}, of an operation on a container. */
export function refuseContainerRead(
  lease: Lease | undefined,
  given: string | undefined,
  now: number,
): Failure | undefined {
  if (given === undefined) return undefined;
  if (!isLocked(lease, now)) return fail('LeaseNotPresentWithContainerOperation');
  return sameLease(lease, given) ? undefined : fail('LeaseIdMismatchWithContainerOperation');
}

/** Why a container may not be deleted with this lease id, if so. */
export function refuseContainerDelete(
  lease: Lease | undefined,
  given: string | undefined,
  now: number,
): Failure | undefined {
  if (given === undefined && isLocked(lease, now)) return fail('LeaseIdMissing');
  return refuseContainerRead(lease, given, now);
}

/** The lease that a blob keeps after a write: one that has ended is forgotten, so that it cannot be renewed. */
export function afterWrite(lease: Lease | undefined, now: number): Lease | undefined {
  return isLocked(lease, now) ? lease : undefined;
}

/** Lease ids are GUIDs and compare ignoring case. */
export function sameLease(lease: Lease | undefined, id: string): boolean {
  return lease?.id.toLowerCase() === id.toLowerCase();
}
