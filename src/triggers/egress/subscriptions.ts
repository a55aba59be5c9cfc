import { randomBytes, randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { HttpRequest } from '@azure/functions';
import { FILTER_OPERATORS } from '../../domain/egress/filter';
import {
  creationFaults,
  patchFaults,
  settingsOf,
  toSettings,
  type SettingFault,
  type SettingRules,
} from '../../domain/egress/settings';
import { newSecret } from '../../domain/egress/signature';
import type { Subscription } from '../../domain/egress/subscription';
import { subscriptionToken, TOKEN_BYTES, tokenHash } from '../../domain/egress/tokens';
import type { JsonObject } from '../../domain/json';
import { mergePatch } from '../../domain/mergePatch';
import { Problem } from '../../domain/problem';
import { apiBase, json, type Handler } from '../http';
import { objectOf, PATCH_TYPES } from './body';
import { change, completeTerm, ifMatchOf } from './change';
import { seekConsent } from './consent';
import type { SubscriptionDeps, SubscriptionHandler } from './deps';
import { answer, answerOnce } from './describe';

/** Bytes of a secret that we choose; Standard Webhooks allows 24 to 64. */
const SECRET_BYTES = 32;

export const createSecret = (): string => newSecret(randomBytes(SECRET_BYTES));

export const randomToken = (): string => randomBytes(TOKEN_BYTES).toString('base64url');

/** What receivers are asked to allow. */
export function originOf({ config }: Pick<SubscriptionDeps, 'config'>, request: HttpRequest): string {
  return config.egress.webhookOrigin ?? new URL(request.url).host;
}

const rulesOf = ({ config, schemas }: SubscriptionDeps): SettingRules => ({
  datasets: schemas.all,
  allowLocal: config.egress.allowLocalWebhooks,
});

function refuse(faults: readonly SettingFault[]): void {
  if (faults.length === 0) return;
  const errors = faults;
  const detail = faults
    .map(({ pointer, message }) => `${pointer}: ${message}`)
    .join(' ')
    .slice(0, 2000);
  if (faults.every(({ pointer }) => /^\/filter(\/|$)/.test(pointer)))
    throw new Problem('invalid-filter', detail, { errors, allowed: FILTER_OPERATORS });
  throw new Problem('invalid-subscription', detail, { errors });
}

/** `POST /api/subscriptions` */
export function createPostSubscription(deps: SubscriptionDeps): Handler {
  return async (request) => {
    const body = await objectOf(request);
    refuse(creationFaults(body, rulesOf(deps)));
    const limit = deps.config.egress.maxSubscriptions;
    if ((await deps.subscriptions.count()) >= limit)
      throw new Problem('too-many-subscriptions', `There are ${limit} subscriptions already.`, { limit });
    const { subscription, ...told } = newSubscription(deps, body);
    const confirmation = randomToken();
    const created = await deps.subscriptions.create({
      ...subscription,
      confirmationHash: tokenHash(confirmation),
    });
    const asked = await seekConsent(deps, created, confirmation, originOf(deps, request));
    const location = `${apiBase(request)}/subscriptions/${subscription.id}`;
    return answerOnce(asked, 201, told, { Location: location });
  };
}

function newSubscription(
  { secrets, now }: SubscriptionDeps,
  body: JsonObject,
): { subscription: Subscription; secret: string; token: string } {
  const id = randomUUID().replaceAll('-', '');
  const at = now().toISOString();
  const secret = typeof body['secret'] === 'string' ? body['secret'] : createSecret();
  const token = subscriptionToken(id, randomBytes(TOKEN_BYTES));
  const subscription: Subscription = {
    id,
    ...toSettings(body),
    status: 'pending',
    reason: 'The receiver is being asked for its consent.',
    createdAt: at,
    updatedAt: at,
    terms: [],
    revision: 1,
    reconciled: 1,
    secrets: [{ sealed: secrets.seal(id, secret), createdAt: at }],
    tokenHash: tokenHash(token),
    health: {},
  };
  return { subscription, secret, token };
}

/** `GET /api/subscriptions/{id}` */
export const getSubscription: SubscriptionHandler = (stored) => Promise.resolve(answer(stored));

/** `PATCH /api/subscriptions/{id}`: a JSON merge patch (RFC 7396) of the settings. */
export function createPatchSubscription(deps: SubscriptionDeps): SubscriptionHandler {
  return async (seen, request) => {
    const patch = await objectOf(request, PATCH_TYPES);
    const confirmation = randomToken();
    let moved = false;
    const stored = await change(
      deps,
      seen,
      (present) => {
        const merged = mergePatch(settingsOf(present), patch);
        refuse(patchFaults(patch, merged, rulesOf(deps)));
        moved = merged['url'] !== present.url;
        return patched(present, merged, confirmation, deps.now().toISOString());
      },
      ifMatchOf(request),
    );
    const begun = stored.subscription.termDue ? await completeTerm(deps, stored) : stored;
    return answer(moved ? await seekConsent(deps, begun, confirmation, originOf(deps, request)) : begun);
  };
}

/** Undefined when nothing changes. */
function patched(
  present: Subscription,
  merged: JsonObject,
  confirmation: string,
  updatedAt: string,
): Partial<Subscription> | undefined {
  const settings = toSettings(merged);
  if (isDeepStrictEqual(settings, toSettings(settingsOf(present)))) return undefined;
  const asksOther =
    !isDeepStrictEqual(settings.datasets, present.datasets) ||
    !isDeepStrictEqual(settings.filter, present.filter);
  const moved = settings.url !== present.url;
  const first = present.terms.length === 0;
  return {
    ...settings,
    updatedAt,
    // Before the first term nothing is owed: what is asked for then counts from the activation on.
    ...(asksOther && !first ? { revision: present.revision + 1, termDue: true } : {}),
    ...(moved
      ? {
          status: 'pending',
          reason: 'The new address is being asked for its consent.',
          consent: undefined,
          confirmationHash: tokenHash(confirmation),
          health: {},
          ...(first ? { termDue: undefined } : {}),
        }
      : {}),
  };
}

/** `DELETE /api/subscriptions/{id}`: 202, since what it was owed is removed later. */
export function createDeleteSubscription(deps: SubscriptionDeps): SubscriptionHandler {
  return async (seen, request) => {
    const updatedAt = deps.now().toISOString();
    const { subscription } = await change(
      deps,
      seen,
      () => ({ status: 'deleted', reason: undefined, termDue: undefined, updatedAt }),
      ifMatchOf(request),
    );
    return json(202, { id: subscription.id, status: subscription.status });
  };
}
