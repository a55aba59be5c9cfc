import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { KeyRing, type AuthLevel, type HostKeys } from './auth';
import { readBody, releaseBody, toHttpRequestData, writeFunctionResponse } from './http-message';
import type { Routes, RouteMatch } from './router';
import type { Invocation, InvocationReply } from './protocol';
import { AppNotLoadedError } from './worker-pool';
import { log } from '../shared/log';

/** A request to the Durable management API or to the listener of the Durable client. */
export interface DurableRequest {
  method: string;
  /** The path below the prefix, as it came (not decoded). */
  path: string;
  query: URLSearchParams;
  headers: Record<string, string>;
  body: Buffer;
  /** Scheme and authority of the request, e.g. `http://127.0.0.1:7071`. */
  origin: string;
}

export interface DurableResponse {
  status: number;
  headers: Record<string, string>;
  body: string | Uint8Array;
}

export type DurableHandler = (request: DurableRequest) => Promise<DurableResponse>;

export interface FrontOptions {
  keys: HostKeys;
  /** Largest request body (bytes); a larger one is answered 413. */
  bodyLimit: number;
  /** See `maxOutstandingRequests` of host.json; -1 for no limit. */
  maxOutstandingRequests: number;
  routes(): Routes | undefined;
  invoke(invocation: Omit<Invocation, 'id'>): Promise<InvocationReply>;
  /** Durable management, once the engine runs. */
  management(): DurableHandler | undefined;
  /** Why the app cannot be loaded, if so. */
  problem(): string | undefined;
  /** Why HTTP functions cannot be served although the app is loaded, if so. */
  unsupported(): string | undefined;
}

/** Time for the headers of a request to arrive (ms): a client that dribbles them holds nothing for long. */
const HEADERS_TIMEOUT_MS = 20_000;
/** Time for a whole request to arrive (ms). */
const REQUEST_TIMEOUT_MS = 300_000;
const KEEP_ALIVE_MS = 65_000;
/** Kestrel's limit: https://learn.microsoft.com/dotnet/api/microsoft.aspnetcore.server.kestrel.core.kestrelserverlimits.maxrequestheaderstotalsize */
const MAX_HEADER_BYTES = 32 * 1024;

const DURABLE_PREFIX = '/runtime/webhooks/durabletask';

/** A server with the limits every listener of the host has. */
export function createLimitedServer(
  handler: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): Server {
  const server = createServer(
    {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: 5_000,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
      noDelay: true,
    },
    (request, response) => {
      handler(request, response).catch((error: unknown) => {
        log('functions', `${request.method} ${request.url}: ${(error as Error).stack ?? String(error)}`);
        if (response.headersSent) response.destroy();
        else response.writeHead(500).end();
      });
    },
  );
  return server;
}

/** The HTTP front end of the host: routes, keys, limits. */
export class HttpFront {
  readonly server: Server;
  private readonly keys: KeyRing;
  private outstanding = 0;

  constructor(private readonly options: FrontOptions) {
    this.keys = new KeyRing(options.keys);
    this.server = createLimitedServer((request, response) => this.handle(request, response));
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = request.url ?? '/';
    const origin = `http://${request.headers.host ?? '127.0.0.1'}`;
    const url =
      target.startsWith('/') && URL.canParse(origin + target) ? new URL(origin + target) : undefined;
    if (!url) {
      reply(response, 400);
      return;
    }
    const path = pathOf(target);
    const lower = path.toLowerCase();
    if (lower === DURABLE_PREFIX || lower.startsWith(`${DURABLE_PREFIX}/`)) {
      await this.durable(request, response, url, path.slice(DURABLE_PREFIX.length));
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
    const unsupported = this.options.unsupported();
    const { maxOutstandingRequests: limit } = this.options;
    if (!this.allowed(match.route.authLevel, request, url)) reply(response, 401);
    else if (unsupported !== undefined) problem(response, 501, unsupported);
    else if (limit >= 0 && this.outstanding >= limit) reply(response, 429, undefined, { 'retry-after': '1' });
    else {
      this.outstanding++;
      try {
        await this.run(request, response, url, match);
      } finally {
        this.outstanding--;
      }
    }
  }

  private async run(
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
    } catch (error) {
      if (error instanceof AppNotLoadedError) this.unavailable(response);
      else {
        // The worker is gone: like the platform, say 500 and leave it to the caller to try again.
        log('functions', `"${name}" got no answer: ${(error as Error).message}`);
        reply(response, 500);
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

/** Serves one request of the Durable engine's HTTP API, after its key has been checked. */
export async function serveDurable(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  path: string,
  bodyLimit: number,
  handler: DurableHandler,
): Promise<void> {
  const body = await readBody(request, bodyLimit);
  if (!body.ok) {
    refuseBody(response, body.reason);
    return;
  }
  try {
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(request.headers)) {
      if (value !== undefined) headers[name] = typeof value === 'string' ? value : value.join(', ');
    }
    const answer = await handler({
      method: request.method ?? 'GET',
      path,
      query: url.searchParams,
      headers,
      body: body.bytes,
      origin: url.origin,
    });
    const bytes = Buffer.from(answer.body as Uint8Array);
    response.writeHead(answer.status, { ...answer.headers, 'content-length': bytes.byteLength });
    response.end(request.method === 'HEAD' ? undefined : bytes);
  } finally {
    releaseBody(body);
  }
}

/** The path as it came, without the query; `new URL` would resolve dots in it. */
export function pathOf(target: string): string {
  const end = target.search(/[?#]/);
  return end < 0 ? target : target.slice(0, end);
}

function refuseBody(response: ServerResponse, reason: 'tooLarge' | 'aborted' | 'busy'): void {
  if (reason === 'aborted') response.destroy();
  else if (reason === 'tooLarge') reply(response, 413, undefined, { connection: 'close' });
  else reply(response, 503, undefined, { connection: 'close', 'retry-after': '1' });
}

function reply(
  response: ServerResponse,
  status: number,
  json?: unknown,
  headers: Record<string, string> = {},
): void {
  const body = json === undefined ? '' : JSON.stringify(json);
  response.writeHead(status, {
    ...(json === undefined ? {} : { 'content-type': 'application/json' }),
    ...headers,
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}

/** https://www.rfc-editor.org/rfc/rfc9457 */
function problem(
  response: ServerResponse,
  status: number,
  detail: string,
  headers: Record<string, string> = {},
): void {
  reply(
    response,
    status,
    { title: status === 501 ? 'Not Implemented' : 'Service Unavailable', status, detail },
    {
      ...headers,
      'content-type': 'application/problem+json',
    },
  );
}
