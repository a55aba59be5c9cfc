import type { WebhookOutcome } from '../../domain/egress/delivery';
import { EVENT_CONTENT_TYPE, type WebhookEvent } from '../../domain/egress/event';
import { sign } from '../../domain/egress/signature';
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
  { id, body }: WebhookEvent,
): Promise<WebhookOutcome> {
  const time = now().getTime();
  const keys = secrets.secretsOf(subscription, time);
  if (keys.length === 0) {
    throw new Problem(
      'secret-unreadable',
      'The secret was encrypted with another key than the configured one. Rotate it, then try again.',
    );
  }
  const headers = { 'content-type': EVENT_CONTENT_TYPE, ...sign(keys, id, Math.floor(time / 1000), body) };
  return webhooks.send({ method: 'POST', url: subscription.url, headers, body });
}
