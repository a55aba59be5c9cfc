/**
 * Walks encoded AMQP 1.0 messages without decoding them: only lengths are read.
 * http://docs.oasis-open.org/amqp/core/v1.0/amqp-core-types-v1.0.html#section-encodings
 */

/** Sections of a message: http://docs.oasis-open.org/amqp/core/v1.0/amqp-core-messaging-v1.0.html#section-message-format */
export const Section = {
  header: 0x70,
  deliveryAnnotations: 0x71,
  messageAnnotations: 0x72,
  data: 0x75,
  footer: 0x78,
} as const;

const SECTION_NAMES = new Map([
  ['amqp:header:list', 0x70],
  ['amqp:delivery-annotations:map', 0x71],
  ['amqp:message-annotations:map', 0x72],
  ['amqp:properties:list', 0x73],
  ['amqp:application-properties:map', 0x74],
  ['amqp:data:binary', 0x75],
  ['amqp:amqp-sequence:list', 0x76],
  ['amqp:value:*', 0x77],
  ['amqp:footer:map', 0x78],
]);

export interface SectionSpan {
  readonly code: number;
  /** Position of the value's constructor. */
  readonly value: number;
  readonly end: number;
}

/** Malformed bytes; the message says what is wrong. */
export class MalformedError extends Error {}

/** Position after the value that starts at `at`. */
export function skipValue(buffer: Buffer, at: number): number {
  let from = at;
  while (byte(buffer, from) === 0x00) from = skipPrimitive(buffer, from + 1);
  return skipPrimitive(buffer, from);
}

function skipPrimitive(buffer: Buffer, at: number): number {
  const end = primitiveEnd(buffer, at, byte(buffer, at));
  if (end > buffer.length) throw new MalformedError('A value goes beyond the end of the message.');
  return end;
}

function primitiveEnd(buffer: Buffer, at: number, code: number): number {
  switch (code >>> 4) {
    case 0x4:
      return at + 1;
    case 0x5:
      return at + 2;
    case 0x6:
      return at + 3;
    case 0x7:
      return at + 5;
    case 0x8:
      return at + 9;
    case 0x9:
      return at + 17;
    case 0xa:
    case 0xc:
    case 0xe:
      return at + 2 + byte(buffer, at + 1);
    case 0xb:
    case 0xd:
    case 0xf:
      return at + 5 + uint32(buffer, at + 1);
    default:
      throw new MalformedError(`Unknown type code 0x${code.toString(16)}.`);
  }
}

/** The section that starts at `at`. */
export function sectionAt(buffer: Buffer, at: number): SectionSpan {
  if (byte(buffer, at) !== 0x00) throw new MalformedError('A message consists of described sections.');
  const value = skipPrimitive(buffer, at + 1);
  return { code: sectionCode(buffer, at + 1, value), value, end: skipValue(buffer, value) };
}

function sectionCode(buffer: Buffer, at: number, end: number): number {
  const type = byte(buffer, at);
  let code: number | undefined;
  if (type === 0x53) code = byte(buffer, at + 1);
  else if (type === 0x80 && uint32(buffer, at + 1) === 0) code = uint32(buffer, at + 5);
  else if (type === 0xa3) code = SECTION_NAMES.get(buffer.toString('latin1', at + 2, end));
  if (code === undefined || code < Section.header || code > Section.footer) {
    throw new MalformedError('Unknown message section.');
  }
  return code;
}

/** Bytes of a binary value: where they start and end. */
export function binaryAt(buffer: Buffer, at: number): { start: number; end: number } {
  const code = byte(buffer, at);
  if (code !== 0xa0 && code !== 0xb0) throw new MalformedError('A data section holds binary.');
  return { start: at + (code === 0xa0 ? 2 : 5), end: skipPrimitive(buffer, at) };
}

export interface MapEntry {
  /** Empty when the key is no symbol or string. */
  readonly key: string;
  readonly start: number;
  readonly value: number;
  readonly end: number;
}

/** The entries of a map with text keys. */
export function mapEntries(buffer: Buffer, at: number): MapEntry[] {
  const code = byte(buffer, at);
  if (code !== 0xc1 && code !== 0xd1) throw new MalformedError('Annotations are a map.');
  const end = skipPrimitive(buffer, at);
  const count = code === 0xc1 ? byte(buffer, at + 2) : uint32(buffer, at + 5);
  const entries: MapEntry[] = [];
  let from = at + (code === 0xc1 ? 3 : 9);
  for (let left = count; left > 0; left -= 2) {
    const value = skipValue(buffer, from);
    const next = skipValue(buffer, value);
    entries.push({ key: textAt(buffer, from) ?? '', start: from, value, end: next });
    from = next;
  }
  if (from !== end || count % 2 !== 0) throw new MalformedError('A map has a wrong size.');
  return entries;
}

/** The integer at `at`; undefined when it is something else, or beyond what a number holds exactly. */
export function integerAt(buffer: Buffer, at: number): number | undefined {
  skipPrimitive(buffer, at);
  const code = byte(buffer, at);
  if (code === 0x43 || code === 0x44) return 0;
  if (code === 0x50 || code === 0x52 || code === 0x53) return buffer.readUInt8(at + 1);
  if (code === 0x51 || code === 0x54 || code === 0x55) return buffer.readInt8(at + 1);
  if (code === 0x60) return buffer.readUInt16BE(at + 1);
  if (code === 0x61) return buffer.readInt16BE(at + 1);
  if (code === 0x70) return buffer.readUInt32BE(at + 1);
  if (code === 0x71) return buffer.readInt32BE(at + 1);
  if (code !== 0x80 && code !== 0x81) return undefined;
  const value = Number(code === 0x80 ? buffer.readBigUInt64BE(at + 1) : buffer.readBigInt64BE(at + 1));
  return Number.isSafeInteger(value) ? value : undefined;
}

/** The symbol or string at `at`; undefined when it is something else. */
export function textAt(buffer: Buffer, at: number): string | undefined {
  const code = byte(buffer, at);
  if (code === 0xa1 || code === 0xa3) return buffer.toString('utf8', at + 2, skipPrimitive(buffer, at));
  if (code === 0xb1 || code === 0xb3) return buffer.toString('utf8', at + 5, skipPrimitive(buffer, at));
  return undefined;
}

function byte(buffer: Buffer, at: number): number {
  const value = buffer[at];
  if (value === undefined) throw new MalformedError('The message ends in the middle of a value.');
  return value;
}

function uint32(buffer: Buffer, at: number): number {
  if (at + 4 > buffer.length) throw new MalformedError('The message ends in the middle of a value.');
  return buffer.readUInt32BE(at);
}
