/**
 * Preloaded into the app's worker: makes something go wrong at a named point, once. Outside the app, which knows
 * nothing of it: it watches the worker's own HTTP requests.
 *
 * The file `armed` in the folder `HEADWATER_FAULT_DIR` holds `<action> <point>`; it is `hit` from the moment it happens.
 * - `crash`: the worker is killed before the request goes out (`before …`) or when its answer has come (`after …`)
 * - `lose`: the answer is lost after the service has carried the request out
 * - `stall`: the request waits until the file `release` exists; `done` is written when it was answered
 */
import { subscribe } from 'node:diagnostics_channel';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { join } from 'node:path';

/** The requests at which something can go wrong, by the name of what they do. */
const REQUESTS: Record<string, (request: ClientRequest) => boolean> = {
  inbox: ({ method, path }) => method === 'PUT' && path.includes('/inbox/'),
  reservation: (request) => isDocument(request, 'batches') && !isBatch(request),
  start: ({ method, path }) => method === 'POST' && path.includes('/orchestrators/'),
  open: ({ method, path }) => method === 'PATCH' && path.includes('/colls/batches/'),
  archive: ({ method, path }) => method === 'PUT' && path.includes('/archive/'),
  validated: ({ method, path }) => method === 'PUT' && path.includes('/validated/'),
  group: (request) => isDocument(request, 'documents') && isBatch(request),
  verdicts: ({ method, path }) => method === 'PUT' && path.includes('/verdicts/'),
};

function isDocument(request: ClientRequest, container: string): boolean {
  const isQuery =
    request.hasHeader('x-ms-documentdb-isquery') || request.hasHeader('x-ms-cosmos-is-query-plan-request');
  return request.method === 'POST' && request.path.endsWith(`/colls/${container}/docs`) && !isQuery;
}

const isBatch = (request: ClientRequest): boolean => request.hasHeader('x-ms-cosmos-is-batch-request');

const folder = process.env['HEADWATER_FAULT_DIR'] ?? '';

interface Fault {
  readonly action: string;
  readonly when: string;
  matches(request: ClientRequest): boolean;
}

/** What is to go wrong next, if anything. */
function armed(): Fault | undefined {
  let text: string;
  try {
    text = readFileSync(join(folder, 'armed'), 'utf8');
  } catch {
    return undefined;
  }
  const [, action = '', when = '', name = ''] = /^(\w+) (?:(before|after) )?(\w+)$/.exec(text) ?? [];
  const matches = REQUESTS[name];
  if (!matches) throw new Error(`There is no such fault: ${text}`);
  return { action, when, matches };
}

/** True once only, in whichever worker. */
function hit(): boolean {
  try {
    renameSync(join(folder, 'armed'), join(folder, 'hit'));
    return true;
  } catch {
    return false;
  }
}

function crash(): never {
  process.kill(process.pid, 'SIGKILL');
  throw new Error('The worker survived SIGKILL.');
}

function stall(request: ClientRequest): void {
  const end = request.end.bind(request);
  const waiting = (...rest: never[]): void => {
    if (existsSync(join(folder, 'release'))) end(...rest);
    else setTimeout(() => waiting(...rest), 10);
  };
  request.end = ((...rest: never[]) => {
    waiting(...rest);
    return request;
  }) as typeof request.end;
  request.once('response', () => writeFileSync(join(folder, 'done'), ''));
}

function lose(request: ClientRequest): void {
  request.prependOnceListener('response', (response: IncomingMessage) =>
    response.destroy(Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })),
  );
}

subscribe('http.client.request.created', (message) => {
  const { request } = message as { request: ClientRequest };
  const fault = armed();
  if (!fault || fault.when === 'after' || !fault.matches(request) || !hit()) return;
  if (fault.action === 'crash') crash();
  if (fault.action === 'stall') stall(request);
  if (fault.action === 'lose') lose(request);
});

subscribe('http.client.response.finish', (message) => {
  const { request } = message as { request: ClientRequest };
  const fault = armed();
  if (fault?.when === 'after' && fault.matches(request) && hit()) crash();
});
