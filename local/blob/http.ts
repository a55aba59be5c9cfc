import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isDiskFull } from '../shared/files';
import { log } from '../shared/log';
import { authorize } from './auth/authorize';
import type { Endpoint } from './copy-source';
import { describe, fail, failed, type Failure } from './errors';
import { readBody } from './request-body';
import {
  BodyTooLargeError,
  ClientGoneError,
  type BlobRequest,
  type Grant,
  type HeaderValues,
  type Outcome,
  type Reply,
} from './protocol';
import { findRoute, unsupportedPart } from './routes';
import { ContentReader } from './store/reader';
import type { Store } from './store/store';
import { parsePath, parseQuery } from './target';
import { errorXml } from './xml';

/** Answered when a request names no version: the newest that this endpoint was checked against. */
const DEFAULT_VERSION = '2026-10-06';
const NO_GRANT: Grant = { mayReplace: false, accountKey: false, utf8Headers: false };
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

function readRequest(message: IncomingMessage): BlobRequest | Failure {
  const url = message.url ?? '/';
  const mark = url.indexOf('?');
  const rawPath = mark < 0 ? url : url.slice(0, mark);
  const rawQuery = mark < 0 ? '' : url.slice(mark + 1);
  const target = parsePath(rawPath);
  if (failed(target)) return target;
  const query = parseQuery(rawQuery);
  if (failed(query)) return query;
  const body = readBody(message);
  if (failed(body)) return body;
  return {
    method: message.method ?? '',
    rawPath,
    rawQuery,
    ...target,
    query,
    header: (name) => {
      const value = message.headers[name];
      return Array.isArray(value) ? value.join(',') : value;
    },
    rawHeaders: message.rawHeaders,
    remoteAddress: message.socket.remoteAddress ?? '',
    body,
    grant: NO_GRANT,
  };
}

/** Finds the operation, checks the credentials before anything else is told, and runs it. */
async function answer(message: IncomingMessage, store: Store, endpoint: Endpoint): Promise<Outcome> {
  const request = readRequest(message);
  if (failed(request)) return request;
  if (request.account !== endpoint.account) return fail('ResourceNotFound', 'There is no such account here.');
  const version = request.header('x-ms-version');
  if (version !== undefined && !/^\d{4}-\d{2}-\d{2}$/.test(version))
    return fail('InvalidHeaderValue', 'x-ms-version');
  const route = findRoute(request);
  if (typeof route === 'string') return fail('NotImplemented', `It is: ${route.slice(0, 100)}.`);
  const grant = authorize(request, route.need, endpoint.key, store.now(), (container, id) =>
    store.findPolicy(container, id),
  );
  if (failed(grant)) return grant;
  const unsupported = unsupportedPart(request);
  if (unsupported !== undefined) return fail('NotImplemented', `Not implemented: ${unsupported}.`);
  return route.run(store, { ...request, grant }, endpoint);
}

/** Turns what was thrown into an answer; undefined when there is nobody left to answer. */
function refuseThrown(error: unknown): Failure | undefined {
  if (error instanceof ClientGoneError) return undefined;
  if (error instanceof BodyTooLargeError) return fail('RequestBodyTooLarge');
  if (isDiskFull(error)) return fail('InsufficientStorage');
  log('blob', error instanceof Error ? (error.stack ?? error.message) : String(error));
  return fail('InternalError');
}

function toReply(outcome: Outcome): Reply {
  if (!failed(outcome)) return outcome;
  const { status, message } = describe(outcome);
  return {
    status,
    headers: { ...outcome.headers, 'x-ms-error-code': outcome.error, 'Content-Type': 'application/xml' },
    body: status === 304 ? '' : errorXml(outcome.error, message),
  };
}

function writeHead(message: IncomingMessage, response: ServerResponse, reply: Reply, length: number): void {
  const clientId = message.headers['x-ms-client-request-id'];
  const version = message.headers['x-ms-version'];
  const headers: HeaderValues = {
    Server: 'Headwater-Blob/1.0',
    'x-ms-request-id': randomUUID(),
    'x-ms-version': typeof version === 'string' ? version : DEFAULT_VERSION,
    'x-ms-client-request-id': typeof clientId === 'string' && clientId.length <= 1024 ? clientId : undefined,
    ...(reply.status === 304 ? {} : { 'Content-Length': length }),
    ...reply.headers,
  };
  const flat: (string | number)[] = [];
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    // A SAS can ask for header values that HTTP cannot carry.
    if (value !== undefined && (typeof value === 'number' || HEADER_VALUE.test(value)))
      flat.push(name, value);
  }
  response.writeHead(reply.status, flat as string[]);
}

/** Resolves when the client has taken what was written, or is gone. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    if (response.destroyed) {
      resolve();
      return;
    }
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}

/** Sends content piece by piece, no faster than the client takes it. */
async function sendContent(message: IncomingMessage, response: ServerResponse, reply: Reply): Promise<void> {
  const content = reply.body as ContentReader;
  if (content.isShort) {
    const data = await content.readAll();
    writeHead(message, response, reply, data.byteLength);
    response.end(data);
    return;
  }
  await content.verify();
  writeHead(message, response, reply, content.length);
  for await (const piece of content.pieces()) {
    if (!response.write(piece)) await drained(response);
    if (response.destroyed) return;
  }
  response.end();
}

async function send(message: IncomingMessage, response: ServerResponse, reply: Reply): Promise<void> {
  if (reply.body instanceof ContentReader) {
    try {
      await sendContent(message, response, reply);
    } finally {
      reply.body.close();
    }
    return;
  }
  const body =
    typeof reply.body === 'string' ? Buffer.from(reply.body, 'utf8') : (reply.body ?? Buffer.alloc(0));
  writeHead(message, response, reply, body.byteLength);
  response.end(body);
}

/** Answers one HTTP request. Never throws. */
export async function handle(
  message: IncomingMessage,
  response: ServerResponse,
  store: Store,
  endpoint: Endpoint,
): Promise<void> {
  try {
    await send(message, response, toReply(await answer(message, store, endpoint)));
  } catch (error) {
    const refusal = refuseThrown(error);
    // With the headers sent, a broken connection is the only way to say that the content is not whole.
    if (!refusal || response.headersSent) response.destroy();
    else await send(message, response, toReply(refusal));
  } finally {
    // What was not read of the body is thrown away, so that the connection can be used again.
    if (!message.readableEnded && !message.destroyed) message.resume();
  }
}
