import { Problem } from '../../domain/problem';
import { bearerToken, isTokenOf, SUBSCRIPTION_ID } from '../../domain/egress/tokens';
import type { StoredSubscription, Subscriptions } from '../../clients/subscriptions';
import type { Handler } from '../http';
import type { SubscriptionHandler } from './deps';

interface Access {
  readonly subscriptions: Pick<Subscriptions, 'read'>;
}

async function present({ subscriptions }: Access, id: string): Promise<StoredSubscription | undefined> {
  const stored = SUBSCRIPTION_ID.test(id) ? await subscriptions.read(id) : undefined;
  return stored?.subscription.status === 'deleted' ? undefined : stored;
}

export function unknownSubscription(id: string): Problem {
  return new Problem('unknown-subscription', `There is no subscription "${id.slice(0, 100)}".`);
}

/** For operators: the subscription of the route. The platform has checked their key. */
export function byId(access: Access, handler: SubscriptionHandler): Handler {
  return async (request, context) => {
    const id = request.params['subscriptionId'] ?? '';
    const stored = await present(access, id);
    if (!stored) throw unknownSubscription(id);
    return handler(stored, request, context);
  };
}

/** For subscribers: the subscription whose token the request carries. A token that opens none is answered like no token. */
export function byToken(access: Access, handler: SubscriptionHandler): Handler {
  return async (request, context) => {
    const bearer = bearerToken(request.headers.get('authorization'));
    const stored = bearer && (await present(access, bearer.id));
    if (bearer && stored && isTokenOf(bearer.token, stored.subscription.tokenHash))
      return handler(stored, request, context);
    throw new Problem(
      'invalid-token',
      'Send the token that the answer to the creation of the subscription held, as "Authorization: Bearer …".',
      {},
      { 'WWW-Authenticate': 'Bearer' },
    );
  };
}
