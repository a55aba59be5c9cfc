import { type DurableFile, type Files, isDiskFull } from '../shared/files';
import { log } from '../shared/log';
import { refusal, type Refusal } from './conditions';
import { type IncomingEvent, storedSize, writeEvent } from './event';
import { MAX_GROUP_BYTES } from './limits';
import type { AcknowledgedMark } from './mark';
import { RECORD_HEADER_BYTES, sealRecord } from './record';
import { createSegment, type Segment } from './segment';
import type { Group, TailCache } from './tail';

interface Append {
  readonly events: readonly IncomingEvent[];
  readonly bytes: number;
  /** An idempotent producer sent it. */
  readonly isNumbered: boolean;
  readonly settle: (refused: Refusal | undefined) => void;
}

/** What appends go into. */
export interface Log {
  readonly folder: string;
  readonly files: Files;
  /** Oldest first; the last one takes the appends. */
  readonly segments: Segment[];
  readonly cache: TailCache;
  readonly mark: AcknowledgedMark;
}

/**
 * The writing end of a partition's log. Appends that arrive while a commit is under way are committed together; an
 * event is acknowledged, and shown to readers, after its sync.
 */
export class Appender {
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

  constructor(
    private readonly to: Log,
    /** The segment that takes appends, and its file. */
    public active: Segment,
    private file: DurableFile,
    /** Size at which a new segment is begun. */
    private readonly segmentBytes: number,
  ) {}

  /** Appends the events together, all or none. Resolves when they are on disk, or with why they are not. */
  append(events: readonly IncomingEvent[], isNumbered: boolean): Promise<Refusal | undefined> {
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
    this.to.mark.note(this.active.offsetOf(this.active.end));
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
      if (this.mustRoll || this.active.end >= this.segmentBytes) await this.roll();
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
      log('eventhubs', `${this.to.folder}: a failed write could not be undone: ${String(another)}`);
      return refusal('amqp:internal-error', 'The events could not be stored, or only in part.');
    }
  }

  private failed(error: unknown): Refusal {
    if (isDiskFull(error)) {
      return refusal('amqp:resource-limit-exceeded', 'No space is left on the device; nothing was stored.');
    }
    const message = error instanceof Error ? error.message : String(error);
    log('eventhubs', `${this.to.folder}: events could not be stored: ${message}`);
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
    this.to.cache.add(group);
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
    const { segment, file } = await createSegment(this.to.folder, this.to.files, start);
    const before = this.file;
    this.to.segments.push(segment);
    this.active = segment;
    this.file = file;
    this.mustRoll = false;
    await before.close();
  }

  /** Begins a new segment if no commit is under way and the one that takes appends is not empty. */
  async rollIf(isDue: (active: Segment) => boolean): Promise<void> {
    if (this.committing || this.closed || this.active.isEmpty || !isDue(this.active)) return;
    this.committing = this.roll()
      .catch((error: unknown) => void this.failed(error))
      .then(() => this.commitQueue());
    await this.committing;
  }

  /** Commits what was accepted, and closes the files. */
  async close(): Promise<void> {
    this.closed = true;
    while (this.committing) await this.committing;
    if (this.isDirty) await this.cutLeftovers().catch((error: unknown) => void this.failed(error));
    await this.to.mark.close(this.active.offsetOf(this.active.end));
    await this.file.close();
  }
}
