import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Files } from '../shared/files';
import { Appender, type Log } from './appender';
import { ClaimFile } from './claims';
import type { Refusal } from './conditions';
import type { IncomingEvent } from './event';
import { READ_CHUNK_BYTES } from './limits';
import { AcknowledgedMark } from './mark';
import { type Claim, type ClaimRequest, type NumberedSend, Producers } from './producers';
import { recoverSegments } from './recovery';
import { createSegment, type LastEvent, type Place, type Segment, type Start } from './segment';
import { TailCache } from './tail';

export interface PartitionOptions {
  readonly segmentBytes: number;
  readonly retentionMs: number;
  readonly cacheBytes: number;
}

/** Where a reader stands: the sequence number it wants next, and where that was last seen. */
export interface Cursor {
  sequenceNumber: number;
  segment?: Segment;
  place?: Place;
}

const BEGINNING: Start = { sequenceNumber: 0, offset: 0, previous: undefined };

/**
 * The event log of one partition: segments on disk, one of which takes appends, the newest events in memory, and what
 * is known of idempotent producers.
 */
export class Partition {
  /** Called after each commit. */
  readonly listeners: Set<() => void>;

  private constructor(
    private readonly log: Log,
    private readonly appender: Appender,
    private readonly producers: Producers,
    private readonly retentionMs: number,
  ) {
    this.listeners = appender.listeners;
  }

  /** @throws {CorruptSegmentError} when acknowledged events are damaged or missing. */
  static async open(folder: string, files: Files, options: PartitionOptions): Promise<Partition> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await files.syncFolder(dirname(folder));
    const mark = await AcknowledgedMark.open(folder, files);
    try {
      const producers = new Producers(await ClaimFile.open(folder, files));
      const segments = await recoverSegments(folder, files, mark.recovered, (send, time) =>
        producers.recover(send, time),
      );
      const newest = segments.at(-1);
      const opened = newest
        ? { segment: newest, file: await files.open(newest.path) }
        : await createSegment(folder, files, BEGINNING);
      if (!newest) segments.push(opened.segment);
      const { segment, file } = opened;
      const log = { folder, files, segments, mark, cache: new TailCache(options.cacheBytes) };
      const appender = new Appender(log, segment, file, options.segmentBytes);
      return new Partition(log, appender, producers, options.retentionMs);
    } catch (error) {
      await mark.abandon();
      throw error;
    }
  }

  /** Bytes of events that wait for their commit. */
  get queuedBytes(): number {
    return this.appender.queuedBytes;
  }

  /** Sequence number of the oldest event that is kept, or of the next one when there is none. */
  get firstSequenceNumber(): number {
    return this.log.segments[0]?.start.sequenceNumber ?? 0;
  }

  get nextSequenceNumber(): number {
    return this.appender.active.nextSequenceNumber;
  }

  get last(): LastEvent | undefined {
    return this.appender.active.last;
  }

  get isEmpty(): boolean {
    return this.firstSequenceNumber === this.nextSequenceNumber;
  }

  /** An idempotent producer opens its link: where its numbers go on. */
  claim(request: ClaimRequest): Promise<Claim | Refusal> {
    return this.producers.claim(request);
  }

  /**
   * Appends the events together, all or none; those of an idempotent producer only if their numbers follow.
   * Resolves when they are on disk, or with why they are not.
   */
  append(events: readonly IncomingEvent[], send?: NumberedSend): Promise<Refusal | undefined> {
    if (!send) return this.appender.append(events, false);
    return this.producers.publish(send, () => this.appender.append(events, true));
  }

  /** The next messages for a reader, at most `count`. Moves the cursor. Empty at the end of the log. */
  read(cursor: Cursor, count: number): Buffer[] | Promise<Buffer[]> {
    cursor.sequenceNumber = Math.max(cursor.sequenceNumber, this.firstSequenceNumber);
    if (cursor.sequenceNumber >= this.nextSequenceNumber) return [];
    const cached = this.log.cache.firstSequenceNumber;
    if (cached === undefined || cursor.sequenceNumber < cached) return this.readDisk(cursor, count);
    const messages = this.log.cache.read(cursor.sequenceNumber, count, READ_CHUNK_BYTES);
    cursor.sequenceNumber += messages.length;
    return messages;
  }

  private async readDisk(cursor: Cursor, count: number): Promise<Buffer[]> {
    const { sequenceNumber } = cursor;
    const segment = this.segmentOf((candidate) => candidate.nextSequenceNumber > sequenceNumber);
    const isSame = cursor.segment === segment && cursor.place?.sequenceNumber === sequenceNumber;
    const place = isSame && cursor.place ? cursor.place : segment.placeOf(sequenceNumber);
    const { messages, next } = await segment.read(place, count);
    cursor.segment = segment;
    cursor.place = next;
    cursor.sequenceNumber = next.sequenceNumber;
    return messages;
  }

  /** Sequence number of the first event whose offset is at least `offset` (logical bytes). */
  firstWithOffset(offset: number): Promise<number> {
    return this.segmentOf((segment) => segment.offsetOf(segment.end) > offset).firstWithOffset(offset);
  }

  /** Sequence number of the first event that was enqueued after `time` (milliseconds since the epoch). */
  firstAfter(time: number): Promise<number> {
    return this.segmentOf((segment) => (segment.last?.time ?? 0) > time).firstAfter(time);
  }

  private segmentOf(reaches: (segment: Segment) => boolean): Segment {
    return this.log.segments.find(reaches) ?? this.appender.active;
  }

  /** Removes the segments whose newest event is older than the retention time. */
  async expire(now: number): Promise<void> {
    this.producers.forgetBefore(now - this.retentionMs);
    const isOld = (segment: Segment): boolean => (segment.last?.time ?? now) < now - this.retentionMs;
    await this.appender.rollIf(isOld);
    const { folder, files, segments, cache } = this.log;
    for (let oldest = segments[0]; oldest && oldest !== this.appender.active; oldest = segments[0]) {
      if (!isOld(oldest)) return;
      oldest.removed = true;
      segments.shift();
      cache.dropBefore(this.firstSequenceNumber);
      await files.remove(oldest.path);
      await files.syncFolder(folder);
    }
  }

  /** Commits what was accepted, and closes the files. */
  close(): Promise<void> {
    return this.appender.close();
  }
}
