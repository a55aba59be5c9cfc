import { isSuccess } from '../../domain/egress/delivery';
import { alertEventOf } from '../../domain/egress/event';
import { signedRequest } from '../../domain/egress/request';
import { waitBefore } from '../../domain/egress/schedule';
import type { Subscription } from '../../domain/egress/subscription';
import type { EgressDeps } from './deps';
import { changeSubscription } from './health';

/** Sends the notice that a subscription was disabled; one that is not taken is tried again like an event. */
export async function sendAlert(deps: EgressDeps, subscription: Subscription): Promise<void> {
  const { alert, alertUrl, id } = subscription;
  if (!alert) return;
  const now = deps.now();
  let taken = alertUrl === undefined;
  if (alertUrl !== undefined) {
    const event = alertEventOf({ source: deps.egress.source, subscription: id, alert });
    const request = signedRequest(alertUrl, event, deps.secretsOf(subscription, now), now);
    taken = isSuccess(await deps.webhooks.send(request));
  }
  await changeSubscription(deps, id, (current) => {
    if (current.alert?.id !== alert.id) return undefined;
    const attempts = current.alert.attempts + 1;
    if (taken || attempts >= deps.egress.attempts) return { alert: undefined };
    const due = deps.now().getTime() + waitBefore(attempts, deps.egress, Math.random());
    return { alert: { ...current.alert, attempts, due } };
  });
}
