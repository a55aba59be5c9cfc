import type { JsonObject } from '../json';

/**
 * - `pending`: the receiver has not consented yet; `reason` says what is missing
 * - `active`: changes are delivered
 * - `paused`: by its owner; changes are owed, and delivered after it is resumed
 * - `disabled`: by us, because the receiver is gone or failed for too long; as `paused`
 * - `deleted`: its rows are being removed, and then it
 */
export type SubscriptionStatus = 'pending' | 'active' | 'paused' | 'disabled' | 'deleted';

/** What a subscription asked for from a moment on. A change is owed by the term in force when it was made. */
export interface Term {
  /** The store's time, seconds since the epoch: changes after this second are meant. */
  readonly from: number;
  readonly datasets: readonly string[];
  readonly filter?: JsonObject;
}

/** A secret as it is stored: AES-256-GCM, all parts base64. */
export interface SealedSecret {
  readonly iv: string;
  readonly ciphertext: string;
  readonly tag: string;
}

/** A signing secret. While secrets are rotated the older one signs as well, until `expiresAt`. */
export interface SigningSecret {
  readonly sealed: SealedSecret;
  readonly createdAt: string;
  /** ISO 8601; absent: valid until it is replaced */
  readonly expiresAt?: string;
}

/** How the receiver consented, and to what. */
export interface Consent {
  readonly method: 'handshake' | 'ping' | 'confirmation';
  readonly at: string;
  /** The address that consented: another one has to consent again. */
  readonly url: string;
  /** Requests a minute that the receiver allows (`WebHook-Allowed-Rate`); absent: any. */
  readonly allowedRate?: number;
}

/** How the receiver does, kept only when it changes. Times are ms since the epoch. */
export interface Health {
  /** No request has succeeded since; absent: the last one did. */
  readonly failingSince?: number;
  /** The receiver asked to be left alone until then (`Retry-After`). */
  readonly heldUntil?: number;
}

/** A notice to `alertUrl` that has not been taken yet. */
export interface PendingAlert {
  readonly id: string;
  readonly reason: string;
  readonly at: string;
  readonly attempts: number;
  /** When it is tried next, ms since the epoch. */
  readonly due: number;
}

/** The document in the `subscriptions` container. Times are ISO 8601 unless said otherwise. */
export interface Subscription {
  readonly id: string;
  readonly url: string;
  readonly datasets: readonly string[];
  readonly filter?: JsonObject;
  readonly description?: string;
  /** requests a second; absent: as fast as it goes */
  readonly rateLimit?: number;
  /** requests that wait for an answer at the same time */
  readonly maxInFlight: number;
  readonly alertUrl?: string;
  readonly status: SubscriptionStatus;
  /** Why it is pending or disabled. */
  readonly reason?: string;
  readonly createdAt: string;
  readonly updatedAt: string;
  /** Oldest first; the last one is in force. Empty until the first activation: nothing is owed before. */
  readonly terms: readonly Term[];
  /**
   * A term is being begun: what it asks for is stored above, and the store's time of that write becomes its `from`. Two
   * writes, so a crash can leave this behind; whoever finds it completes it.
   */
  readonly termDue?: true;
  /** Counts the changes of data sets and filter; rows remember by which they were looked at last. */
  readonly revision: number;
  /** The revision up to which all rows that were told something have been looked at again. */
  readonly reconciled: number;
  /** Newest first, at most two. */
  readonly secrets: readonly SigningSecret[];
  /** SHA-256 of the subscriber's token, hex. */
  readonly tokenHash: string;
  readonly consent?: Consent;
  /** SHA-256 of the token that the receiver has to send back, hex; absent once the receiver has consented. */
  readonly confirmationHash?: string;
  readonly health: Health;
  readonly alert?: PendingAlert;
}

/** Whether the receiver at the present address has consented. */
export function hasConsented({ consent, url }: Subscription): boolean {
  return consent?.url === url;
}

/** Longest list of terms: older ones end, and with them what was owed by nobody having looked for so long. */
export const MAX_TERMS = 20;

export const DEFAULT_IN_FLIGHT = 16;
export const MAX_IN_FLIGHT = 100;

/** Whether changes are owed to it: not before its first activation, and not while it is being removed. */
export function isOwed({ status, terms }: Subscription): boolean {
  return status !== 'deleted' && terms.length > 0;
}

/** The term in force when a change was made (`changedAt`: the store's time, seconds), or undefined before the first. */
export function termAt(terms: readonly Term[], changedAt: number): Term | undefined {
  return terms.findLast((term) => changedAt > term.from);
}
