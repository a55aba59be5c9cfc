import { HttpRequest, type HttpRequestInit, type InvocationContext } from '@azure/functions';
import type { StoredSubscription, Subscriptions } from '../../src/clients/subscriptions';
import { createSecrets } from '../../src/clients/secrets';
import type { WebhookOutcome, WebhookRequest } from '../../src/domain/egress/delivery';
import type { Subscription } from '../../src/domain/egress/subscription';
import type { SubscriptionDeps } from '../../src/triggers/egress/deps';

export const ID = 'a'.repeat(32);
export const KEY = Buffer.alloc(32, 1);
export const SECRET = `whsec_${Buffer.alloc(32, 2).toString('base64')}`;

export const secrets = createSecrets(KEY);

/** A subscription that is active since second 100. */
export function subscription(members: Partial<Subscription> = {}): Subscription {
  const url = members.url ?? 'https://receiver.example/hook';
  return {
    id: ID,
    url,
    datasets: ['things'],
    maxInFlight: 16,
    status: 'active',
    createdAt: '2026-01-01T00:00:00.000Z',
    updatedAt: '2026-01-01T00:00:00.000Z',
    terms: [{ from: 100, datasets: ['things'] }],
    revision: 1,
    reconciled: 1,
    secrets: [{ sealed: secrets.seal(members.id ?? ID, SECRET), createdAt: '2026-01-01T00:00:00.000Z' }],
    tokenHash: '0'.repeat(64),
    consent: { method: 'handshake', at: '2026-01-01T00:00:00.000Z', url },
    health: {},
    ...members,
  };
}

/** Not activated yet, its receiver never asked. */
export const pending = (members: Partial<Subscription> = {}): Subscription =>
  subscription({ status: 'pending', reason: 'Not asked.', consent: undefined, terms: [], ...members });

/** A store with a clock of its own, in ms: it moves with each request and each sleep. */
export class StoreModel implements Subscriptions {
  private readonly items = new Map<string, StoredSubscription>();
  private writes = 0;
  /** Called before each update is looked at; it may write itself, or throw as a crash does. */
  beforeUpdate: (changes: Partial<Subscription>) => void = () => {};

  constructor(
    public time = 200_000,
    private readonly latency = 10,
  ) {}

  private tick(): Promise<void> {
    this.time += this.latency;
    return Promise.resolve();
  }

  sleep = (ms: number): Promise<void> => {
    this.time += ms;
    return Promise.resolve();
  };

  /** A write by somebody else. */
  put(subscription: Subscription): StoredSubscription {
    // As the store does: JSON, without what is undefined.
    const copy = JSON.parse(JSON.stringify(subscription)) as Subscription;
    const stored = { subscription: copy, etag: `"${++this.writes}"`, ts: Math.floor(this.time / 1000) };
    this.items.set(copy.id, stored);
    return stored;
  }

  get(id = ID): Subscription {
    const found = this.items.get(id);
    if (!found) throw new Error(`There is no ${id}.`);
    return found.subscription;
  }

  async create(subscription: Subscription): Promise<StoredSubscription> {
    await this.tick();
    return this.put(subscription);
  }

  async read(id: string): Promise<StoredSubscription | undefined> {
    await this.tick();
    return this.items.get(id);
  }

  async update(
    ...[id, etag, changes]: Parameters<Subscriptions['update']>
  ): ReturnType<Subscriptions['update']> {
    await this.tick();
    this.beforeUpdate(changes);
    const found = this.items.get(id);
    if (found?.etag !== etag) return { type: 'conflict' };
    return { type: 'updated', stored: this.put({ ...found.subscription, ...changes }) };
  }

  all = (): Promise<StoredSubscription[]> => Promise.resolve([...this.items.values()]);
  count = (): Promise<number> => Promise.resolve(this.items.size);
  remove = (id: string): Promise<boolean> => Promise.resolve(this.items.delete(id));
}

/** @param answer what the receiver does; a promise that may write to the store before it is kept */
export function deps(
  store: StoreModel,
  answer: (request: WebhookRequest) => WebhookOutcome | Promise<WebhookOutcome> = () => answered(404),
): SubscriptionDeps & { readonly sent: WebhookRequest[] } {
  const sent: WebhookRequest[] = [];
  return {
    config: {
      sweepAfterMs: 30_000,
      egress: { source: 'urn:test', allowLocalWebhooks: false, maxSubscriptions: 3 },
    } as SubscriptionDeps['config'],
    subscriptions: store,
    secrets,
    schemas: { all: new Map([['things', {}]]) } as unknown as SubscriptionDeps['schemas'],
    webhooks: {
      send: async (request) => {
        sent.push(request);
        return answer(request);
      },
    },
    now: () => new Date(store.time),
    sleep: store.sleep,
    sent,
  };
}

export const answered = (
  status: number,
  headers: Record<string, string> = {},
  body = '',
): WebhookOutcome => ({ type: 'answered', status, headers, body, durationMs: 1 });

export const failed = (code: (WebhookOutcome & { type: 'failed' })['code']): WebhookOutcome => ({
  type: 'failed',
  code,
  message: 'A message.',
  durationMs: 1,
});

/** The token in a ping. */
export const tokenIn = ({ body = '' }: WebhookRequest): string =>
  (JSON.parse(body) as { data: { token: string } }).data.token;

export const context = {} as InvocationContext;

export function request(body?: unknown, init: Partial<HttpRequestInit> = {}): HttpRequest {
  return new HttpRequest({
    method: 'POST',
    url: 'https://app.example/api/subscriptions',
    params: { subscriptionId: ID },
    ...init,
    headers: { 'content-type': 'application/json', ...init.headers },
    ...(body === undefined ? {} : { body: { string: JSON.stringify(body) } }),
  });
}

export const bodyOf = (answer: { body?: unknown }): Record<string, unknown> =>
  JSON.parse(String(answer.body)) as Record<string, unknown>;
