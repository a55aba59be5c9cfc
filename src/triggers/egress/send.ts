import type { WebhookOutcome } from '../../domain/egress/delivery';
import type { WebhookEvent } from '../../domain/egress/event';
import { signedRequest } from '../../domain/egress/request';
import type { Subscription } from '../../domain/egress/subscription';
import { Problem } from '../../domain/problem';
import type { SubscriptionDeps } from './deps';

/**
 * Sends an event to a subscription's address, signed with its secrets.
 * @throws Problem `secret-unreadable`
 */
export function sendSigned(
  { webhooks, secrets, now }: Pick<SubscriptionDeps, 'webhooks' | 'secrets' | 'now'>,
  subscription: Subscription,
  event: WebhookEvent,
): Promise<WebhookOutcome> {
  const at = now();
  const keys = secrets.secretsOf(subscription, at.getTime());
  if (keys.length === 0) {
    throw new Problem(
      'secret-unreadable',
      'The secret was encrypted with another key than the configured one. Rotate it, then try again.',
    );
  }
  return webhooks.send(signedRequest(subscription.url, event, keys, at));
}
