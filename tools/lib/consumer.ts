import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { readEvent, type ChangeEvent, type NoticeEvent } from './events';
import { Holdings } from './holdings';
import { random, type Random } from './random';

/** Longest event that is read, bytes: a document of Cosmos DB has at most 2 MB, and JSON can write a character in six. */
const MAX_EVENT_BYTES = 12 * 1024 * 1024;

/** Requests that are remembered in the log. */
const MAX_LOG = 200_000;

/** Longer than senders keep a connection that nobody uses, ms. */
const KEEP_ALIVE_MS = 120_000;

/** One change as a request brought it. */
export interface Delivery {
  readonly event: ChangeEvent;
  /** How often this event has come, from 1. */
  readonly attempt: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ConsumerOptions {
  /** The share of changes that are refused with 400, from 0 to 1. */
  readonly fail?: number;
  /** Milliseconds before each answer. */
  readonly slow?: number;
  /** Which changes are refused: the same for the same seed and order. */
  readonly seed?: number;
  /** `whsec_…`; without one signatures are not verified. */
  readonly secret?: string;
  /** Answers in the place of the consumer; `hang`: never; undefined: as it would itself. */
  readonly answer?: (delivery: Delivery) => Answer | 'hang' | undefined;
  /** Is told of each request when it has been answered, or never will be. */
  readonly onEntry?: (entry: Entry) => void;
}

/**
 * - `taken`: it is what the consumer holds now
 * - `duplicate`: this event was taken before
 * - `older`: a later version was taken before
 * - `refused`: not answered with 2xx
 * - `hanging`: not answered at all
 */
export type Verdict = 'taken' | 'duplicate' | 'older' | 'refused' | 'hanging';

/** A change in the log. */
export interface Entry {
  /** When the request had come, ms since the epoch. */
  readonly at: number;
  readonly id: string;
  readonly subscription: string;
  readonly dataset: string;
  readonly subject: string;
  readonly version: number;
  readonly kind: ChangeEvent['kind'];
  readonly batchId: string;
  readonly attempt: number;
  /** HTTP status; undefined: none */
  readonly answered: number | undefined;
  readonly verdict: Verdict;
}

export interface ConsumerStats {
  /** Requests that brought a change with a good signature. */
  received: number;
  accepted: number;
  refused: number;
  /** Events that had been taken before. */
  duplicates: number;
  /** Events with a version below one that had come before. */
  outOfOrder: number;
  badSignatures: number;
  /** Requests that were no event of ours. */
  malformed: number;
  /** Tests, confirmations and alerts. */
  notices: number;
}

/**
 * A receiver of changes as one should be: it takes part in the handshake, checks signatures, drops what came twice and
 * what is older than what it holds. On demand it is slow, refuses, or does not answer.
 */
export class Consumer {
  /** Newest last; only so many are kept. */
  readonly log: Entry[] = [];
  readonly holdings = new Holdings();
  readonly stats: ConsumerStats = {
    received: 0,
    accepted: 0,
    refused: 0,
    duplicates: 0,
    outOfOrder: 0,
    badSignatures: 0,
    malformed: 0,
    notices: 0,
  };
  private readonly server: Server;
  private readonly random: Random;
  private readonly webhook: Webhook | undefined;
  private readonly waiting = new Set<() => void>();
  private address = '';

  /** @throws Error when the secret is none */
  constructor(private readonly options: ConsumerOptions = {}) {
    this.random = random(options.seed ?? 1);
    this.webhook = options.secret === undefined ? undefined : new Webhook(options.secret);
    this.server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
      this.handle(request, response).catch(() => response.destroy());
    });
  }

  /** Listens on loopback. @param port 0: any free one. @throws when it is in use */
  async start(port = 0): Promise<this> {
    this.server.listen(port, '127.0.0.1');
    await once(this.server, 'listening');
    this.address = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/`;
    return this;
  }

  /** Where events are to be sent, once it has started. */
  get url(): string {
    return this.address;
  }

  /** Resolves when the condition holds; it is looked at after each request. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!condition()) return;
        this.waiting.delete(look);
        resolve();
      };
      this.waiting.add(look);
      look();
    });
  }

  /** Ends it, and the requests that it has not answered. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeAllConnections();
    await closed;
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === 'OPTIONS') return allow(request, response);
    if (request.method !== 'POST')
      return reply(response, { status: 405, headers: { Allow: 'POST, OPTIONS' } });
    const body = await textOf(request);
    if (body === undefined) return reply(response, { status: 413, headers: { Connection: 'close' } });
    const headers = headersOf(request);
    if (!this.isSigned(body, headers)) {
      this.stats.badSignatures++;
      return reply(response, { status: 401 });
    }
    const event = readEvent(body);
    if (event?.type === 'change') return this.change(event, headers, body, response);
    if (event) return this.notice(event, response);
    this.stats.malformed++;
    return reply(response, { status: 400 }, 'This is no event that this consumer knows.');
  }

  private isSigned(body: string, headers: Readonly<Record<string, string>>): boolean {
    if (!this.webhook) return true;
    try {
      this.webhook.verify(body, headers, { jsonParse: false });
      return true;
    } catch (error) {
      if (error instanceof WebhookVerificationError) return false;
      throw error;
    }
  }

  private notice(event: NoticeEvent, response: ServerResponse): void {
    this.stats.notices++;
    const { token } = event.data;
    // Sending the token back is how a receiver consents that does not know the handshake.
    const echo = event.kind === 'confirm' && typeof token === 'string' ? JSON.stringify({ token }) : '';
    reply(response, { status: 200, headers: { 'Content-Type': 'application/json' } }, echo);
    this.look();
  }

  private async change(
    event: ChangeEvent,
    headers: Readonly<Record<string, string>>,
    body: string,
    response: ServerResponse,
  ): Promise<void> {
    const at = performance.timeOrigin + performance.now();
    const { attempt, outOfOrder } = this.holdings.arrive(event);
    this.stats.received++;
    if (outOfOrder) this.stats.outOfOrder++;
    const answer = this.options.answer?.({ event, attempt, headers, body }) ?? this.ownAnswer();
    const { slow = 0 } = this.options;
    if (slow > 0) await delay(slow);
    const note = (answered: number | undefined, verdict: Verdict): void => {
      const { id, subscription, dataset, subject, version, kind, batchId } = event;
      const what = { id, subscription, dataset, subject, version, kind, batchId };
      this.note({ at, ...what, attempt, answered, verdict });
    };
    if (answer === 'hang') return note(undefined, 'hanging');
    const isTaken = answer.status >= 200 && answer.status < 300;
    const verdict = isTaken ? this.holdings.take(event) : 'refused';
    if (isTaken) this.stats.accepted++;
    else this.stats.refused++;
    if (verdict === 'duplicate') this.stats.duplicates++;
    reply(response, answer);
    note(answer.status, verdict);
  }

  private ownAnswer(): Answer {
    const { fail = 0 } = this.options;
    // Drawn in the order of arrival, also by those that never fail: so a seed means the same at any rate.
    return this.random.next() < fail ? { status: 400 } : { status: 204 };
  }

  private note(entry: Entry): void {
    this.log.push(entry);
    // Half of it at once: taking the first off a long array moves all the others.
    if (this.log.length >= 2 * MAX_LOG) this.log.splice(0, MAX_LOG);
    this.options.onEntry?.(entry);
    this.look();
  }

  private look(): void {
    for (const look of this.waiting) look();
  }
}

/** The handshake (https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md#42-validation-response). */
function allow(request: IncomingMessage, response: ServerResponse): void {
  const origin = request.headers['webhook-request-origin'];
  const allowed: Record<string, string> =
    typeof origin === 'string' ? { 'WebHook-Allowed-Origin': origin, 'WebHook-Allowed-Rate': '*' } : {};
  reply(response, { status: 200, headers: { Allow: 'POST, OPTIONS', ...allowed } });
}

function reply(response: ServerResponse, { status, headers }: Answer, body = ''): void {
  response.writeHead(status, {
    ...headers,
    ...(status === 204 ? {} : { 'Content-Length': Buffer.byteLength(body) }),
  });
  response.end(body);
}

/** The body as text, or undefined when it is too long. @throws when the connection breaks */
function textOf(request: IncomingMessage): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let bytes = 0;
    request.on('data', (part: Buffer) => {
      bytes += part.length;
      if (bytes <= MAX_EVENT_BYTES) parts.push(part);
      else resolve(undefined);
    });
    request.on('end', () => resolve(Buffer.concat(parts).toString('utf8')));
    request.on('error', reject);
  });
}

function headersOf(request: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return headers;
}
