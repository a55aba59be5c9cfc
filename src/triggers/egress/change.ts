import type { HttpRequest } from '@azure/functions';
import type { StoredSubscription } from '../../clients/subscriptions';
import type { Subscription } from '../../domain/egress/subscription';
import { termBegun } from '../../domain/egress/terms';
import { Problem } from '../../domain/problem';
import { unknownSubscription } from './access';
import type { SubscriptionDeps } from './deps';

/** Others write a subscription now and then: its receiver's health, another request of its owner. */
const ATTEMPTS = 8;

/** Longer than a second of the store's clock, of which we see whole seconds only. */
const SECOND_MS = 1_050;

type ChangeDeps = Pick<SubscriptionDeps, 'subscriptions' | 'now' | 'sleep'>;

/**
 * Changes a subscription. `decide` is asked again about the present state when somebody else has written it; it gives
 * the members to set, undefined ones being removed, or undefined when there is nothing to do.
 * @param ifMatch the ETags of an `If-Match` header: the change is meant for that state only
 * @throws Problem `unknown-subscription`, `subscription-changed`, `store-unavailable`
 */
export async function change(
  deps: Pick<SubscriptionDeps, 'subscriptions'>,
  seen: StoredSubscription,
  decide: (subscription: Subscription) => Partial<Subscription> | undefined,
  ifMatch?: readonly string[],
): Promise<StoredSubscription> {
  let stored = seen;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const { subscription, etag } = stored;
    if (ifMatch && !ifMatch.includes(etag) && !ifMatch.includes('*')) throw changedSince(etag);
    const changes = decide(subscription);
    if (!changes) return stored;
    const result = await deps.subscriptions.update(subscription.id, etag, changes);
    if (result.type === 'updated') return result.stored;
    stored = await again(deps, subscription.id);
  }
  throw tooBusy();
}

/** @throws Problem `unknown-subscription` when it has been deleted meanwhile */
async function again(
  { subscriptions }: Pick<SubscriptionDeps, 'subscriptions'>,
  id: string,
): Promise<StoredSubscription> {
  const stored = await subscriptions.read(id);
  if (stored && stored.subscription.status !== 'deleted') return stored;
  throw unknownSubscription(id);
}

const changedSince = (etag: string): Problem =>
  new Problem(
    'subscription-changed',
    'The subscription is not in the state that If-Match names. Read it again and decide anew.',
    {},
    { ETag: etag },
  );

const tooBusy = (): Problem =>
  new Problem(
    'store-unavailable',
    'The subscription is being changed by others all the time. Send the request again.',
    {},
    { 'Retry-After': '1' },
  );

/** The ETags of a request's `If-Match`, or undefined without one. */
export function ifMatchOf(request: HttpRequest): readonly string[] | undefined {
  return request.headers
    .get('if-match')
    ?.split(',')
    .map((etag) => etag.trim());
}

/**
 * Begins the term that `termDue` asks for, and waits until the second of its `from` has passed by the store's clock:
 * every change made after the return is later than `from`, so it is owed by the new term. Somebody else may have
 * completed it meanwhile; the wait is the same.
 * @param written as it came back from the write that set `termDue`
 */
export async function completeTerm(
  deps: ChangeDeps,
  written: StoredSubscription,
): Promise<StoredSubscription> {
  let stored = written;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    // The store's clock has reached `stored.ts`, so after this it is past that second.
    const passed = deps.sleep(SECOND_MS);
    const { subscription, etag, ts } = stored;
    if (!subscription.termDue) {
      await passed;
      return stored;
    }
    const begun = termBegun(subscription, ts, deps.now().toISOString());
    const result = await deps.subscriptions.update(subscription.id, etag, begun);
    if (result.type === 'updated') {
      await passed;
      return result.stored;
    }
    stored = await again(deps, subscription.id);
  }
  throw tooBusy();
}

/**
 * Completes a term whose beginning was cut off. It begins now, not when it was asked for: what was changed in between
 * has been judged by the term before.
 */
export async function resumeTerm(deps: ChangeDeps, seen: StoredSubscription): Promise<StoredSubscription> {
  const stored = await change(deps, seen, ({ termDue }) => (termDue ? { termDue } : undefined));
  return stored.subscription.termDue ? completeTerm(deps, stored) : stored;
}
