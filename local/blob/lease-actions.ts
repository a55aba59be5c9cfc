import { randomUUID } from 'node:crypto';
import { fail, failed, type Failure } from './errors';
import { leaseState, sameLease, type Lease } from './lease';
import { LEASE_SECONDS } from './limits';
import type { BlobRequest, HeaderValues } from './protocol';

/** What a lease action leads to. */
export interface Step {
  readonly status: number;
  readonly lease: Lease | undefined;
  readonly headers: HeaderValues;
}
export type Action = (lease: Lease | undefined, request: BlobRequest, now: number) => Step | Failure;

const GUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;

function readGuid(request: BlobRequest, name: string): string | undefined | Failure {
  const value = request.header(name);
  return value === undefined || GUID.test(value)
    ? value
    : fail('InvalidHeaderValue', `${name} must be a GUID.`);
}

function readSeconds(request: BlobRequest, name: string): number | undefined | Failure {
  const value = request.header(name);
  if (value === undefined) return undefined;
  return /^-?\d{1,3}$/.test(value) ? Number(value) : fail('InvalidHeaderValue', name);
}

const expiry = (duration: number, now: number): number | null =>
  duration === -1 ? null : now + duration * 1000;

/** The id of the lease that the caller holds, or why it does not hold it. */
function heldId(lease: Lease | undefined, request: BlobRequest): string | Failure {
  const id = readGuid(request, 'x-ms-lease-id');
  if (id === undefined) return fail('MissingRequiredHeader', 'x-ms-lease-id');
  if (failed(id)) return id;
  if (!lease) return fail('LeaseNotPresentWithLeaseOperation');
  return sameLease(lease, id) ? lease.id : fail('LeaseIdMismatchWithLeaseOperation');
}

const acquire: Action = (lease, request, now) => {
  const proposed = readGuid(request, 'x-ms-proposed-lease-id');
  if (failed(proposed)) return proposed;
  const duration = readSeconds(request, 'x-ms-lease-duration');
  if (failed(duration)) return duration;
  if (duration === undefined) return fail('MissingRequiredHeader', 'x-ms-lease-duration');
  if (duration !== -1 && (duration < LEASE_SECONDS.min || duration > LEASE_SECONDS.max)) {
    return fail('InvalidHeaderValue', 'x-ms-lease-duration must be -1 or 15 to 60.');
  }
  const state = leaseState(lease, now);
  if (state === 'breaking') {
    return fail(
      proposed !== undefined && sameLease(lease, proposed)
        ? 'LeaseIsBreakingAndCannotBeAcquired'
        : 'LeaseAlreadyPresent',
    );
  }
  if (state === 'leased' && !(proposed !== undefined && sameLease(lease, proposed)))
    return fail('LeaseAlreadyPresent');
  const id = proposed ?? randomUUID();
  return {
    status: 201,
    lease: { id, duration, expires: expiry(duration, now) },
    headers: { 'x-ms-lease-id': id },
  };
};

const renew: Action = (lease, request, now) => {
  const id = heldId(lease, request);
  if (failed(id)) return id;
  if (!lease || lease.breaks !== undefined) return fail('LeaseIsBrokenAndCannotBeRenewed');
  const renewed = { ...lease, expires: expiry(lease.duration, now) };
  return { status: 200, lease: renewed, headers: { 'x-ms-lease-id': id } };
};

const change: Action = (lease, request, now) => {
  const proposed = readGuid(request, 'x-ms-proposed-lease-id');
  if (proposed === undefined) return fail('MissingRequiredHeader', 'x-ms-proposed-lease-id');
  if (failed(proposed)) return proposed;
  const state = leaseState(lease, now);
  if (state === 'breaking') return fail('LeaseIsBreakingAndCannotBeChanged');
  if (!lease || state !== 'leased') return fail('LeaseNotPresentWithLeaseOperation');
  const id = sameLease(lease, proposed) ? proposed : heldId(lease, request);
  if (failed(id)) return id;
  return { status: 200, lease: { ...lease, id: proposed }, headers: { 'x-ms-lease-id': proposed } };
};

const release: Action = (lease, request) => {
  const id = heldId(lease, request);
  return failed(id) ? id : { status: 200, lease: undefined, headers: {} };
};

const breakLease: Action = (lease, request, now) => {
  const period = readSeconds(request, 'x-ms-lease-break-period');
  if (failed(period)) return period;
  if (period !== undefined && (period < 0 || period > LEASE_SECONDS.breakMax)) {
    return fail('InvalidHeaderValue', 'x-ms-lease-break-period must be 0 to 60.');
  }
  const state = leaseState(lease, now);
  if (!lease || state === 'available') return fail('LeaseNotPresentWithLeaseOperation');
  // A break never prolongs: the lease's own end, or an earlier break, comes first.
  const remaining = lease.expires === null ? Infinity : Math.max(0, lease.expires - now);
  const before = lease.breaks === undefined ? remaining : Math.max(0, lease.breaks - now);
  const asked = period === undefined ? (lease.expires === null ? 0 : before) : period * 1000;
  const left = state === 'leased' || state === 'breaking' ? Math.min(asked, before) : 0;
  return {
    status: 202,
    lease: { ...lease, breaks: now + left },
    headers: { 'x-ms-lease-time': Math.ceil(left / 1000) },
  };
};

const ACTIONS: ReadonlyMap<string, Action> = new Map([
  ['acquire', acquire],
  ['renew', renew],
  ['change', change],
  ['release', release],
  ['break', breakLease],
]);

/** The action of `x-ms-lease-action`, the same for blobs and containers. */
export function readAction(request: BlobRequest): Action | Failure {
  const action = ACTIONS.get(request.header('x-ms-lease-action')?.toLowerCase() ?? '');
  return action ?? fail('InvalidHeaderValue', 'x-ms-lease-action');
}
