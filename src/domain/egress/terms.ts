import { hasConsented, MAX_TERMS, type Subscription } from './subscription';

/**
 * The second of the two writes that begin a term: the first one stored what is asked for and `termDue`, and told the
 * store's time. With the first term the subscription becomes active.
 * @param from the store's time of a write at which `termDue` stood, seconds since the epoch
 */
export function termBegun(
  subscription: Subscription,
  from: number,
  updatedAt: string,
): Partial<Subscription> {
  const { terms, datasets, filter, status } = subscription;
  // The address was changed in between: nothing is owed before the new one consents.
  if (terms.length === 0 && !hasConsented(subscription)) return { termDue: undefined };
  const term = filter === undefined ? { from, datasets } : { from, datasets, filter };
  return {
    terms: [...terms, term].slice(-MAX_TERMS),
    termDue: undefined,
    updatedAt,
    ...(status === 'pending' && hasConsented(subscription) ? activated : {}),
  };
}

/** What no active subscription has. */
export const activated = {
  status: 'active',
  reason: undefined,
  confirmationHash: undefined,
} as const satisfies Partial<Subscription>;
