import { randomUUID } from 'node:crypto';
import { isSuccess, type WebhookOutcome } from '../../domain/egress/delivery';
import type { StoredDocument } from '../../domain/egress/document';
import { eventOf } from '../../domain/egress/event';
import type { Ending } from '../../domain/egress/progress';
import {
  attemptId,
  type AttemptRecord,
  type DeliveryRow,
  type EventKind,
  type LastAttempt,
} from '../../domain/egress/row';
import { signedRequest } from '../../domain/egress/request';
import { retryAfterMs, waitBefore } from '../../domain/egress/schedule';
import type { Subscription } from '../../domain/egress/subscription';
import type { EgressDeps, EgressSettings } from './deps';

/** A row whose request has been noted in the store, and may be started. */
export interface Claimed {
  readonly row: DeliveryRow;
  readonly etag: string;
  readonly token: string;
  readonly kind: EventKind;
  readonly version: number;
  readonly document: StoredDocument;
}

export interface Answered {
  readonly claimed: Claimed;
  readonly startedAt: Date;
  readonly outcome: WebhookOutcome;
}

/** Characters of an answer that are kept with the attempt. */
const KEPT_ANSWER = 500;

export const newToken = (): string => randomUUID();

/** Sends one event. The timestamp and so the signature are of this attempt, the event and its id of all attempts. */
export async function send(
  { egress, webhooks, now }: Pick<EgressDeps, 'egress' | 'webhooks' | 'now'>,
  subscription: Subscription,
  secrets: readonly string[],
  claimed: Claimed,
): Promise<Answered> {
  const { row, document, kind } = claimed;
  const replay = row.attempt?.replay;
  const event = eventOf({
    source: egress.source,
    subscription: subscription.id,
    document,
    kind,
    ...(replay === undefined ? {} : { replay }),
  });
  const startedAt = now();
  const outcome = await webhooks.send(signedRequest(subscription.url, event, secrets, startedAt));
  return { claimed, startedAt, outcome };
}

/** How long (ms) the receiver asks to be left alone; undefined when it does not. */
export function heldFor(outcome: WebhookOutcome, now: number): number | undefined {
  if (outcome.type !== 'answered' || (outcome.status !== 429 && outcome.status !== 503)) return undefined;
  return retryAfterMs(outcome.headers['retry-after'], now);
}

/** What an answer means for its row: delivered, to be tried again, or given up. */
export function endingOf(
  { claimed, startedAt, outcome }: Answered,
  failures: number,
  settings: EgressSettings,
  now: number,
): Ending {
  const { kind, version } = claimed;
  const last: LastAttempt = {
    at: startedAt.toISOString(),
    kind,
    version,
    durationMs: Math.round(outcome.durationMs),
    ...(outcome.type === 'answered'
      ? { status: outcome.status }
      : { error: `${outcome.code}: ${outcome.message}` }),
  };
  if (isSuccess(outcome)) return { type: 'delivered', last };
  const reason = outcome.type === 'answered' ? `The receiver answered ${outcome.status}.` : outcome.message;
  if (failures + 1 >= settings.attempts) return { type: 'failed', last, reason };
  const wait = waitBefore(failures + 1, settings, Math.random());
  return { type: 'failed', last, reason, retryAt: now + Math.max(wait, heldFor(outcome, now) ?? 0) };
}

/** What is kept of a request for those who look at deliveries. */
export function recordOf({ claimed, outcome }: Answered, last: LastAttempt, ttl: number): AttemptRecord {
  const { row, token } = claimed;
  const replay = row.attempt?.replay;
  // The cut may go through a character of two units, and half a character is no text.
  const answer = outcome.type === 'answered' ? outcome.body.slice(0, KEPT_ANSWER).toWellFormed() : '';
  return {
    ...last,
    id: attemptId(row.id, last.at, token),
    pk: row.pk,
    type: 'attempt',
    subscription: row.subscription,
    row: row.id,
    key: row.key,
    ttl,
    ...(replay === undefined ? {} : { replay }),
    ...(answer === '' ? {} : { answer }),
  };
}
