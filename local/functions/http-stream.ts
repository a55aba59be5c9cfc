import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { joinQuery, plainHeaders } from './http-message';
import { refuseBody, reply } from './http-server';
import type { Invocation, InvocationReply, TypedData } from './protocol';
import { log } from '../shared/log';
import { LOOPBACK } from '../shared/listen';

/** A worker that takes requests over HTTP, beside the invocations that belong to them. */
export interface StreamTarget {
  readonly httpPort: number;
  invoke(invocation: Omit<Invocation, 'id'>): Promise<InvocationReply>;
}

export interface StreamCall {
  readonly name: string;
  readonly url: URL;
  readonly params: Readonly<Record<string, string>>;
  /** Largest request body (bytes). */
  readonly bodyLimit: number;
}

/** https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1 */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
/**
 * How long a request may stay without an answer (ms):
 * https://learn.microsoft.com/azure/azure-functions/functions-scale#timeout
 */
const NO_ANSWER_MS = 230_000;
/** An answer and the end of its function come on two ways; so long (ms) one may be behind the other. */
const ON_ITS_WAY_MS = 250;

/**
 * Serves a request of an app that uses HTTP streams: the worker gets it as it comes over a connection of its own, and
 * answers on the same; the invocation, which names it by its id, travels beside it.
 * https://learn.microsoft.com/azure/azure-functions/functions-reference-node#http-streams
 * @throws when the worker is gone before it has answered
 */
export async function streamRequest(
  request: IncomingMessage,
  response: ServerResponse,
  target: StreamTarget,
  call: StreamCall,
): Promise<void> {
  if (Number(request.headers['content-length'] ?? 0) > call.bodyLimit) {
    refuseBody(response, 'tooLarge');
    return;
  }
  const invocationId = randomUUID();
  const upstream = open(request, target.httpPort, invocationId, call.url);
  // An invocation whose request never arrives would hold its worker until functionTimeout: the request goes first,
  // also one whose caller has left meanwhile.
  await connected(upstream);
  const exchange = new Exchange(request, response, upstream, call);
  try {
    const { name } = call;
    const metadata = triggerMetadata(request, call);
    exchange.onReply(await target.invoke({ name, invocationId, trigger: { string: '' }, metadata }));
  } catch (error) {
    exchange.lost();
    throw error;
  }
  await exchange.closed;
}

/** What the worker makes the request of, but for its method, address and body. */
function triggerMetadata(request: IncomingMessage, { url, params }: StreamCall): Record<string, TypedData> {
  const metadata: Record<string, TypedData> = {};
  for (const [name, value] of Object.entries(params)) metadata[name] = { string: value };
  metadata['Headers'] = { json: JSON.stringify(plainHeaders(request)) };
  metadata['Query'] = { json: JSON.stringify(joinQuery(url.searchParams)) };
  return metadata;
}

/** The headers travel with the invocation: on this connection only those that it needs. */
function open(request: IncomingMessage, port: number, invocationId: string, url: URL): ClientRequest {
  const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
  const headers: OutgoingHttpHeaders = {
    // A worker that closed the connection after an answer would throw away the answer with what it had not read.
    connection: 'keep-alive',
    'x-ms-invocation-id': invocationId,
    'x-forwarded-host': url.host,
    'x-forwarded-proto': 'http',
  };
  if (coding === undefined) headers['content-length'] = length ?? '0';
  else headers['transfer-encoding'] = 'chunked';
  const { method, url: path } = request;
  const upstream = httpRequest({ host: LOOPBACK, port, agent: false, method, path, headers });
  // What it means is seen in the end of the invocation.
  upstream.on('error', () => undefined);
  return upstream;
}

/** Resolves when the headers are on their way. @throws when nobody listens. */
async function connected(upstream: ClientRequest): Promise<void> {
  upstream.flushHeaders();
  const [socket] = (await once(upstream, 'socket')) as [NonNullable<ClientRequest['socket']>];
  if (socket.connecting) await once(socket, 'connect');
  await new Promise((resolve) => setImmediate(resolve));
}

/** One request on its way to a worker, and its answer on the way back. Neither is held in memory. */
class Exchange {
  /** Resolves when the caller has the whole answer, or has left. */
  readonly closed: Promise<void>;
  private size = 0;
  private answered = false;
  private replied = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly request: IncomingMessage,
    private readonly response: ServerResponse,
    private readonly upstream: ClientRequest,
    private readonly call: StreamCall,
  ) {
    this.closed = new Promise((resolve) => {
      const left = (): void => {
        clearTimeout(this.timer);
        // The function sees that its caller has left as the end of its connection.
        upstream.destroy();
        resolve();
      };
      if (response.closed || request.destroyed) left();
      else response.once('close', left);
    });
    upstream.once('response', (answer) => this.forwardAnswer(answer));
    upstream.once('close', () => this.onBroken());
    this.forwardBody();
  }

  /** The invocation has ended; the answer has come before, or comes, or never does. */
  onReply(reply: InvocationReply): void {
    const { name } = this.call;
    this.replied = true;
    if (!reply.ok) {
      log('functions', `"${name}" failed: ${reply.error.stack || reply.error.message}`);
      this.hang('it failed');
    } else if (this.upstream.destroyed) {
      this.onBroken();
    } else if (!this.answered) {
      this.timer = setTimeout(() => this.hang('it returned nothing'), ON_ITS_WAY_MS);
    }
  }

  /** The worker is gone. What of the answer has not come will not come. */
  lost(): void {
    if (this.response.headersSent) this.response.destroy();
  }

  /** An answer that was given got lost. */
  private onBroken(): void {
    if (!this.replied || this.answered || this.response.closed || this.response.headersSent) return;
    clearTimeout(this.timer);
    reply(this.response, 502, undefined, { connection: 'close' });
  }

  /**
   * The platform sends no answer then: it waits for the worker's, and its caller gives up some time
   * (https://github.com/Azure/azure-functions-nodejs-library/issues/324).
   */
  private hang(why: string): void {
    const { response } = this;
    if (response.closed) return;
    log(
      'functions',
      `"${this.call.name}" gave no answer: ${why}. With HTTP streams its caller waits in vain, here as on Azure; ` +
        'catch the error, and return a response.',
    );
    this.timer = setTimeout(() => {
      if (response.headersSent) response.destroy();
      else reply(response, 504, undefined, { connection: 'close' });
    }, NO_ANSWER_MS);
  }

  private forwardBody(): void {
    const { request, upstream } = this;
    request.on('data', (chunk: Buffer) => {
      this.size += chunk.byteLength;
      if (this.size > this.call.bodyLimit) this.refuse();
      else if (!upstream.destroyed && !upstream.write(chunk)) request.pause();
    });
    upstream.on('drain', () => request.resume());
    // What still comes is thrown away then.
    upstream.once('close', () => request.resume());
    request.once('end', () => upstream.end());
    request.once('error', () => upstream.destroy());
  }

  private refuse(): void {
    const { response, upstream } = this;
    if (upstream.destroyed) return;
    upstream.destroy();
    if (response.headersSent) response.destroy();
    else refuseBody(response, 'tooLarge');
  }

  private forwardAnswer(answer: IncomingMessage): void {
    const { response } = this;
    this.answered = true;
    clearTimeout(this.timer);
    if (response.headersSent || response.closed) return;
    const headers: string[] = [];
    for (let at = 0; at < answer.rawHeaders.length; at += 2) {
      const [name = '', value = ''] = answer.rawHeaders.slice(at, at + 2);
      if (!HOP_BY_HOP.has(name.toLowerCase())) headers.push(name, value);
    }
    response.writeHead(answer.statusCode ?? 500, answer.statusMessage, headers);
    // Those who wait for events see that they are connected before the first one.
    response.flushHeaders();
    answer.on('error', () => response.destroy());
    answer.pipe(response);
  }
}
