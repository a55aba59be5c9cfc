import type { WebhookRequest } from './delivery';
import { EVENT_CONTENT_TYPE, type WebhookEvent } from './event';
import { sign } from './signature';

/**
 * The request that carries an event, signed with each of the secrets.
 * @param at when it is sent: the signature is of this try, the event's id of all of them
 */
export function signedRequest(
  url: string,
  { id, body }: WebhookEvent,
  secrets: readonly string[],
  at: Date,
): WebhookRequest {
  const signature = sign(secrets, id, Math.floor(at.getTime() / 1000), body);
  return { method: 'POST', url, headers: { 'content-type': EVENT_CONTENT_TYPE, ...signature }, body };
}
