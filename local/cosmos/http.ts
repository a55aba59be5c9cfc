import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { formatCharge } from './charge';
import { fail, type Failure, type Outcome } from './errors';

/** A request as the operations see it. */
export interface CosmosRequest {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Scheme and authority by which the client reached this server. */
  readonly origin: string;
}

/** An answer; `body` is JSON text, or its UTF-8. */
export interface Reply {
  readonly status: number;
  readonly body?: string | Buffer;
  readonly charge?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Twice what one request may hold, so that what is just too large is still answered well. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;
/** What a client may still send after it was refused, before the connection is cut. */
const MAX_DISCARDED_BYTES = 64 * 1024 * 1024;

/** A header's text; repeated headers count once. */
export function header(request: { headers: IncomingHttpHeaders }, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** Reads a header that says `true`, in any case. */
export function flag(request: { headers: IncomingHttpHeaders }, name: string): boolean {
  return header(request, name)?.toLowerCase() === 'true';
}

/** Reads the body; a larger one than any operation takes is read to its end and thrown away. */
export function readBody(request: IncomingMessage): Promise<Outcome<Buffer>> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= MAX_BODY_BYTES) chunks.push(chunk);
      else chunks.length = 0;
      if (size > MAX_DISCARDED_BYTES) request.destroy();
    });
    request.on('end', () => {
      if (size > MAX_BODY_BYTES) resolve(tooLarge());
      else resolve({ ok: true, value: chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks) });
    });
    const aborted = (): void => resolve(fail('BadRequest', 'The request was aborted.'));
    request.on('error', aborted);
    request.on('close', aborted);
  });
}

/** The service's own form of this message. */
export function tooLarge(): Failure {
  return fail('RequestEntityTooLarge', 'Message: {"Errors":["Request size is too large"]}\r\n');
}

/** Parses a JSON body. */
export function parseJson(body: Buffer): Outcome<unknown> {
  if (!isUtf8(body)) return fail('BadRequest', 'The request body is not valid UTF-8.');
  try {
    return { ok: true, value: JSON.parse(body.toString('utf8')) as unknown };
  } catch {
    return fail('BadRequest', 'The request body is not valid JSON.');
  }
}

/** A refusal as a reply: always with a JSON body that has `code` and `message`. */
export function failureReply(failure: Failure): Reply {
  const headers: Record<string, string> = {};
  if (failure.substatus !== undefined) headers['x-ms-substatus'] = String(failure.substatus);
  if (failure.retryAfterMs !== undefined) headers['x-ms-retry-after-ms'] = String(failure.retryAfterMs);
  return {
    status: failure.status,
    body: JSON.stringify({ code: failure.code, message: failure.message }),
    charge: 1,
    headers,
  };
}

/** Header texts must be ASCII: other characters are percent-encoded, as the service does. */
export function asciiHeader(text: string): string {
  // Lone surrogates cannot be encoded; Buffer replaces them.
  return encodeURI(Buffer.from(text, 'utf8').toString('utf8'));
}

/** What a request costs at least is one request unit. */
export function chargeOf(reply: Reply): number {
  return reply.charge ?? 1;
}

/** Sends a reply with the headers that every answer of the service carries. */
export function sendReply(response: ServerResponse, reply: Reply): void {
  const body = typeof reply.body === 'string' ? Buffer.from(reply.body, 'utf8') : reply.body;
  const headers: Record<string, string | number> = {
    'content-type': 'application/json',
    'x-ms-activity-id': randomUUID(),
    'x-ms-request-charge': formatCharge(chargeOf(reply)),
    'x-ms-version': '2020-07-15',
    'x-ms-gatewayversion': 'version=2.0.0',
    ...reply.headers,
  };
  if (reply.status !== 204 && reply.status !== 304) headers['content-length'] = body?.length ?? 0;
  response.writeHead(reply.status, headers);
  if (reply.status === 204 || reply.status === 304) response.end();
  else response.end(body);
}
