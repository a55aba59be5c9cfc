import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { DurableFile, Files } from '../shared/files';
import { writeUint64 } from './event';
import { INDEX_STEP_BYTES, READ_CHUNK_BYTES } from './limits';
import {
  announcedSize,
  MAX_RECORD_BYTES,
  readRecord,
  readUint64,
  RECORD_HEADER_BYTES,
  type RecordHead,
} from './record';

/** What a segment starts from: the partition's state before its first record. */
export interface Start {
  readonly sequenceNumber: number;
  /** Logical offset of the first record: bytes of records since the partition began. */
  readonly offset: number;
  /** The event before, if there ever was one. */
  readonly previous: LastEvent | undefined;
}

export interface LastEvent {
  readonly sequenceNumber: number;
  readonly offset: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
}

const MAGIC = Buffer.from('HWEVLOG1', 'latin1');
export const SEGMENT_HEADER_BYTES = 48;
const NAME = /^(\d{16})\.log$/;

export function segmentName(sequenceNumber: number): string {
  return `${String(sequenceNumber).padStart(16, '0')}.log`;
}

/** The first sequence number that a file name announces; undefined for other files. */
export function sequenceNumberOfName(name: string): number | undefined {
  const match = NAME.exec(name);
  return match ? Number(match[1]) : undefined;
}

export function encodeStart(start: Start): Buffer {
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES);
  MAGIC.copy(header);
  writeUint64(header, start.sequenceNumber, 8);
  writeUint64(header, start.offset, 16);
  writeUint64(header, start.previous ? start.previous.offset + 1 : 0, 24);
  writeUint64(header, start.previous?.time ?? 0, 32);
  header.writeUInt32BE(crc32(header.subarray(0, 44)), 44);
  return header;
}

export function decodeStart(header: Buffer): Start | undefined {
  if (header.length < SEGMENT_HEADER_BYTES || !header.subarray(0, 8).equals(MAGIC)) return undefined;
  if (crc32(header.subarray(0, 44)) !== header.readUInt32BE(44)) return undefined;
  const sequenceNumber = readUint64(header, 8);
  const previousOffset = readUint64(header, 24);
  return {
    sequenceNumber,
    offset: readUint64(header, 16),
    previous:
      previousOffset > 0
        ? { sequenceNumber: sequenceNumber - 1, offset: previousOffset - 1, time: readUint64(header, 32) }
        : undefined,
  };
}

/** A record is damaged that was whole when it was acknowledged. */
export class CorruptSegmentError extends Error {
  readonly code = 'ECORRUPT';
  constructor(file: string, position: number, why: string) {
    super(
      `The event log ${file} is damaged at byte ${position}: ${why}. Nothing was changed. ` +
        'Restore the file from a copy, or move its folder away to start the partition anew.',
    );
  }
}

interface IndexEntry {
  readonly sequenceNumber: number;
  readonly position: number;
  readonly time: number;
}

export type SegmentMark = Pick<Segment, 'end' | 'last' | 'nextSequenceNumber'>;

/** A position to go on reading from. */
export interface Place {
  readonly sequenceNumber: number;
  readonly position: number;
}

export interface ReadResult {
  readonly messages: Buffer[];
  readonly next: Place;
}

/** One append-only file of a partition, with a sparse index in memory. */
export class Segment {
  readonly path: string;
  /** End of the synced records in the file. */
  end = SEGMENT_HEADER_BYTES;
  last: LastEvent | undefined;
  nextSequenceNumber: number;
  removed = false;
  private readonly index: IndexEntry[] = [];

  constructor(
    folder: string,
    readonly start: Start,
    private readonly files: Files,
  ) {
    this.path = join(folder, segmentName(start.sequenceNumber));
    this.nextSequenceNumber = start.sequenceNumber;
    this.last = start.previous;
  }

  get isEmpty(): boolean {
    return this.end === SEGMENT_HEADER_BYTES;
  }

  offsetOf(position: number): number {
    return this.start.offset + position - SEGMENT_HEADER_BYTES;
  }

  /** Takes note of a synced record at `position`. */
  add(record: Pick<RecordHead, 'sequenceNumber' | 'time' | 'size'>, position: number): void {
    const { sequenceNumber, time, size } = record;
    const before = this.index.at(-1);
    if (!before || position - before.position >= INDEX_STEP_BYTES) {
      this.index.push({ sequenceNumber, position, time });
    }
    this.last = { sequenceNumber, offset: this.offsetOf(position), time };
    this.nextSequenceNumber = sequenceNumber + 1;
    this.end = position + size;
  }

  /** What {@link rewind} goes back to. */
  mark(): SegmentMark {
    const { end, last, nextSequenceNumber } = this;
    return { end, last, nextSequenceNumber };
  }

  /** Forgets the records that were added since the mark. */
  rewind({ end, last, nextSequenceNumber }: SegmentMark): void {
    this.end = end;
    this.last = last;
    this.nextSequenceNumber = nextSequenceNumber;
    while ((this.index.at(-1)?.position ?? 0) >= end) this.index.pop();
  }

  /** Messages from `from` on: at least one if there is one, at most `count` and about {@link READ_CHUNK_BYTES}. */
  async read(from: Place, count: number): Promise<ReadResult> {
    const messages: Buffer[] = [];
    let { sequenceNumber, position } = from;
    await this.scan(position, (record, at, buffer, inBuffer) => {
      position = at;
      if (messages.length >= count) return false;
      if (record.sequenceNumber >= from.sequenceNumber) {
        messages.push(buffer.subarray(inBuffer + RECORD_HEADER_BYTES, inBuffer + record.size));
        sequenceNumber = record.sequenceNumber + 1;
      }
      position = at + record.size;
      return messages.length === 0 || position - from.position < READ_CHUNK_BYTES;
    });
    return { messages, next: { sequenceNumber, position } };
  }

  /** Where to start reading for a sequence number that lies in this segment. */
  placeOf(sequenceNumber: number): Place {
    const entry = this.entryBefore((candidate) => candidate.sequenceNumber <= sequenceNumber);
    return { sequenceNumber, position: entry?.position ?? SEGMENT_HEADER_BYTES };
  }

  /** Sequence number of the first event whose offset is at least `offset`. */
  firstWithOffset(offset: number): Promise<number> {
    const entry = this.entryBefore(({ position }) => this.offsetOf(position) <= offset);
    return this.first(entry, (_, position) => this.offsetOf(position) >= offset);
  }

  /** Sequence number of the first event that was enqueued after `time`. */
  firstAfter(time: number): Promise<number> {
    const entry = this.entryBefore((candidate) => candidate.time <= time);
    return this.first(entry, (record) => record.time > time);
  }

  private async first(
    entry: IndexEntry | undefined,
    matches: (record: RecordHead, position: number) => boolean,
  ): Promise<number> {
    let found = this.nextSequenceNumber;
    await this.scan(entry?.position ?? SEGMENT_HEADER_BYTES, (record, position) => {
      if (!matches(record, position)) return true;
      found = record.sequenceNumber;
      return false;
    });
    return found;
  }

  /** The last index entry for which `isBefore` holds; it holds for a beginning of the index only. */
  private entryBefore(isBefore: (entry: IndexEntry) => boolean): IndexEntry | undefined {
    let low = 0;
    let high = this.index.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = this.index[middle];
      if (entry && isBefore(entry)) low = middle + 1;
      else high = middle;
    }
    return this.index[low - 1];
  }

  /** Visits the records from `from` to the end as it is now, until `visit` says false. */
  private async scan(
    from: number,
    visit: (record: RecordHead, position: number, buffer: Buffer, inBuffer: number) => boolean,
  ): Promise<void> {
    const end = this.end;
    if (this.removed || from >= end) return;
    const file = await this.files.open(this.path);
    try {
      let position = from;
      while (position < end) {
        const next = await this.scanChunk(file, position, end, visit);
        if (next === undefined) return;
        position = next;
      }
    } finally {
      await file.close();
    }
  }

  private async scanChunk(
    file: DurableFile,
    from: number,
    end: number,
    visit: (record: RecordHead, position: number, buffer: Buffer, inBuffer: number) => boolean,
  ): Promise<number | undefined> {
    let buffer = await file.read(Math.min(READ_CHUNK_BYTES, end - from), from);
    let at = 0;
    while (from + at < end) {
      const size = announcedSize(buffer, at);
      const isCut = size === undefined ? at + RECORD_HEADER_BYTES > buffer.length : at + size > buffer.length;
      if (isCut && at > 0) return from + at;
      if (isCut) buffer = await file.read(Math.min(MAX_RECORD_BYTES, end - from), from);
      const record = readRecord(buffer, at);
      if (!record)
        throw new CorruptSegmentError(this.path, from + at, 'an event does not match its checksum');
      if (!visit(record, from + at, buffer, at)) return undefined;
      at += record.size;
    }
    return from + at;
  }
}

/** A new segment, durable under its name before it takes a record. */
export async function createSegment(
  folder: string,
  files: Files,
  start: Start,
): Promise<{ segment: Segment; file: DurableFile }> {
  const segment = new Segment(folder, start, files);
  const file = await files.open(segment.path);
  try {
    await file.truncate(0);
    await file.write([encodeStart(start)], 0);
    await file.datasync();
    await files.syncFolder(folder);
  } catch (error) {
    await file.close();
    throw error;
  }
  return { segment, file };
}
