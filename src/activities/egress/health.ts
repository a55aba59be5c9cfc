import { isSuccess } from '../../domain/egress/delivery';
import { randomUUID } from 'node:crypto';
import type { PendingAlert, Subscription } from '../../domain/egress/subscription';
import { heldFor, type Answered } from './attempt';
import type { EgressDeps } from './deps';
import type { Receivers } from './receiver';

/** A failure that lasts this long (ms) is remembered over restarts; most are over sooner. */
const REMEMBER_AFTER_MS = 30_000;

/** A pause that a receiver asked for is remembered when it is at least this long, ms. */
const REMEMBER_HELD_MS = 5_000;

export interface HealthKeeper {
  note(subscription: Subscription, answered: Answered): void;
  /** Resolves when everything noted is stored. */
  settled(): Promise<void>;
}

/**
 * Keeps what is known of receivers: since when one fails, how long it wants to be left alone, that it is gone. Stored
 * only when it changes for good; lost with the process otherwise, which costs some more requests.
 */
export function createHealthKeeper(
  deps: Pick<EgressDeps, 'subscriptions' | 'egress' | 'now'>,
  receivers: Receivers,
  failed: (error: unknown) => void,
): HealthKeeper {
  const storing = new Map<string, Promise<void>>();

  const store = (
    id: string,
    changeOf: (current: Subscription) => Partial<Subscription> | undefined,
  ): void => {
    // One at a time: what is not stored now is noted again by the next answer.
    if (storing.has(id)) return;
    const done = changeSubscription(deps, id, changeOf)
      .catch(failed)
      .finally(() => storing.delete(id));
    storing.set(id, done);
  };

  return {
    note(subscription, { outcome }) {
      const { id, health } = subscription;
      const now = deps.now().getTime();
      const receiver = receivers.of(id);
      if (isSuccess(outcome)) {
        receiver.failingSince = undefined;
        if (health.failingSince !== undefined)
          store(id, (current) => (current.health.failingSince === undefined ? undefined : { health: {} }));
        return;
      }
      const since = receiver.failingSince ?? health.failingSince ?? now;
      receiver.failingSince = since;
      if (outcome.type === 'answered' && outcome.status === 410) {
        store(id, (current) => disabled(current, 'The receiver answered 410: it is gone.', deps.now()));
        return;
      }
      if (now - since >= deps.egress.disableAfterMs) {
        const reason = `Every request has failed since ${new Date(since).toISOString()}.`;
        store(id, (current) => disabled(current, reason, deps.now()));
        return;
      }
      const held = heldFor(outcome, now);
      const heldUntil = held !== undefined && held >= REMEMBER_HELD_MS ? now + held : undefined;
      const remember = health.failingSince === undefined && now - since >= REMEMBER_AFTER_MS;
      if (!remember && heldUntil === undefined) return;
      store(id, (current) => ({
        health: {
          ...current.health,
          ...(remember ? { failingSince: since } : {}),
          ...(heldUntil === undefined ? {} : { heldUntil }),
        },
      }));
    },
    async settled() {
      await Promise.all(storing.values());
    },
  };
}

/** Changes a subscription under its ETag; `changeOf` is asked again when somebody else was first. */
export async function changeSubscription(
  { subscriptions }: Pick<EgressDeps, 'subscriptions'>,
  id: string,
  changeOf: (current: Subscription) => Partial<Subscription> | undefined,
): Promise<void> {
  for (;;) {
    const found = await subscriptions.read(id);
    const changes = found && changeOf(found.subscription);
    if (!found || !changes) return;
    if ((await subscriptions.update(id, found.etag, changes)).type === 'updated') return;
  }
}

function disabled(current: Subscription, reason: string, now: Date): Partial<Subscription> | undefined {
  if (current.status !== 'active') return undefined;
  const at = now.toISOString();
  const alert: PendingAlert = { id: randomUUID(), reason, at, attempts: 0, due: now.getTime() };
  return { status: 'disabled', reason, updatedAt: at, ...(current.alertUrl === undefined ? {} : { alert }) };
}
