import { sha256 } from '../content';
import type { Json } from '../json';
import { datasetOf, type StoredDocument } from './document';
import type { EventKind } from './row';
import type { PendingAlert } from './subscription';

/** The content type of every event: structured mode, JSON format (CloudEvents 1.0.2). */
export const EVENT_CONTENT_TYPE = 'application/cloudevents+json; charset=utf-8';

/** An event as it is sent. */
export interface WebhookEvent {
  /** Also the `webhook-id`: the same in each try, and of no other event. */
  readonly id: string;
  /** JSON */
  readonly body: string;
}

/** Who speaks, and to whom. */
export interface Parties {
  /** Beginning of `source` and `dataschema`: an absolute URI. */
  readonly source: string;
  /** id */
  readonly subscription: string;
}

/** Years that RFC 3339 can write, ms since the epoch. */
const FIRST_TIME = Date.parse('0000-01-01T00:00:00Z');
const LAST_TIME = Date.parse('9999-12-31T23:59:59.999Z');

/**
 * What a subscription is told of a document, as a CloudEvent (https://github.com/cloudevents/spec/blob/v1.0.2):
 * - `subject` is the document's key, as it is; with `documentversion` it tells a consumer what to keep and what is old
 * - `time` is the newest event time known for the content: a later record with the same content moves it. An event
 *   time in a year that RFC 3339 cannot write is left out
 * - `data` is there for `upserted` only. `removed` must not show what no longer matches the filter, and a deletion's
 *   record is no content; so nobody need ask whether a null is one
 * - `id` names one thing that is said to one subscription: another subscription's filter may say otherwise of the same
 *   version. A replay says it again, under its own name
 */
export function eventOf({
  source,
  subscription,
  document,
  kind,
  replay,
}: Parties & {
  readonly document: StoredDocument;
  readonly kind: EventKind;
  /** id of the replay that asked for it */
  readonly replay?: string;
}): WebhookEvent {
  const { key, version, maker, newest } = document._hw;
  const dataset = datasetOf(document);
  const id = idOf('document', subscription, dataset, key, version, kind, replay ?? '');
  return written({
    specversion: '1.0',
    id,
    source: uriOf(source, dataset),
    type: `headwater.${dataset}.${kind}`,
    subject: key,
    time: timeOf(newest.eventTime),
    subscription,
    documentversion: version,
    batchid: maker.batchId,
    schemaversion: maker.schemaVersion,
    replay: replay === undefined ? undefined : true,
    ...(kind === 'upserted'
      ? withData(uriOf(source, 'schema', dataset, maker.schemaVersion), document.data)
      : {}),
  });
}

/** An event that its receiver asked for to see whether it can take one. */
export function testEventOf({ id, at, ...parties }: Parties & OwnEvent): WebhookEvent {
  return subscriptionEvent('test', parties, id, at, {});
}

/**
 * Asks a receiver to consent: whoever can read `token` and sends it back speaks for the address. The same token makes
 * the same event.
 */
export function confirmEventOf({
  token,
  at,
  ...parties
}: Parties & { readonly token: string; readonly at: string }): WebhookEvent {
  return subscriptionEvent('confirm', parties, token, at, { token });
}

/** Tells the owner of a subscription what became of it. */
export function alertEventOf({
  alert,
  ...parties
}: Parties & { readonly alert: Pick<PendingAlert, 'id' | 'reason' | 'at'> }): WebhookEvent {
  return subscriptionEvent('alert', parties, alert.id, alert.at, { reason: alert.reason });
}

interface OwnEvent {
  /** unlike that of any other such event of the subscription */
  readonly id: string;
  /** ISO 8601 */
  readonly at: string;
}

function subscriptionEvent(
  kind: 'test' | 'confirm' | 'alert',
  { source, subscription }: Parties,
  name: string,
  at: string,
  data: Readonly<Record<string, string>>,
): WebhookEvent {
  return written({
    specversion: '1.0',
    id: idOf(kind, subscription, name),
    source,
    type: `headwater.subscription.${kind}`,
    subject: subscription,
    time: at,
    subscription,
    ...withData(undefined, { subscription, ...data }),
  });
}

function withData(dataschema: string | undefined, data: Json): object {
  return { datacontenttype: 'application/json', dataschema, data };
}

function written(event: { readonly id: string; readonly [name: string]: unknown }): WebhookEvent {
  return { id: event.id, body: JSON.stringify(event) };
}

/** Hexadecimal: a full stop in it could move the border between id and time stamp under a signature. */
function idOf(...parts: readonly (string | number)[]): string {
  return sha256(JSON.stringify(parts));
}

function timeOf(ms: number): string | undefined {
  return ms >= FIRST_TIME && ms <= LAST_TIME ? new Date(ms).toISOString() : undefined;
}

/** `urn:headwater` and parts make `urn:headwater:a:b`; `https://host/path` and parts make `https://host/path/a/b`. */
function uriOf(source: string, ...parts: readonly string[]): string {
  const separator = source.includes('://') ? '/' : ':';
  const start = source.endsWith(separator) ? source.slice(0, -1) : source;
  return [start, ...parts].join(separator);
}
