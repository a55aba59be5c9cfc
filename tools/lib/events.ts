/** What an event says of a document; see `docs/api.md`. */
export type ChangeKind = 'upserted' | 'removed' | 'deleted';

/** A change of a document, as a CloudEvent told it. */
export interface ChangeEvent {
  readonly type: 'change';
  readonly id: string;
  readonly subscription: string;
  readonly dataset: string;
  readonly kind: ChangeKind;
  /** The document's key. */
  readonly subject: string;
  readonly version: number;
  readonly batchId: string;
  readonly replay: boolean;
  /** The document; undefined unless it is `upserted`. */
  readonly data: unknown;
}

/** An event about the subscription itself. */
export interface NoticeEvent {
  readonly type: 'notice';
  readonly id: string;
  readonly subscription: string;
  readonly kind: 'confirm' | 'test' | 'alert';
  readonly data: Readonly<Record<string, unknown>>;
}

export type ConsumerEvent = ChangeEvent | NoticeEvent;

const CHANGE = /^headwater\.(.+)\.(upserted|removed|deleted)$/;
const NOTICE = /^headwater\.subscription\.(confirm|test|alert)$/;

/**
 * Reads a CloudEvent in structured mode (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md),
 * as far as a consumer needs it. Undefined when it is none of ours.
 */
export function readEvent(body: string): ConsumerEvent | undefined {
  let event: unknown;
  try {
    event = JSON.parse(body);
  } catch {
    return undefined;
  }
  if (!isRecord(event) || event['specversion'] !== '1.0') return undefined;
  const { id, type, subscription } = event;
  if (!isText(id) || !isText(type) || !isText(subscription)) return undefined;
  const notice = NOTICE.exec(type)?.[1] as NoticeEvent['kind'] | undefined;
  if (notice) {
    const { data } = event;
    return { type: 'notice', id, subscription, kind: notice, data: isRecord(data) ? data : {} };
  }
  return changeOf(event, { id, type, subscription });
}

function changeOf(
  event: Readonly<Record<string, unknown>>,
  { id, type, subscription }: { id: string; type: string; subscription: string },
): ChangeEvent | undefined {
  const [, dataset, kind] = CHANGE.exec(type) ?? [];
  const { subject, documentversion: version, batchid, replay, data } = event;
  if (dataset === undefined || !isText(subject)) return undefined;
  if (typeof version !== 'number' || !Number.isSafeInteger(version) || version < 1) return undefined;
  return {
    type: 'change',
    id,
    subscription,
    dataset,
    kind: kind as ChangeKind,
    subject,
    version,
    batchId: isText(batchid) ? batchid : '',
    replay: replay === true,
    data: kind === 'upserted' ? data : undefined,
  };
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
