import {
  binaryAt,
  integerAt,
  MalformedError,
  mapEntries,
  Section,
  sectionAt,
  skipValue,
  textAt,
} from './encoding';

/** Message format of a batch: a message whose data sections are encoded messages. */
export const BATCH_FORMAT = 0x80013700;
const PARTITION_KEY = 'x-opt-partition-key';

/** An event as it came, cut up so that it can be stored with the annotations that the service adds. */
export interface IncomingEvent {
  /** The encoded `header` section, or nothing. */
  readonly header: Buffer;
  /** Encoded entries of the sender's message annotations, without those that the service owns. */
  readonly annotations: Buffer;
  readonly annotationCount: number;
  /** All sections after the annotations. */
  readonly rest: Buffer;
}

export interface Publication {
  /** The numbering of each event, when it was asked for. */
  readonly numbering: readonly (Numbering | undefined)[];
  readonly events: readonly IncomingEvent[];
  readonly partitionKey: string | undefined;
}

const PUBLISHER = 'x-opt-publisher';
const SERVICE_KEYS = new Set(['x-opt-sequence-number', 'x-opt-offset', 'x-opt-enqueued-time', PUBLISHER]);
const NOTHING: Buffer = Buffer.alloc(0);

/**
 * Takes a transferred message apart: one event, or a batch of them.
 * @throws {MalformedError} when a byte of it is no AMQP message.
 */
export function parsePublication(message: Buffer, isBatch: boolean, isNumbered: boolean): Publication {
  const inner = isBatch ? messagesOf(message) : [message];
  return {
    events: inner.map(parseEvent),
    numbering: isNumbered ? inner.map(numberingOf) : [],
    partitionKey: partitionKeyOf(message),
  };
}

/** The messages in a batch. */
function messagesOf(message: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at < message.length;) {
    const section = sectionAt(message, at);
    if (section.code === Section.data) {
      const { start, end } = binaryAt(message, section.value);
      messages.push(message.subarray(start, end));
    }
    at = section.end;
  }
  if (messages.length === 0) throw new MalformedError('The batch holds no event.');
  return messages;
}

function partitionKeyOf(message: Buffer): string | undefined {
  for (let at = 0; at < message.length;) {
    const section = sectionAt(message, at);
    if (section.code > Section.messageAnnotations) return undefined;
    if (section.code === Section.messageAnnotations) {
      const entry = mapEntries(message, section.value).find(({ key }) => key === PARTITION_KEY);
      return entry && textAt(message, entry.value);
    }
    at = section.end;
  }
  return undefined;
}

function parseEvent(message: Buffer): IncomingEvent {
  let header = NOTHING;
  let annotations = { bytes: NOTHING, count: 0 };
  let rest = 0;
  let previous = 0;
  if (message.length === 0) throw new MalformedError('An event is empty.');
  for (let at = 0; at < message.length;) {
    const { code, value, end } = sectionAt(message, at);
    if (code < previous) throw new MalformedError('The sections of a message are out of order.');
    if (code === Section.header) header = message.subarray(at, end);
    else if (code === Section.messageAnnotations) annotations = keptAnnotations(message, value);
    if (code <= Section.messageAnnotations) rest = end;
    previous = code;
    at = end;
  }
  return {
    header,
    annotations: annotations.bytes,
    annotationCount: annotations.count,
    rest: message.subarray(rest),
  };
}

function keptAnnotations(message: Buffer, value: number): { bytes: Buffer; count: number } {
  const entries = mapEntries(message, value);
  const kept = entries.filter(({ key }) => !SERVICE_KEYS.has(key));
  const first = kept[0];
  const last = kept.at(-1);
  if (!first || !last) return { bytes: NOTHING, count: 0 };
  const bytes =
    kept.length === entries.length
      ? message.subarray(first.start, last.end)
      : Buffer.concat(kept.map(({ start, end }) => message.subarray(start, end)));
  return { bytes, count: kept.length };
}

/** The event with the name of the publisher that it came from, which is also its partition key. */
export function withPublisher(event: IncomingEvent, publisher: string, hasKey: boolean): IncomingEvent {
  const name = Buffer.from(publisher);
  const value = Buffer.concat([Buffer.from([0xa1, name.length]), name]);
  const added = [symbol(PUBLISHER), value, ...(hasKey ? [] : [symbol(PARTITION_KEY), value])];
  return {
    ...event,
    annotations: Buffer.concat([event.annotations, ...added]),
    annotationCount: event.annotationCount + added.length / 2,
  };
}

/** What an idempotent producer writes on each event. */
export interface Numbering {
  readonly group: number;
  readonly level: number;
  readonly number: number;
}

/** How the official SDKs name these annotations, and the properties of the link. */
export const PRODUCER_GROUP = 'com.microsoft:producer-id';
export const PRODUCER_LEVEL = 'com.microsoft:producer-epoch';
export const PRODUCER_NUMBER = 'com.microsoft:producer-sequence-number';

/**
 * The numbering in the annotations of an encoded message; undefined when it is missing or incomplete.
 * @throws {MalformedError} when a byte of it is no AMQP message.
 */
export function numberingOf(message: Buffer): Numbering | undefined {
  for (let at = 0; at < message.length;) {
    const section = sectionAt(message, at);
    if (section.code === Section.messageAnnotations) {
      const values = new Map(
        mapEntries(message, section.value).map(({ key, value }) => [key, integerAt(message, value)]),
      );
      const group = values.get(PRODUCER_GROUP);
      const level = values.get(PRODUCER_LEVEL);
      const number = values.get(PRODUCER_NUMBER);
      if (group === undefined || level === undefined || number === undefined) return undefined;
      return { group, level, number };
    }
    if (section.code > Section.messageAnnotations) return undefined;
    at = section.end;
  }
  return undefined;
}

/** Described map32 with its size and count still to be filled in. */
const ANNOTATIONS_HEAD = Buffer.from([0x00, 0x53, 0x72, 0xd1, 0, 0, 0, 0, 0, 0, 0, 0]);
const SEQUENCE_KEY = Buffer.concat([symbol('x-opt-sequence-number'), Buffer.from([0x81])]);
const OFFSET_KEY = Buffer.concat([symbol('x-opt-offset'), Buffer.from([0xa1])]);
const TIME_KEY = Buffer.concat([symbol('x-opt-enqueued-time'), Buffer.from([0x83])]);
const MAX_OFFSET_DIGITS = 16;
const ADDED_BYTES =
  ANNOTATIONS_HEAD.length +
  SEQUENCE_KEY.length +
  OFFSET_KEY.length +
  TIME_KEY.length +
  17 +
  MAX_OFFSET_DIGITS;

/** Upper bound of what {@link writeEvent} writes. */
export function storedSize(event: IncomingEvent): number {
  return event.header.length + event.annotations.length + event.rest.length + ADDED_BYTES;
}

/** Encodes the event as readers get it and returns the position after it. */
export function writeEvent(
  target: Buffer,
  at: number,
  event: IncomingEvent,
  place: { sequenceNumber: number; offset: number; time: number },
): number {
  let to = at + event.header.copy(target, at);
  const head = to;
  to += ANNOTATIONS_HEAD.copy(target, to);
  to += event.annotations.copy(target, to);
  to += SEQUENCE_KEY.copy(target, to);
  to = writeUint64(target, place.sequenceNumber, to);
  to += OFFSET_KEY.copy(target, to);
  const digits = target.write(String(place.offset), to + 1, 'latin1');
  target[to] = digits;
  to += 1 + digits;
  to += TIME_KEY.copy(target, to);
  to = writeUint64(target, place.time, to);
  target.writeUInt32BE(to - head - 8, head + 4);
  target.writeUInt32BE((event.annotationCount + 3) * 2, head + 8);
  return to + event.rest.copy(target, to);
}

/** Puts an encoded delivery-annotations section where it belongs: after the header. */
export function withDeliveryAnnotations(message: Buffer, section: Buffer): Buffer {
  const headerEnd = message[2] === Section.header ? skipValue(message, 0) : 0;
  return Buffer.concat([message.subarray(0, headerEnd), section, message.subarray(headerEnd)]);
}

/** Writes a safe, non-negative integer as 8 bytes and returns the position after it. */
export function writeUint64(target: Buffer, value: number, at: number): number {
  target.writeUInt32BE(Math.floor(value / 0x1_0000_0000), at);
  return target.writeUInt32BE(value % 0x1_0000_0000, at + 4);
}

function symbol(text: string): Buffer {
  return Buffer.concat([Buffer.from([0xa3, text.length]), Buffer.from(text, 'latin1')]);
}
