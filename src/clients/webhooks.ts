import type { WebhookOutcome, WebhookRequest } from '../domain/egress/delivery';
import { targetFault } from '../domain/egress/url';
import { createAgents, type AgentOptions } from './webhookAgents';
import { Exchange } from './webhookExchange';

/** Requests to addresses that strangers gave. */
export interface Webhooks {
  /**
   * Sends a request and waits for the answer. Whatever the receiver does is an outcome; nothing is thrown. A redirect
   * is an answer and is not followed. A connection that turns out to have been closed while it was idle is replaced
   * once, so that the receiver may see the request twice.
   * @param options.timeoutMs for all of it, name and body of the answer included; default: the client's
   */
  send(request: WebhookRequest, options?: { readonly timeoutMs?: number }): Promise<WebhookOutcome>;
  /** Closes all connections. Requests under way end as `no-answer`. */
  close(): void;
}

export interface WebhooksOptions extends AgentOptions {
  /** Time for one request, ms. */
  readonly timeoutMs: number;
}

/** A client of receivers. With `allowLocal` it sends to `http:` and to addresses that are not public as well. */
export function createWebhooks(options: WebhooksOptions): Webhooks {
  const kept = createAgents(options, true);
  const fresh = createAgents(options, false);
  return {
    send(request, { timeoutMs = options.timeoutMs } = {}) {
      const url = URL.parse(request.url);
      const fault = url ? targetFault(url, options.allowLocal) : 'It is no absolute URL.';
      if (!url || fault !== undefined) {
        const message = `The address is not allowed. ${fault}`;
        return Promise.resolve({ type: 'failed', code: 'address-refused', message, durationMs: 0 });
      }
      const scheme = url.protocol as 'http:' | 'https:';
      return new Promise((resolve) => {
        new Exchange(request, url, { kept: kept[scheme], fresh: fresh[scheme] }, timeoutMs, resolve).start();
      });
    },
    close() {
      for (const agents of [kept, fresh]) for (const agent of Object.values(agents)) agent.destroy();
    },
  };
}
