import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HttpCookieData, HttpRequestData, HttpResponseData, OutputData } from './protocol';

/** A buffered request body, or why there is none. */
export type Body = { ok: true; bytes: Buffer } | { ok: false; reason: 'tooLarge' | 'aborted' | 'busy' };

/** Bodies held in memory at one time (bytes), over all requests. */
const MAX_BUFFERED_BYTES = 512 * 1024 * 1024;
let buffered = 0;

/** The bytes of body that requests hold now count against {@link MAX_BUFFERED_BYTES} until this is called. */
export function releaseBody(body: Body): void {
  if (body.ok) buffered -= body.bytes.byteLength;
}

/** Reads a body of at most `limit` bytes; the caller owes a {@link releaseBody}. */
export function readBody(request: IncomingMessage, limit: number): Promise<Body> {
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > limit) return Promise.resolve({ ok: false, reason: 'tooLarge' });
  if (announced === 0 && request.headers['transfer-encoding'] === undefined) {
    return Promise.resolve({ ok: true, bytes: Buffer.alloc(0) });
  }
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    let settled = false;
    const fail = (reason: 'tooLarge' | 'aborted' | 'busy'): void => {
      if (settled) return;
      settled = true;
      buffered -= size;
      request.removeAllListeners('data');
      // What still comes is thrown away until the answer has closed the connection.
      request.resume();
      resolve({ ok: false, reason });
    };
    request.on('data', (chunk: Buffer) => {
      size += chunk.byteLength;
      buffered += chunk.byteLength;
      if (size > limit) fail('tooLarge');
      else if (buffered > MAX_BUFFERED_BYTES) fail('busy');
      else chunks.push(chunk);
    });
    request.once('end', () => {
      if (settled) return;
      settled = true;
      resolve({
        ok: true,
        bytes: chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, size),
      });
    });
    request.once('error', () => fail('aborted'));
    request.once('close', () => fail('aborted'));
  });
}

/** A request as the worker protocol carries it: lower-case header names, repeated query names joined by a comma. */
export function toHttpRequestData(
  request: IncomingMessage,
  url: string,
  query: URLSearchParams,
  params: Record<string, string>,
  bytes: Buffer,
): HttpRequestData {
  return {
    method: request.method ?? 'GET',
    url,
    headers: plainHeaders(request),
    params,
    query: joinQuery(query),
    body: bytes.byteLength > 0 ? { bytes } : null,
  };
}

/** Headers by their lower-case names; those that came more than once are joined. */
export function plainHeaders(request: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers[name] = typeof value === 'string' ? value : value.join(', ');
  }
  return headers;
}

/** Query parameters as the platform hands them on: of one name, joined by a comma. */
export function joinQuery(query: URLSearchParams): Record<string, string> {
  const joined: Record<string, string> = {};
  for (const [name, value] of query) {
    const before = Object.hasOwn(joined, name) ? joined[name] : undefined;
    joined[name] = before === undefined ? value : `${before},${value}`;
  }
  return joined;
}

/** The connection's own headers, which a function cannot set. */
const NOT_PASSED_ON = new Set(['connection', 'content-length', 'keep-alive', 'transfer-encoding', 'upgrade']);

/** Writes what an HTTP function returned. */
export function writeFunctionResponse(
  response: ServerResponse,
  returned: OutputData | null,
  head: boolean,
): void {
  if (returned === null) {
    response.writeHead(204).end();
    return;
  }
  if (!('http' in returned)) {
    response.writeHead(500).end();
    return;
  }
  const { http } = returned;
  const status = Number(http.statusCode ?? 200);
  const body = responseBody(http);
  try {
    for (const [name, value] of Object.entries(http.headers ?? {})) {
      if (!NOT_PASSED_ON.has(name.toLowerCase())) response.setHeader(name, value);
    }
    const cookies = (http.cookies ?? []).map(formatCookie);
    if (cookies.length > 0) response.appendHeader('set-cookie', cookies);
    const empty = status === 204 || status === 304 || status < 200;
    if (!empty) response.setHeader('content-length', body.byteLength);
    response.writeHead(status);
    response.end(empty || head ? undefined : body);
  } catch {
    // A header or status that HTTP does not allow.
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    response.writeHead(500).end();
  }
}

function responseBody({ body }: HttpResponseData): Uint8Array {
  if (!body) return Buffer.alloc(0);
  return 'bytes' in body ? body.bytes : Buffer.from(body.string);
}

/** https://www.rfc-editor.org/rfc/rfc6265#section-4.1 */
function formatCookie(cookie: HttpCookieData): string {
  const parts = [`${encodeURIComponent(cookie.name)}=${encodeURIComponent(cookie.value)}`];
  if (cookie.expires) parts.push(`expires=${new Date(cookie.expires.value.seconds * 1000).toUTCString()}`);
  if (cookie.maxAge) parts.push(`max-age=${Math.trunc(cookie.maxAge.value)}`);
  if (cookie.domain) parts.push(`domain=${cookie.domain.value}`);
  parts.push(`path=${cookie.path?.value ?? '/'}`);
  if (cookie.secure?.value) parts.push('secure');
  if (cookie.sameSite && cookie.sameSite !== 'none') {
    parts.push(`samesite=${cookie.sameSite === 'explicitNone' ? 'none' : cookie.sameSite}`);
  }
  if (cookie.httpOnly?.value) parts.push('httponly');
  return parts.join('; ');
}
