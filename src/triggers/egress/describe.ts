import type { HttpResponseInit } from '@azure/functions';
import type { StoredSubscription } from '../../clients/subscriptions';
import type { Subscription } from '../../domain/egress/subscription';
import { json } from '../http';

const iso = (ms: number | undefined): string | undefined =>
  ms === undefined ? undefined : new Date(ms).toISOString();

/** A subscription as the API shows it. Member by member: what is not named here, as secrets and hashes, stays inside. */
export function describe(subscription: Subscription): Record<string, unknown> {
  const { id, status, reason, url, datasets, filter, description, rateLimit, maxInFlight, alertUrl } =
    subscription;
  const { createdAt, updatedAt, revision, consent, secrets, health, terms } = subscription;
  const [first] = terms;
  return {
    id,
    status,
    reason,
    url,
    datasets,
    filter,
    description,
    rateLimit,
    maxInFlight,
    alertUrl,
    createdAt,
    updatedAt,
    revision,
    owedSince: first && iso(first.from * 1000),
    consent: consent && { method: consent.method, at: consent.at, allowedRate: consent.allowedRate },
    secrets: secrets.map(({ createdAt, expiresAt }) => ({ createdAt, expiresAt })),
    failingSince: iso(health.failingSince),
    heldUntil: iso(health.heldUntil),
  };
}

/** The answer to a request about one subscription, with the ETag that `If-Match` may name. */
export function answer({ subscription, etag }: StoredSubscription, status = 200): HttpResponseInit {
  return json(status, describe(subscription), { ETag: etag });
}

/** An answer that holds what is told once: nobody on the way may keep it. */
export function answerOnce(
  { subscription, etag }: StoredSubscription,
  status: number,
  told: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): HttpResponseInit {
  return json(
    status,
    { ...describe(subscription), ...told },
    { ETag: etag, 'Cache-Control': 'no-store', ...headers },
  );
}
