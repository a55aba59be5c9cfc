import type { Message } from 'rhea';
import { refusal } from './conditions';
import type { Answer } from './management';
import { checkToken, covers, pathOf, type SharedAccessKey } from './sas';

/** Audiences that one connection may hold tokens for. */
const MAX_CLAIMS = 1_000;
const SAS_TOKEN_TYPE = 'servicebus.windows.net:sastoken';

/** The tokens that a client put on its connection. */
export class Claims {
  private readonly expiries = new Map<string, number>();

  constructor(private readonly credential: SharedAccessKey) {}

  /**
   * `$cbs` put-token: https://learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-protocol-guide#claims-based-authorization
   * @param now milliseconds since the epoch.
   */
  put(request: Message, now: number): Answer {
    const { operation, name, type } = (request.application_properties ?? {}) as Record<string, unknown>;
    if (operation !== 'put-token') {
      return refusal('amqp:not-implemented', `The operation ${String(operation)} is not implemented here.`);
    }
    if (type !== SAS_TOKEN_TYPE) {
      return refusal('amqp:not-implemented', 'Only shared access signatures are implemented here.');
    }
    const claim = checkToken(request.body, name, this.credential, now);
    if (typeof claim === 'string') {
      // A token that is refused also withdraws what an earlier one allowed.
      if (typeof name === 'string') this.expiries.delete(pathOf(name));
      return refusal('amqp:unauthorized-access', claim);
    }
    if (this.expiries.size >= MAX_CLAIMS && !this.expiries.has(claim.path)) {
      return refusal('amqp:resource-limit-exceeded', 'This connection holds too many tokens.');
    }
    this.expiries.set(claim.path, claim.expires);
    return { body: undefined };
  }

  /** Whether a token that is still valid covers an entity path. */
  allow(path: string, now: number): boolean {
    const wanted = pathOf(path);
    for (const [granted, expires] of this.expiries) {
      if (expires > now && covers(granted, wanted)) return true;
    }
    return false;
  }

  /** When the next token runs out, in milliseconds since the epoch; infinite when none does. */
  nextExpiry(now: number): number {
    let next = Number.POSITIVE_INFINITY;
    for (const expires of this.expiries.values()) if (expires > now) next = Math.min(next, expires);
    return next;
  }
}
