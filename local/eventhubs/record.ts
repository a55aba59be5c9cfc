import { crc32 } from 'node:zlib';
import { writeUint64 } from './event';
import { MAX_MESSAGE_BYTES } from './limits';

/**
 * A record of a segment: `[length 4][crc 4][sequence number 8][time 8][message]`, numbers big-endian,
 * `length` being that of the message, the CRC-32 covering everything but itself. The three highest bits of the
 * sequence number tell whether the next record belongs to the same send, whether an idempotent producer sent it, and
 * whether it was written together with the record before it.
 */
export const RECORD_HEADER_BYTES = 24;
/** The annotations that the service adds come on top of what the sender may send. */
export const MAX_RECORD_BYTES = MAX_MESSAGE_BYTES + 1_024;
const CONTINUED_BIT = 0x8000_0000;
const NUMBERED_BIT = 0x4000_0000;
const JOINED_BIT = 0x2000_0000;

export interface RecordHead {
  /** With the header, in bytes. */
  readonly size: number;
  readonly sequenceNumber: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** The next record belongs to the same send: both are there, or none. */
  readonly isContinued: boolean;
  /** An idempotent producer sent it: its annotations hold the producer's number. */
  readonly isNumbered: boolean;
  /** It was written, and synced, together with the record before it. */
  readonly isJoined: boolean;
}

/** Completes a record whose message was already written after its header. */
export function sealRecord(target: Buffer, start: number, end: number, head: Omit<RecordHead, 'size'>): void {
  const length = end - start - RECORD_HEADER_BYTES;
  target.writeUInt32BE(length, start);
  writeUint64(target, head.sequenceNumber, start + 8);
  const flags =
    (head.isContinued ? CONTINUED_BIT : 0) +
    (head.isNumbered ? NUMBERED_BIT : 0) +
    (head.isJoined ? JOINED_BIT : 0);
  target.writeUInt32BE(target.readUInt32BE(start + 8) + flags, start + 8);
  writeUint64(target, head.time, start + 16);
  target.writeUInt32BE(crc32(target.subarray(start + 8, end), length), start + 4);
}

/** Size of the record at `at` as its header tells, or undefined when the header is cut off or impossible. */
export function announcedSize(buffer: Buffer, at: number): number | undefined {
  if (at + RECORD_HEADER_BYTES > buffer.length) return undefined;
  const size = RECORD_HEADER_BYTES + buffer.readUInt32BE(at);
  return size <= MAX_RECORD_BYTES && size > RECORD_HEADER_BYTES ? size : undefined;
}

/** The record at `at`, or undefined when it is incomplete or damaged. */
export function readRecord(buffer: Buffer, at: number): RecordHead | undefined {
  const size = announcedSize(buffer, at);
  if (size === undefined || at + size > buffer.length) return undefined;
  const length = size - RECORD_HEADER_BYTES;
  if (crc32(buffer.subarray(at + 8, at + size), length) !== buffer.readUInt32BE(at + 4)) return undefined;
  return {
    size,
    sequenceNumber: sequenceNumberAt(buffer, at),
    time: readUint64(buffer, at + 16),
    isContinued: (buffer.readUInt32BE(at + 8) & CONTINUED_BIT) !== 0,
    isNumbered: (buffer.readUInt32BE(at + 8) & NUMBERED_BIT) !== 0,
    isJoined: (buffer.readUInt32BE(at + 8) & JOINED_BIT) !== 0,
  };
}

/** What the record at `at` claims as its sequence number, whole or not. */
export function sequenceNumberAt(buffer: Buffer, at: number): number {
  return (
    (buffer.readUInt32BE(at + 8) & ~(CONTINUED_BIT | NUMBERED_BIT | JOINED_BIT)) * 0x1_0000_0000 +
    buffer.readUInt32BE(at + 12)
  );
}

export function readUint64(buffer: Buffer, at: number): number {
  return buffer.readUInt32BE(at) * 0x1_0000_0000 + buffer.readUInt32BE(at + 4);
}
