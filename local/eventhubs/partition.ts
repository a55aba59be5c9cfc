import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type DurableFile, type Files, isDiskFull } from '../shared/files';
import { log } from '../shared/log';
import { ClaimFile } from './claims';
import { refusal, type Refusal } from './conditions';
import { type IncomingEvent, storedSize, writeEvent } from './event';
import { MAX_GROUP_BYTES, READ_CHUNK_BYTES } from './limits';
import { AcknowledgedMark } from './mark';
import { type Claim, type ClaimRequest, type NumberedSend, Producers } from './producers';
import { RECORD_HEADER_BYTES, sealRecord } from './record';
import { recoverSegments } from './recovery';
import { encodeStart, type LastEvent, type Place, Segment, type Start } from './segment';
import { type Group, TailCache } from './tail';

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

interface Append {
  readonly events: readonly IncomingEvent[];
  readonly bytes: number;
  /** An idempotent producer sent it. */
  readonly isNumbered: boolean;
  readonly settle: (refused: Refusal | undefined) => void;
}

const BEGINNING: Start = { sequenceNumber: 0, offset: 0, previous: undefined };

/**
 * The event log of one partition: segments on disk, one of which takes appends. Appends that arrive while a
 * commit is under way are committed together; an event is acknowledged and shown to readers after its sync.
 */
export class Partition {
  /** Called after each commit. */
  readonly listeners = new Set<() => void>();
  /** Bytes of events that wait for their commit. */
  queuedBytes = 0;
  private queue: Append[] = [];
  private committing: Promise<void> | undefined;
  /** Bytes after the synced end may be left of a failed write: cut them before the next one. */
  private isDirty = false;
  /** A new segment was begun but not finished: no event may go to the old one, whose successor is named already. */
  private mustRoll = false;
  private closed = false;

  private constructor(
    private readonly folder: string,
    private readonly files: Files,
    private readonly options: PartitionOptions,
    private readonly mark: AcknowledgedMark,
    private readonly segments: Segment[],
    private active: Segment,
    private file: DurableFile,
    private readonly cache: TailCache,
    private readonly producers: Producers,
  ) {}

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
      const cache = new TailCache(options.cacheBytes);
      return new Partition(folder, files, options, mark, segments, segment, file, cache, producers);
    } catch (error) {
      await mark.abandon();
      throw error;
    }
  }

  /** Sequence number of the oldest event that is kept, or of the next one when there is none. */
  get firstSequenceNumber(): number {
    return this.segments[0]?.start.sequenceNumber ?? 0;
  }

  get nextSequenceNumber(): number {
    return this.active.nextSequenceNumber;
  }

  get last(): LastEvent | undefined {
    return this.active.last;
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
    if (!send) return this.enqueue(events, false);
    return this.producers.publish(send, () => this.enqueue(events, true));
  }

  private enqueue(events: readonly IncomingEvent[], isNumbered: boolean): Promise<Refusal | undefined> {
    if (this.closed) {
      return Promise.resolve(refusal('com.microsoft:server-busy', 'The endpoint is going down.'));
    }
    return new Promise((settle) => {
      let bytes = 0;
      for (const event of events) bytes += RECORD_HEADER_BYTES + storedSize(event);
      this.queue.push({ events, bytes, isNumbered, settle });
      this.queuedBytes += bytes;
      // One turn later everything that the sockets delivered together is committed together.
      this.committing ??= new Promise<void>((resolve) => setImmediate(resolve)).then(() =>
        this.commitQueue(),
      );
    });
  }

  private async commitQueue(): Promise<void> {
    while (this.queue.length > 0) {
      const group = this.takeGroup();
      const refused = await this.commit(group);
      for (const { bytes, settle } of group) {
        this.queuedBytes -= bytes;
        settle(refused);
      }
      for (const listener of this.listeners) listener();
    }
    this.mark.note(this.active.offsetOf(this.active.end));
    this.committing = undefined;
  }

  private takeGroup(): Append[] {
    let bytes = 0;
    let count = 0;
    for (const append of this.queue) {
      bytes += append.bytes;
      if (count > 0 && bytes > MAX_GROUP_BYTES) break;
      count += 1;
    }
    return this.queue.splice(0, count);
  }

  private async commit(appends: readonly Append[]): Promise<Refusal | undefined> {
    try {
      if (this.isDirty) await this.cutLeftovers();
      if (this.mustRoll || this.active.end >= this.options.segmentBytes) await this.roll();
      const group = this.encode(appends);
      this.isDirty = true;
      await this.file.write([group.buffer], this.active.end);
      await this.file.datasync();
      this.isDirty = false;
      this.publish(group);
      return undefined;
    } catch (error) {
      return this.isDirty ? this.undo(error) : this.failed(error);
    }
  }

  /** Cuts off what a failed write left before it is refused: a restart must not bring refused events to life. */
  private async undo(error: unknown): Promise<Refusal> {
    try {
      await this.cutLeftovers();
      return this.failed(error);
    } catch (another) {
      log('eventhubs', `${this.folder}: a failed write could not be undone: ${String(another)}`);
      return refusal('amqp:internal-error', 'The events could not be stored, or only in part.');
    }
  }

  private failed(error: unknown): Refusal {
    if (isDiskFull(error)) {
      return refusal('amqp:resource-limit-exceeded', 'No space is left on the device; nothing was stored.');
    }
    const message = error instanceof Error ? error.message : String(error);
    log('eventhubs', `${this.folder}: events could not be stored: ${message}`);
    return refusal('amqp:internal-error', 'The events could not be stored.');
  }

  private encode(appends: readonly Append[]): Group & { time: number } {
    let size = 0;
    for (const { bytes } of appends) size += bytes;
    const buffer = Buffer.allocUnsafe(size);
    const ends: number[] = [];
    const firstSequenceNumber = this.active.nextSequenceNumber;
    // Times never run backwards, whatever the clock does: readers search by them.
    const time = Math.max(Date.now(), this.active.last?.time ?? 0);
    let sequenceNumber = firstSequenceNumber;
    let at = 0;
    for (const { events, isNumbered } of appends) {
      for (const [index, event] of events.entries()) {
        const offset = this.active.offsetOf(this.active.end + at);
        const end = writeEvent(buffer, at + RECORD_HEADER_BYTES, event, { sequenceNumber, offset, time });
        const isContinued = index < events.length - 1;
        sealRecord(buffer, at, end, { sequenceNumber, time, isContinued, isNumbered, isJoined: at > 0 });
        ends.push(end);
        at = end;
        sequenceNumber += 1;
      }
    }
    return { firstSequenceNumber, buffer: buffer.subarray(0, at), ends, time };
  }

  private publish(group: Group & { time: number }): void {
    let sequenceNumber = group.firstSequenceNumber;
    const base = this.active.end;
    let start = 0;
    for (const end of group.ends) {
      this.active.add({ sequenceNumber, time: group.time, size: end - start }, base + start);
      sequenceNumber += 1;
      start = end;
    }
    this.cache.add(group);
  }

  private async cutLeftovers(): Promise<void> {
    await this.file.truncate(this.active.end);
    await this.file.datasync();
    this.isDirty = false;
  }

  private async roll(): Promise<void> {
    const { nextSequenceNumber, end, last } = this.active;
    const start = { sequenceNumber: nextSequenceNumber, offset: this.active.offsetOf(end), previous: last };
    this.mustRoll = true;
    const { segment, file } = await createSegment(this.folder, this.files, start);
    this.mustRoll = false;
    await this.file.close();
    this.segments.push(segment);
    this.active = segment;
    this.file = file;
  }

  /** The next messages for a reader, at most `count`. Moves the cursor. Empty at the end of the log. */
  read(cursor: Cursor, count: number): Buffer[] | Promise<Buffer[]> {
    cursor.sequenceNumber = Math.max(cursor.sequenceNumber, this.firstSequenceNumber);
    if (cursor.sequenceNumber >= this.nextSequenceNumber) return [];
    const cached = this.cache.firstSequenceNumber;
    if (cached === undefined || cursor.sequenceNumber < cached) return this.readDisk(cursor, count);
    const messages = this.cache.read(cursor.sequenceNumber, count, READ_CHUNK_BYTES);
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
    return this.segments.find(reaches) ?? this.active;
  }

  /** Removes the segments whose newest event is older than the retention time. */
  async expire(now: number): Promise<void> {
    this.producers.forgetBefore(now - this.options.retentionMs);
    const isOld = (segment: Segment): boolean => (segment.last?.time ?? now) < now - this.options.retentionMs;
    if (!this.committing && !this.closed && !this.active.isEmpty && isOld(this.active)) {
      this.committing = this.roll()
        .catch((error: unknown) => void this.failed(error))
        .then(() => this.commitQueue());
      await this.committing;
    }
    for (let oldest = this.segments[0]; oldest && oldest !== this.active; oldest = this.segments[0]) {
      if (!isOld(oldest)) return;
      oldest.removed = true;
      this.segments.shift();
      this.cache.dropBefore(this.firstSequenceNumber);
      await this.files.remove(oldest.path);
      await this.files.syncFolder(this.folder);
    }
  }

  /** Commits what was accepted, and closes the files. */
  async close(): Promise<void> {
    this.closed = true;
    while (this.committing) await this.committing;
    if (this.isDirty) await this.cutLeftovers().catch((error: unknown) => void this.failed(error));
    await this.mark.close(this.active.offsetOf(this.active.end));
    await this.file.close();
  }
}

/** A new segment, durable under its name before it takes a record. */
async function createSegment(
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
