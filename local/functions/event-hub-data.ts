import type { ReceivedEventData } from '@azure/event-hubs';
import type { TypedData } from './protocol';

/** Where events came from, as functions are told. */
export interface PartitionDescription {
  fullyQualifiedNamespace: string;
  eventHubName: string;
  consumerGroup: string;
  partitionId: string;
}

/**
 * Properties of a message, by the names that AMQP gives them; the SDK has its own.
 * http://docs.oasis-open.org/amqp/core/v1.0/os/amqp-core-messaging-v1.0-os.html#type-properties
 */
const MESSAGE_PROPERTIES: Readonly<Record<string, string>> = {
  messageId: 'message-id',
  userId: 'user-id',
  replyTo: 'reply-to',
  correlationId: 'correlation-id',
  contentType: 'content-type',
  contentEncoding: 'content-encoding',
  absoluteExpiryTime: 'absolute-expiry-time',
  creationTime: 'creation-time',
  groupId: 'group-id',
  groupSequence: 'group-sequence',
  replyToGroupId: 'reply-to-group-id',
};

/** What a function with cardinality `one` gets: text, which the SDK parses if it is JSON, or bytes. */
export function singleEvent({ body }: ReceivedEventData, binary: boolean): TypedData {
  return binary ? { bytes: bytesOf(body) } : { string: textOf(body) };
}

/** What a function with cardinality `many` gets: an array of the same. */
export function manyEvents(events: readonly ReceivedEventData[], binary: boolean): TypedData {
  return binary
    ? { collectionBytes: { bytes: events.map(({ body }) => bytesOf(body)) } }
    : { collectionString: { string: events.map(({ body }) => textOf(body)) } };
}

/** Metadata of one event, by the platform's names; the SDK makes the first letters small. */
export function singleMetadata(
  event: ReceivedEventData,
  partition: PartitionDescription,
): Record<string, TypedData> {
  return {
    PartitionContext: partitionContext(partition),
    ...(event.partitionKey ? { PartitionKey: { string: event.partitionKey } } : {}),
    Offset: { string: event.offset },
    SequenceNumber: json(event.sequenceNumber),
    EnqueuedTimeUtc: json(event.enqueuedTimeUtc),
    Properties: json(event.properties ?? {}),
    SystemProperties: json(systemProperties(event)),
  };
}

/** Metadata of a batch: an array for each value of {@link singleMetadata}. */
export function manyMetadata(
  events: readonly ReceivedEventData[],
  partition: PartitionDescription,
): Record<string, TypedData> {
  return {
    PartitionContext: partitionContext(partition),
    PartitionKeyArray: { collectionString: { string: events.map(({ partitionKey }) => partitionKey ?? '') } },
    OffsetArray: { collectionString: { string: events.map(({ offset }) => offset) } },
    SequenceNumberArray: json(events.map(({ sequenceNumber }) => sequenceNumber)),
    EnqueuedTimeUtcArray: json(events.map(({ enqueuedTimeUtc }) => enqueuedTimeUtc)),
    PropertiesArray: json(events.map(({ properties }) => properties ?? {})),
    SystemPropertiesArray: json(events.map(systemProperties)),
  };
}

function partitionContext(partition: PartitionDescription): TypedData {
  return json({ ...partition, isCheckpointingAfterInvocation: true });
}

function systemProperties(event: ReceivedEventData): Record<string, unknown> {
  const named = Object.entries(event.systemProperties ?? {}).map(([name, value]) => [
    MESSAGE_PROPERTIES[name] ?? name,
    value as unknown,
  ]);
  return {
    ...(Object.fromEntries(named) as Record<string, unknown>),
    SequenceNumber: event.sequenceNumber,
    Offset: event.offset,
    PartitionKey: event.partitionKey ?? null,
    EnqueuedTimeUtc: event.enqueuedTimeUtc,
  };
}

function bytesOf(body: unknown): Uint8Array {
  return body instanceof Uint8Array ? body : Buffer.from(textOf(body));
}

function textOf(body: unknown): string {
  if (body instanceof Uint8Array) return Buffer.from(body).toString('utf8');
  return typeof body === 'string' ? body : toJson(body ?? null);
}

function json(value: unknown): TypedData {
  return { json: toJson(value) };
}

/** Properties may hold what JSON cannot: bytes become base64, as on the platform, and large numbers text. */
function toJson(value: unknown): string {
  return JSON.stringify(value, function (this: Record<string, unknown>, key: string, converted: unknown) {
    const original = this[key];
    if (original instanceof Uint8Array) return Buffer.from(original).toString('base64');
    return typeof original === 'bigint' ? String(original) : converted;
  });
}
