import type { HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import type { Schemas } from '../../clients/schemas';
import type { Secrets } from '../../clients/secrets';
import type { StoredSubscription, Subscriptions } from '../../clients/subscriptions';
import type { Webhooks } from '../../clients/webhooks';
import type { Config } from '../../config';

/** What the functions that look after subscriptions work with. */
export interface SubscriptionDeps {
  readonly config: Pick<Config, 'egress' | 'sweepAfterMs'>;
  readonly subscriptions: Subscriptions;
  readonly secrets: Secrets;
  readonly schemas: Pick<Schemas, 'all'>;
  readonly webhooks: Pick<Webhooks, 'send'>;
  readonly now: () => Date;
  readonly sleep: (ms: number) => Promise<void>;
}

/** A request about one subscription, whichever way it was reached. */
export type SubscriptionHandler = (
  stored: StoredSubscription,
  request: HttpRequest,
  context: InvocationContext,
) => Promise<HttpResponseInit>;
