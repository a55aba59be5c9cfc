import type { StoredSubscription } from '../../clients/subscriptions';
import { isSuccess, type WebhookOutcome } from '../../domain/egress/delivery';
import { confirmEventOf } from '../../domain/egress/event';
import { hasConsented, type Consent, type Subscription } from '../../domain/egress/subscription';
import { activated } from '../../domain/egress/terms';
import { isObject } from '../../domain/json';
import { change, completeTerm } from './change';
import type { SubscriptionDeps } from './deps';
import { sendSigned } from './send';

/** Characters of a receiver's answer that are repeated to the subscriber. */
const EXCERPT = 100;

type Answer =
  | { readonly consented: true; readonly method: Consent['method']; readonly allowedRate?: number }
  | { readonly consented: false; readonly reason: string };

/** Asks the receiver once more, in both ways, and stores what came of it. */
export async function seekConsent(
  deps: SubscriptionDeps,
  stored: StoredSubscription,
  token: string,
  origin: string,
): Promise<StoredSubscription> {
  const { url } = stored.subscription;
  const answer = await ask(deps, stored.subscription, token, origin);
  if (answer.consented) return grantConsent(deps, stored, url, answer.method, answer.allowedRate);
  return change(deps, stored, (present) =>
    present.status === 'pending' && present.url === url && !hasConsented(present)
      ? { reason: answer.reason, updatedAt: deps.now().toISOString() }
      : undefined,
  );
}

/** Stores that the receiver at `url` has consented, and activates the subscription. */
export async function grantConsent(
  deps: SubscriptionDeps,
  stored: StoredSubscription,
  url: string,
  method: Consent['method'],
  allowedRate?: number,
): Promise<StoredSubscription> {
  const at = deps.now().toISOString();
  const next = await change(deps, stored, (present) => {
    // Another address since, which has to consent itself; or it has, in another way.
    if (present.url !== url || present.status !== 'pending') return undefined;
    const consent = hasConsented(present) ? present.consent : { method, at, url, allowedRate };
    return present.terms.length === 0
      ? { consent, termDue: true, updatedAt: at }
      : { consent, ...activated, updatedAt: at };
  });
  return next.subscription.termDue ? completeTerm(deps, next) : next;
}

async function ask(
  deps: SubscriptionDeps,
  subscription: Subscription,
  token: string,
  origin: string,
): Promise<Answer> {
  const handshake = await shakeHands(deps, subscription, origin);
  const granted = allowance(handshake, origin);
  if (granted) return { consented: true, method: 'handshake', ...granted };
  const tried = `OPTIONS with WebHook-Request-Origin: ${origin} got ${tell(handshake)}, without an allowance.`;
  // What cannot be reached by one method cannot be by another.
  if (handshake.type === 'failed' && ['address-refused', 'name-not-resolved'].includes(handshake.code))
    return { consented: false, reason: `${tried} Correct the address, then resume the subscription.` };
  const parties = { source: deps.config.egress.source, subscription: subscription.id };
  const event = confirmEventOf({ ...parties, token, at: deps.now().toISOString() });
  const ping = await sendSigned(deps, subscription, event);
  if (sendsBack(ping, token)) return { consented: true, method: 'ping' };
  const pinged = `The signed ping got ${tell(ping)}, without its token.`;
  const cure =
    `Answer one of them, then resume the subscription; or POST {"token": …} with the token of the ping to ` +
    `/subscriptions/${subscription.id}/confirm.`;
  return { consented: false, reason: `The receiver has not consented. ${tried} ${pinged} ${cure}` };
}

/** The validation request of CloudEvents' web hooks (https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md#4-abuse-protection). */
function shakeHands(
  { webhooks }: SubscriptionDeps,
  { url, rateLimit }: Subscription,
  origin: string,
): Promise<WebhookOutcome> {
  const headers: Record<string, string> = { 'WebHook-Request-Origin': origin };
  // Theirs are requests a minute.
  if (rateLimit !== undefined) headers['WebHook-Request-Rate'] = String(rateLimit * 60);
  return webhooks.send({ method: 'OPTIONS', url, headers });
}

/** What the receiver allows, or undefined when it does not. */
function allowance(outcome: WebhookOutcome, origin: string): { allowedRate?: number } | undefined {
  if (outcome.type !== 'answered' || !isSuccess(outcome)) return undefined;
  const allowed = outcome.headers['webhook-allowed-origin']?.trim().toLowerCase();
  if (allowed !== '*' && allowed !== origin.toLowerCase()) return undefined;
  const rate = outcome.headers['webhook-allowed-rate']?.trim() ?? '*';
  return /^[1-9]\d{0,8}$/.test(rate) ? { allowedRate: Number(rate) } : {};
}

/** Whether the answer is the ping's token: as its whole text, as a JSON string, or as a member of a JSON object. */
function sendsBack(outcome: WebhookOutcome, token: string): boolean {
  if (outcome.type !== 'answered' || !isSuccess(outcome)) return false;
  const text = outcome.body.trim();
  if (text === token) return true;
  try {
    const value: unknown = JSON.parse(text);
    return value === token || (isObject(value) && Object.values(value).includes(token));
  } catch {
    return false;
  }
}

/** An outcome in a few words. */
function tell(outcome: WebhookOutcome): string {
  if (outcome.type === 'failed') return `no answer (${outcome.code}: ${outcome.message.slice(0, EXCERPT)})`;
  const body = outcome.body.slice(0, EXCERPT).toWellFormed();
  return `${outcome.status}${body === '' ? '' : ` ${JSON.stringify(body)}`}`;
}
