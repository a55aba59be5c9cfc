import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { plainHeaders, readBody, releaseBody } from './http-message';
import type { Answer, DurableRequest } from '../durable';
import { log } from '../shared/log';

/** Time for the headers of a request to arrive (ms): a client that dribbles them holds nothing for long. */
const HEADERS_TIMEOUT_MS = 20_000;
/** Time for a whole request to arrive (ms). */
const REQUEST_TIMEOUT_MS = 300_000;
const KEEP_ALIVE_MS = 65_000;
/** Kestrel's limit: https://learn.microsoft.com/dotnet/api/microsoft.aspnetcore.server.kestrel.core.kestrelserverlimits.maxrequestheaderstotalsize */
const MAX_HEADER_BYTES = 32 * 1024;

/** Where the platform serves the Durable HTTP API. */
export const DURABLE_PREFIX = '/runtime/webhooks/durabletask';

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
  // This is no proxy: without a word the connection would just be closed.
  server.on('connect', (_request, socket) => {
    socket.on('error', () => undefined);
    socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  });
  return server;
}

/** Stops listening and resolves when the last connection is closed. */
export function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    if (!server.listening) {
      resolve();
      return;
    }
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}

/** Serves one request of the Durable engine's HTTP API, after its key has been checked. */
export async function serveDurable(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  path: string,
  bodyLimit: number,
  handler: (request: DurableRequest) => Promise<Answer>,
): Promise<void> {
  const body = await readBody(request, bodyLimit);
  if (!body.ok) {
    refuseBody(response, body.reason);
    return;
  }
  try {
    const answer = await handler({
      method: request.method ?? 'GET',
      path,
      query: url.searchParams,
      headers: plainHeaders(request),
      body: body.bytes,
      origin: url.origin,
    });
    const bytes = Buffer.from(answer.body);
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

export function refuseBody(response: ServerResponse, reason: 'tooLarge' | 'aborted' | 'busy'): void {
  if (reason === 'aborted') response.destroy();
  else if (reason === 'tooLarge') reply(response, 413, undefined, { connection: 'close' });
  else reply(response, 503, undefined, { connection: 'close', 'retry-after': '1' });
}

/** An answer without a body, or with a JSON one. */
export function reply(
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
export function problem(
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
