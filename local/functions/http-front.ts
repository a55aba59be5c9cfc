import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { KeyRing, type AuthLevel, type HostKeys } from './auth';
import { readBody, releaseBody, toHttpRequestData, writeFunctionResponse } from './http-message';
import {
  createLimitedServer,
  DURABLE_PREFIX,
  pathOf,
  problem,
  refuseBody,
  reply,
  serveDurable,
} from './http-server';
import { streamRequest } from './http-stream';
import type { Routes, RouteMatch } from './router';
import type { Invocation, InvocationReply } from './protocol';
import { AppNotLoadedError } from './worker-pool';
import type { Answer, DurableRequest } from '../durable';
import { LOOPBACK } from '../shared/listen';
import { log } from '../shared/log';

export interface FrontOptions {
  keys: HostKeys;
  /** Whether the level `function` needs no key. */
  noKeys: boolean;
  /** Largest request body (bytes); a larger one is answered 413. */
  bodyLimit: number;
  /** See `maxOutstandingRequests` of host.json; -1 for no limit. */
  maxOutstandingRequests: number;
  routes(): Routes | undefined;
  invoke(invocation: Omit<Invocation, 'id'>): Promise<InvocationReply>;
  /** Whether the app takes HTTP requests as streams, in the worker itself. */
  streams(): boolean;
  /** The worker that is to run a function. */
  worker(name: string): Promise<{ httpPort: number | undefined; invoke: FrontOptions['invoke'] }>;
  /** Durable management, once the engine runs. */
  management(): ((request: DurableRequest) => Promise<Answer>) | undefined;
  /** Why the app cannot be loaded, if so. */
  problem(): string | undefined;
  /** Why a function cannot be served although the app is loaded, if so. */
  unsupported(name: string): string | undefined;
}

/** A name or an address, and a port: https://www.rfc-editor.org/rfc/rfc9110#section-7.2 */
const HOST = /^([\w.~%!$&'()*+,;=-]+|\[[\da-f:.]+\])(:\d{1,5})?$/i;

/** Where a request goes, or undefined when that is no address of this host. */
function urlOf(
  { headers: { host = LOOPBACK }, httpVersionMajor }: IncomingMessage,
  target: string,
): URL | undefined {
  // The parser takes a line without a version for HTTP/0.9, which has no headers and no status.
  if (httpVersionMajor < 1 || !target.startsWith('/') || !HOST.test(host)) return undefined;
  const address = `http://${host}${target}`;
  return URL.canParse(address) ? new URL(address) : undefined;
}

/** The HTTP front end of the host: routes, keys, limits. */
export class HttpFront {
  readonly server: Server;
  private readonly keys: KeyRing;
  private outstanding = 0;
  private onDrained: (() => void) | undefined;

  constructor(private readonly options: FrontOptions) {
    this.keys = new KeyRing(options.keys, options.noKeys);
    this.server = createLimitedServer((request, response) => this.handle(request, response));
  }

  /** Resolves when no function is running for a request any more, or after so many milliseconds. */
  async drained(milliseconds: number): Promise<void> {
    if (this.outstanding === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.onDrained = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = request.url ?? '/';
    const url = urlOf(request, target);
    if (!url) {
      reply(response, 400);
      return;
    }
    const path = pathOf(target);
    const lower = path.toLowerCase();
    if (lower === DURABLE_PREFIX || lower.startsWith(`${DURABLE_PREFIX}/`)) {
      await this.durable(request, response, url, path);
    } else if (lower.startsWith('/admin/') || lower === '/admin') {
      this.admin(request, response, url, lower);
    } else {
      await this.function(request, response, url, path);
    }
  }

  private async durable(
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    path: string,
  ): Promise<void> {
    const management = this.options.management();
    if (!this.allowed('system', request, url)) reply(response, 401);
    else if (!management) this.unavailable(response);
    else await serveDurable(request, response, url, path, this.options.bodyLimit, management);
  }

  /** https://github.com/Azure/azure-functions-host/wiki/Host-Management-APIs */
  private admin(request: IncomingMessage, response: ServerResponse, url: URL, path: string): void {
    const known = path.replace(/\/$/, '');
    if (known === '/admin/host/ping') {
      reply(response, 200);
    } else if (!this.allowed('admin', request, url)) {
      reply(response, 401);
    } else if (known === '/admin/host/status' && request.method === 'GET') {
      const problem = this.options.problem();
      const state = problem === undefined ? 'Running' : 'Error';
      reply(response, 200, {
        state,
        version: '4.0.0',
        errors: problem === undefined ? undefined : [problem],
      });
    } else {
      reply(response, 404);
    }
  }

  private async function(
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    path: string,
  ): Promise<void> {
    const routes = this.options.routes();
    const match = routes?.find(request.method ?? 'GET', path);
    if (!match) {
      if (!routes) this.unavailable(response);
      else if (path === '/') reply(response, 200, { service: 'functions', state: 'Running' });
      else reply(response, 404);
      return;
    }
    const unsupported = this.options.unsupported(match.route.name);
    const { maxOutstandingRequests: limit } = this.options;
    if (!this.allowed(match.route.authLevel, request, url)) reply(response, 401);
    else if (unsupported !== undefined) problem(response, 501, unsupported);
    else if (limit >= 0 && this.outstanding >= limit) reply(response, 429, undefined, { 'retry-after': '1' });
    else {
      this.outstanding++;
      try {
        await this.run(request, response, url, match);
      } finally {
        if (--this.outstanding === 0) this.onDrained?.();
      }
    }
  }

  private async run(
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    match: RouteMatch,
  ): Promise<void> {
    const { name } = match.route;
    try {
      if (this.options.streams()) await this.stream(request, response, url, match);
      else await this.buffered(request, response, url, match);
    } catch (error) {
      if (response.headersSent) return;
      if (error instanceof AppNotLoadedError) this.unavailable(response);
      else {
        // The worker is gone: like the platform, say 500 and leave it to the caller to try again.
        log('functions', `"${name}" got no answer: ${(error as Error).message}`);
        reply(response, 500);
      }
    }
  }

  private async stream(
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    { route: { name }, params }: RouteMatch,
  ): Promise<void> {
    const worker = await this.options.worker(name);
    const { httpPort } = worker;
    if (httpPort === undefined) throw new Error('Its worker takes no streams.');
    const target = { httpPort, invoke: worker.invoke.bind(worker) };
    await streamRequest(request, response, target, { name, url, params, bodyLimit: this.options.bodyLimit });
  }

  private async buffered(
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    match: RouteMatch,
  ): Promise<void> {
    const body = await readBody(request, this.options.bodyLimit);
    if (!body.ok) {
      refuseBody(response, body.reason);
      return;
    }
    const { name } = match.route;
    try {
      const http = toHttpRequestData(request, url.href, url.searchParams, match.params, body.bytes);
      const answer = await this.options.invoke({ name, trigger: { http } });
      if (response.destroyed) return;
      if (!answer.ok) {
        log('functions', `"${name}" failed: ${answer.error.stack || answer.error.message}`);
        reply(response, 500);
      } else if (answer.returned && 'episode' in answer.returned) {
        reply(response, 500);
      } else {
        writeFunctionResponse(response, answer.returned, request.method === 'HEAD');
      }
    } finally {
      releaseBody(body);
    }
  }

  private allowed(level: AuthLevel, request: IncomingMessage, url: URL): boolean {
    if (level === 'anonymous') return true;
    const header = request.headers['x-functions-key'];
    return this.keys.allows(
      level,
      typeof header === 'string' ? header : undefined,
      url.searchParams.get('code'),
    );
  }

  private unavailable(response: ServerResponse): void {
    const cause = this.options.problem();
    const detail = cause === undefined ? 'The app is being loaded.' : `The app cannot be loaded: ${cause}`;
    problem(response, 503, detail, { 'retry-after': '1' });
  }
}
