/**
 * Preloaded into the app's worker by `npm run prove -- --sabotage`: loses something that the app believes to be safe, once,
 * in whichever worker. Outside the app, which knows nothing of it.
 */
import { subscribe } from 'node:diagnostics_channel';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { ClientRequest } from 'node:http';
import { join } from 'node:path';
import { EventHubProducerClient, type EventDataBatch } from '@azure/event-hubs';
import { app } from '@azure/functions';
import {
  MIDDLE_FILE,
  SABOTAGE_FOLDER_VARIABLE,
  SABOTAGE_VARIABLE,
  TAIL_FILE,
  type DONE_FILES,
  type Sabotage,
} from './sabotages';

const folder = process.env[SABOTAGE_FOLDER_VARIABLE] ?? '';
const kind = process.env[SABOTAGE_VARIABLE] as Sabotage | undefined;

/** True for the first that asks, in whichever worker. */
function once(file: (typeof DONE_FILES)[number], what: string): boolean {
  try {
    writeFileSync(join(folder, file), what, { flag: 'wx' });
    return true;
  } catch {
    return false;
  }
}

const said = (file: string): string | undefined =>
  existsSync(join(folder, file)) ? readFileSync(join(folder, file), 'utf8') : undefined;

interface Operation {
  readonly operationType: string;
  readonly resourceBody?: { readonly pk?: string; readonly _hw?: { readonly key: string } };
}

/** Another item in the place of a document, so that there are as many answers as operations. */
function withoutOneDocument(body: string): string {
  const operations = JSON.parse(body) as Operation[];
  const at = operations.findIndex(({ resourceBody }) => resourceBody?._hw !== undefined);
  const key = operations[at]?.resourceBody?._hw?.key;
  if (key === undefined || said(MIDDLE_FILE) === undefined || !once('upsert.done', key)) return body;
  const pk = operations[at]?.resourceBody?.pk;
  const nothing = { operationType: 'Upsert', resourceBody: { id: 'x:1', pk, ttl: 60 } };
  // The length was announced before.
  return JSON.stringify(operations.with(at, nothing)).padEnd(Buffer.byteLength(body));
}

function loseUpsert(): void {
  subscribe('http.client.request.created', (message) => {
    const { request } = message as { request: ClientRequest };
    const isGroup = request.hasHeader('x-ms-cosmos-is-batch-request');
    if (!isGroup || !request.path.includes('/colls/documents/')) return;
    const end = request.end.bind(request) as (...rest: unknown[]) => ClientRequest;
    request.end = ((body: unknown, ...rest: unknown[]) =>
      end(typeof body === 'string' ? withoutOneDocument(body) : body, ...rest)) as never;
  });
}

type Handler = (...all: never[]) => unknown;
type Register = (name: string, options: { handler: Handler }) => void;

function wrap(method: 'cosmosDB' | 'timer', wrapped: (name: string, handler: Handler) => Handler): void {
  const register = app[method] as Register;
  const replaced: Register = (name, options) =>
    register(name, { ...options, handler: wrapped(name, options.handler) });
  Object.assign(app, { [method]: replaced });
}

interface Change {
  readonly _hw?: { readonly key: string };
}

function loseChanges(): void {
  wrap('cosmosDB', (_, handler) => (items: never, ...rest: never[]) => {
    const key = (items as Change[]).find(({ _hw }) => _hw)?._hw?.key;
    if (key !== undefined && said(MIDDLE_FILE) !== undefined) once('feed.done', key);
    const lost = said('feed.done');
    const left = (items as Change[]).filter(({ _hw }) => _hw === undefined || _hw.key !== lost);
    return (handler as (...all: unknown[]) => unknown)(left, ...rest);
  });
  // It would find what is missing, and repair it: this is to show that the proof does not lean on that.
  wrap('timer', (name, handler) => (name === 'sweepDeliveries' ? () => undefined : handler));
}

/** What was put into a batch of events. */
const bodies = new WeakMap<EventDataBatch, string[]>();

function loseEvents(): void {
  const { prototype } = EventHubProducerClient;
  const createBatch = Reflect.get(prototype, 'createBatch');
  const sendBatch = Reflect.get(prototype, 'sendBatch');
  prototype.createBatch = async function (...all) {
    const batch = await createBatch.apply(this, all);
    const own: string[] = [];
    bodies.set(batch, own);
    const tryAdd = batch.tryAdd.bind(batch);
    batch.tryAdd = (event, options) => {
      own.push(String((event as { body?: unknown }).body));
      return tryAdd(event, options);
    };
    return batch;
  };
  prototype.sendBatch = async function (batch: never, ...rest: never[]) {
    const text = (bodies.get(batch) ?? []).join('');
    if (this.eventHubName === 'ingress' && isLost(text)) return;
    await sendBatch.call(this, batch, ...rest);
  };
}

function isLost(text: string): boolean {
  const tail = said(TAIL_FILE);
  const ids = Array.from(text.matchAll(/^\{"origin":\{"batchId":"([^"]+)"/gm), ([, id]) => id).join('\n');
  if (tail !== undefined && text.includes(tail)) return once('hub-tail.done', ids);
  return said(MIDDLE_FILE) !== undefined && once('hub-middle.done', ids);
}

if (kind === 'upsert') loseUpsert();
if (kind === 'feed') loseChanges();
if (kind === 'hub') loseEvents();
