import { randomUUID } from 'node:crypto';
import { testEventOf } from '../../domain/egress/event';
import { secretFault } from '../../domain/egress/signature';
import { hasConsented, type SigningSecret, type Subscription } from '../../domain/egress/subscription';
import { isTokenOf, SUBSCRIPTION_ID, tokenHash } from '../../domain/egress/tokens';
import type { JsonObject } from '../../domain/json';
import { Problem } from '../../domain/problem';
import { json, type Handler } from '../http';
import { objectIfAny, objectOf } from './body';
import { change, resumeTerm } from './change';
import { grantConsent, seekConsent } from './consent';
import type { SubscriptionDeps, SubscriptionHandler } from './deps';
import { answer, answerOnce } from './describe';
import { sendSigned } from './send';
import { createSecret, originOf, randomToken } from './subscriptions';

/** How long the secret before is valid beside a new one, seconds. */
const DEFAULT_OVERLAP = 86_400;
const MAX_OVERLAP = 7 * 86_400;

/** Characters of a receiver's answer that are shown. */
const EXCERPT = 1000;

function requireConsent(subscription: Subscription): void {
  if (hasConsented(subscription)) return;
  throw new Problem(
    'consent-missing',
    `The receiver has not consented. ${subscription.reason ?? ''} POST …/resume asks it again.`,
    { subscriptionStatus: subscription.status },
  );
}

/** `POST /api/subscriptions/{id}/test`: one signed request now; the answer says what came of it. */
export function createTestSubscription(deps: SubscriptionDeps): SubscriptionHandler {
  return async ({ subscription }) => {
    requireConsent(subscription);
    const event = testEventOf({
      source: deps.config.egress.source,
      subscription: subscription.id,
      id: randomUUID(),
      at: deps.now().toISOString(),
    });
    const outcome = await sendSigned(deps, subscription, event);
    const { durationMs } = outcome;
    if (outcome.type === 'failed')
      return json(200, { succeeded: false, error: outcome.code, message: outcome.message, durationMs });
    const { status, body } = outcome;
    const succeeded = status >= 200 && status < 300;
    return json(200, { succeeded, status, body: body.slice(0, EXCERPT).toWellFormed(), durationMs });
  };
}

/** `POST /api/subscriptions/{id}/rotate-secret` with `{overlapSeconds?, secret?}`. */
export function createRotateSecret(deps: SubscriptionDeps): SubscriptionHandler {
  return async (seen, request) => {
    const { secret = createSecret(), overlapSeconds = DEFAULT_OVERLAP } = rotationOf(
      await objectIfAny(request),
    );
    const sealed = deps.secrets.seal(seen.subscription.id, secret);
    const now = deps.now();
    const createdAt = now.toISOString();
    const end = now.getTime() + overlapSeconds * 1000;
    const stored = await change(deps, seen, ({ secrets }) => ({
      secrets: [{ sealed, createdAt }, ...kept(secrets, now.getTime(), end)],
      updatedAt: createdAt,
    }));
    return answerOnce(stored, 200, { secret });
  };
}

/** The newest secret so far, until the overlap ends: two are valid at most. */
function kept([newest]: readonly SigningSecret[], now: number, end: number): SigningSecret[] {
  return newest && end > now ? [{ ...newest, expiresAt: new Date(end).toISOString() }] : [];
}

/** @throws Problem `invalid-subscription` */
function rotationOf(body: JsonObject): { secret?: string; overlapSeconds?: number } {
  const errors: { pointer: string; message: string }[] = [];
  const refuse = (name: string, message: string): void => void errors.push({ pointer: `/${name}`, message });
  const { overlapSeconds, secret, ...others } = body;
  for (const name of Object.keys(others))
    refuse(name, 'There is no such member; allowed are overlapSeconds, secret.');
  const isOverlap =
    typeof overlapSeconds === 'number' &&
    Number.isSafeInteger(overlapSeconds) &&
    overlapSeconds >= 0 &&
    overlapSeconds <= MAX_OVERLAP;
  if (overlapSeconds !== undefined && !isOverlap)
    refuse('overlapSeconds', `It must be a whole number from 0 to ${MAX_OVERLAP}.`);
  const fault = typeof secret === 'string' ? secretFault(secret) : 'It must be a string.';
  if (secret !== undefined && fault !== undefined) refuse('secret', fault);
  if (errors.length > 0) {
    const detail = errors.map(({ pointer, message }) => `${pointer}: ${message}`).join(' ');
    throw new Problem('invalid-subscription', detail.slice(0, 2000), { errors });
  }
  return { secret: secret as string | undefined, overlapSeconds: overlapSeconds as number | undefined };
}

/** `POST /api/subscriptions/{id}/pause` */
export function createPauseSubscription(deps: SubscriptionDeps): SubscriptionHandler {
  return async (seen) => {
    const stored = await change(deps, seen, (present) => {
      if (present.status === 'paused') return undefined;
      requireConsent(present);
      return { status: 'paused', reason: undefined, updatedAt: deps.now().toISOString() };
    });
    return answer(stored);
  };
}

/** `POST /api/subscriptions/{id}/resume`: goes on where it stopped; one that is pending asks its receiver again. */
export function createResumeSubscription(deps: SubscriptionDeps): SubscriptionHandler {
  return async (seen, request) => {
    const { subscription } = seen;
    if (subscription.status === 'pending' && !hasConsented(subscription)) {
      const token = randomToken();
      const asking = await change(deps, seen, (present) =>
        present.status === 'pending' && !hasConsented(present)
          ? { confirmationHash: tokenHash(token) }
          : undefined,
      );
      // Else it has consented meanwhile, in another way.
      if (asking.subscription.confirmationHash !== tokenHash(token)) return answer(asking);
      return answer(await seekConsent(deps, asking, token, originOf(deps, request)));
    }
    const stored = await change(deps, seen, (present) => {
      if (present.status !== 'paused' && present.status !== 'disabled') return undefined;
      const { failingSince: _, ...health } = present.health;
      return { status: 'active', reason: undefined, health, updatedAt: deps.now().toISOString() };
    });
    // What a crash has left.
    return answer(await resumeTerm(deps, stored));
  };
}

/** `POST /api/subscriptions/{id}/confirm` with `{token}`: the token of the ping is the proof; no key is needed. */
export function createConfirmSubscription(deps: SubscriptionDeps): Handler {
  return async (request) => {
    const id = request.params['subscriptionId'] ?? '';
    const { token } = await objectOf(request);
    const stored = SUBSCRIPTION_ID.test(id) ? await deps.subscriptions.read(id) : undefined;
    const subscription = stored?.subscription;
    const isProof = typeof token === 'string' && isTokenOf(token, subscription?.confirmationHash);
    if (!stored || !subscription || subscription.status !== 'pending' || !isProof) {
      throw new Problem(
        'invalid-confirmation',
        'The token is not the one of the last ping to a subscription that is pending.',
      );
    }
    const confirmed = await grantConsent(deps, stored, subscription.url, 'confirmation');
    return json(200, { id, status: confirmed.subscription.status });
  };
}
