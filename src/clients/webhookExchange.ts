import * as http from 'node:http';
import * as https from 'node:https';
import type { Socket } from 'node:net';
import { StringDecoder } from 'node:string_decoder';
import type { WebhookFailure, WebhookOutcome, WebhookRequest } from '../domain/egress/delivery';
import { AddressRefused, NameNotResolved } from './webhookAgents';

/** What is read of an answer's body, bytes; a longer one is cut off with its connection. */
export const MAX_ANSWER_BYTES = 4096;

/** Longest header of an answer, bytes: Node's own limit, which an environment variable could raise. */
const MAX_HEADER_BYTES = 16_384;

/** Interim answers (1xx) before the answer. */
const MAX_INTERIM_ANSWERS = 16;

/** How far a new connection has come. */
type Stage = 'connecting' | 'securing' | 'open';

/** One request and its answer. It settles once, and then holds neither timer nor half-read connection. */
export class Exchange {
  private readonly begun = performance.now();
  private readonly timer: NodeJS.Timeout;
  private request: http.ClientRequest | undefined;
  private stage: Stage = 'connecting';
  private interim = 0;
  private response: http.IncomingMessage | undefined;
  private readonly body: Buffer[] = [];
  private bodyBytes = 0;
  private settled = false;

  /**
   * @param agents for the first try, and for one over a connection of its own
   * @param resolve called once with the outcome
   */
  constructor(
    private readonly what: WebhookRequest,
    private readonly url: URL,
    private readonly agents: { readonly kept: http.Agent; readonly fresh: http.Agent },
    private readonly timeoutMs: number,
    private readonly resolve: (outcome: WebhookOutcome) => void,
  ) {
    // Of the whole exchange: a receiver that sends a byte now and then gains no time.
    this.timer = setTimeout(() => this.expire(), timeoutMs);
  }

  start(): void {
    this.send(this.agents.kept);
  }

  private send(agent: http.Agent): void {
    const { what, url } = this;
    try {
      const request = (url.protocol === 'https:' ? https : http).request({
        agent,
        method: what.method,
        hostname: url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname,
        port: url.port,
        path: url.pathname + url.search,
        headers: what.headers,
        maxHeaderSize: MAX_HEADER_BYTES,
      });
      this.request = request;
      request
        .on('socket', (socket) => this.onSocket(request, socket))
        .on('information', () => this.onInterim())
        .on('response', (response) => this.onResponse(request, response))
        .on('error', (error) => this.onBroken(request, error))
        .on('close', () => this.onBroken(request, new Error('The connection was closed')));
      request.end(what.body);
    } catch (error) {
      // A header that HTTP cannot carry.
      this.fail('connection-failed', `The request could not be made: ${(error as Error).message}.`);
    }
  }

  private onSocket(request: http.ClientRequest, socket: Socket): void {
    if (request.reusedSocket) {
      this.stage = 'open';
      return;
    }
    const secure = this.url.protocol === 'https:';
    socket.once('connect', () => (this.stage = secure ? 'securing' : 'open'));
    if (secure) socket.once('secureConnect', () => (this.stage = 'open'));
  }

  private onInterim(): void {
    this.interim++;
    if (this.interim > MAX_INTERIM_ANSWERS)
      this.fail('no-answer', `More than ${MAX_INTERIM_ANSWERS} interim answers (1xx) came.`);
  }

  private onResponse(request: http.ClientRequest, response: http.IncomingMessage): void {
    this.response = response;
    response
      .on('data', (chunk: Buffer) => {
        this.body.push(chunk);
        this.bodyBytes += chunk.length;
        if (this.bodyBytes > MAX_ANSWER_BYTES) this.answer(response);
      })
      .on('end', () => this.answer(response))
      .on('error', (error) => this.onBroken(request, error));
  }

  private onBroken(request: http.ClientRequest, error: Error): void {
    // The first try may still speak after the second was begun.
    if (this.settled || request !== this.request) return;
    // What follows a whole answer, such as the body of a 204, breaks the connection; the answer's end is still to come.
    if (this.response?.complete) return;
    if (this.wasClosedWhileIdle(request, error)) {
      this.stage = 'connecting';
      this.send(this.agents.fresh);
      return;
    }
    this.fail(this.codeOf(error), `${describe(error)}.`);
  }

  /**
   * Whether the receiver had closed the kept connection that the request was sent over: as a rule it did not see the
   * request, and if it did, it gets the same one twice. The second try is over a fresh connection: there is no third.
   */
  private wasClosedWhileIdle(request: http.ClientRequest, error: NodeJS.ErrnoException): boolean {
    return (
      request.reusedSocket &&
      !this.response &&
      this.interim === 0 &&
      (error.code === 'ECONNRESET' || error.code === 'EPIPE')
    );
  }

  private codeOf(error: Error): WebhookFailure {
    if (error instanceof AddressRefused) return 'address-refused';
    if (error instanceof NameNotResolved) return 'name-not-resolved';
    if (this.stage === 'connecting') return 'connection-failed';
    return this.stage === 'securing' ? 'tls-failed' : 'no-answer';
  }

  private expire(): void {
    const missing = {
      connecting: 'there was no connection',
      securing: 'the connection was not secured',
      open: this.response ? 'the answer was not complete' : 'there was no answer',
    };
    this.fail('timed-out', `After ${this.timeoutMs} ms ${missing[this.stage]}.`);
  }

  private answer(response: http.IncomingMessage): void {
    const body = Buffer.concat(this.body);
    const cut = body.length > MAX_ANSWER_BYTES;
    this.settle({
      type: 'answered',
      status: response.statusCode ?? 0,
      headers: headersOf(response),
      // A character that the cut went through is left out.
      body: cut ? new StringDecoder('utf8').write(body.subarray(0, MAX_ANSWER_BYTES)) : body.toString('utf8'),
      durationMs: this.elapsed(),
    });
    // An answer that comes before the request was taken leaves a connection that nobody will use again.
    if (cut || !this.request?.writableFinished) this.request?.destroy();
  }

  private fail(code: WebhookFailure, message: string): void {
    this.settle({ type: 'failed', code, message, durationMs: this.elapsed() });
    this.request?.destroy();
  }

  private settle(outcome: WebhookOutcome): void {
    if (this.settled) return;
    this.settled = true;
    clearTimeout(this.timer);
    this.resolve(outcome);
  }

  private elapsed(): number {
    return Math.round(performance.now() - this.begun);
  }
}

/** Node gives names in lower case, and all but `set-cookie` as one string. */
function headersOf({ headers }: http.IncomingMessage): Readonly<Record<string, string>> {
  const { 'set-cookie': cookies, ...others } = headers;
  return (cookies ? { ...others, 'set-cookie': cookies.join(', ') } : others) as Record<string, string>;
}

/** What went wrong, in one line; of several addresses tried, what the last one said. */
function describe(error: Error): string {
  const last = error instanceof AggregateError ? (error.errors.at(-1) as Error) : error;
  return (last.message || error.name).replace(/\.$/, '');
}
