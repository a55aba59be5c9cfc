import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { ApiError, type Api } from './api';

/** Where `npm run consumer` listens unless it is told otherwise. */
export const CONSUMER_PORT = 9009;

/** What its owner decides about a subscription; see `docs/api.md`. */
export interface SubscriptionSettings {
  readonly url: string;
  readonly datasets: readonly string[];
  readonly filter?: unknown;
  readonly description?: string;
  readonly rateLimit?: number;
  readonly maxInFlight?: number;
  readonly alertUrl?: string;
  /** `whsec_…`; the API makes one when there is none. */
  readonly secret?: string;
}

/** A subscription as the API shows it. */
export interface SubscriptionReport extends SubscriptionSettings {
  readonly id: string;
  readonly status: 'pending' | 'active' | 'paused' | 'disabled';
  readonly reason?: string;
}

/** A secret of one's own, so that it is known before the first event comes. */
export function newSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`;
}

/** The part of the API that is about subscriptions, with the function key. All throw {@link ApiError}. */
export class Subscriptions {
  constructor(private readonly api: Api) {}

  /** Resolves after the receiver was asked for its consent. */
  create(settings: SubscriptionSettings): Promise<SubscriptionReport & { secret: string; token: string }> {
    return this.send('POST', '', settings);
  }

  /** As {@link create}. @throws Error when the receiver did not consent */
  async createActive(settings: SubscriptionSettings): Promise<SubscriptionReport & { secret: string }> {
    const created = await this.create(settings);
    if (created.status === 'active') return created;
    throw new Error(`The subscription is ${created.status}: ${created.reason ?? ''}`);
  }

  get(id: string): Promise<SubscriptionReport> {
    return this.send('GET', `/${id}`);
  }

  /** A JSON merge patch of the settings. */
  patch(id: string, patch: object): Promise<SubscriptionReport> {
    return this.send('PATCH', `/${id}`, patch);
  }

  pause(id: string): Promise<SubscriptionReport> {
    return this.send('POST', `/${id}/pause`);
  }

  resume(id: string): Promise<SubscriptionReport> {
    return this.send('POST', `/${id}/resume`);
  }

  remove(id: string): Promise<unknown> {
    return this.send('DELETE', `/${id}`);
  }

  /** Waits until the subscription has a status. @throws Error after `timeoutMs` */
  async becomes(
    id: string,
    status: SubscriptionReport['status'],
    timeoutMs = 30_000,
  ): Promise<SubscriptionReport> {
    const end = Date.now() + timeoutMs;
    for (;;) {
      const report = await this.get(id);
      if (report.status === status) return report;
      if (Date.now() > end) throw new Error(`Subscription ${id} is still ${report.status}.`);
      await delay(50);
    }
  }

  private async send<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await this.api.request(`/api/subscriptions${path}`, {
      method,
      ...(body === undefined
        ? {}
        : { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new ApiError(response.status, text);
    return JSON.parse(text) as T;
  }
}
