import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { log } from '../shared/log';
import { endDrain, type RheaSender, room } from './amqp';
import { refusal, type Refusal } from './conditions';
import { withDeliveryAnnotations } from './event';
import { MAX_SOCKET_BACKLOG_BYTES } from './limits';
import type { Cursor, Partition } from './partition';
import type { Competitor, ReaderGroup } from './readers';
import { runtimeAnnotations } from './runtime';

export interface ReaderOptions {
  readonly name: string;
  readonly epoch: number | undefined;
  /** Whether each event tells where the partition ends. */
  readonly isTracking: boolean;
}

/** A client's receiving link: sends the events of a partition as far as the client's credit reaches. */
export class Reader implements Competitor {
  readonly name: string;
  readonly epoch: number | undefined;
  private readonly isTracking: boolean;
  private cursor: Cursor | undefined;
  private isPumping = false;
  private isWanted = false;
  private isClosed = false;
  private isDraining = false;
  private tag = 0;
  private readonly onCommit = (): void => this.pump();

  constructor(
    private readonly sender: RheaSender,
    private readonly socket: Socket,
    private readonly partition: Partition,
    private readonly group: ReaderGroup,
    options: ReaderOptions,
  ) {
    this.name = options.name;
    this.epoch = options.epoch;
    this.isTracking = options.isTracking;
    sender.on('sender_draining', () => {
      this.isDraining = true;
      this.pump();
    });
    partition.listeners.add(this.onCommit);
  }

  /** Begins to send from a sequence number. */
  start(sequenceNumber: number): void {
    this.cursor = { sequenceNumber };
    this.pump();
  }

  disconnect(why: Refusal): void {
    if (this.isClosed) return;
    this.close();
    this.sender.close(why);
  }

  /** Ends the reader because its events cannot be read. */
  fail(error: unknown): void {
    log('eventhubs', `A reader had to stop: ${String(error)}`);
    this.disconnect(refusal('amqp:internal-error', 'The events could not be read.'));
  }

  /** Forgets the reader; its link is closed by whoever calls. */
  close(): void {
    this.isClosed = true;
    this.partition.listeners.delete(this.onCommit);
    this.group.leave(this);
  }

  /** Sends what can be sent now. */
  pump(): void {
    this.isWanted = true;
    if (this.isPumping || this.isClosed || !this.cursor) return;
    this.isPumping = true;
    void this.run(this.cursor);
  }

  private async run(cursor: Cursor): Promise<void> {
    try {
      while (this.isWanted) {
        this.isWanted = false;
        // Credit goes down only when rhea has written the frames, one turn later.
        while (await this.sendSome(cursor)) await nextTurn();
      }
    } catch (error) {
      this.fail(error);
    } finally {
      this.isPumping = false;
    }
  }

  private room(): number {
    if (this.isClosed || this.socket.writableLength > MAX_SOCKET_BACKLOG_BYTES) return 0;
    return room(this.sender);
  }

  private async sendSome(cursor: Cursor): Promise<boolean> {
    const wanted = this.room();
    if (wanted <= 0) return false;
    const read = this.partition.read(cursor, wanted);
    const messages = Array.isArray(read) ? read : await read;
    if (messages.length === 0) return this.atEnd(cursor);
    // Another link of the session may have taken some of the room while the disk was read.
    const count = Math.max(0, Math.min(messages.length, this.room()));
    cursor.sequenceNumber -= messages.length - count;
    const annotations = this.isTracking ? runtimeAnnotations(this.partition, Date.now()) : undefined;
    for (const message of messages.slice(0, count)) {
      this.sender.send(
        annotations ? withDeliveryAnnotations(message, annotations) : message,
        this.nextTag(),
        0,
      );
    }
    return count > 0;
  }

  private atEnd(cursor: Cursor): boolean {
    // Retention may have removed the segment that was about to be read.
    if (cursor.sequenceNumber < this.partition.nextSequenceNumber) return true;
    if (this.isDraining) {
      this.isDraining = false;
      endDrain(this.sender);
    }
    return false;
  }

  private nextTag(): Buffer {
    this.tag = (this.tag + 1) >>> 0;
    const tag = Buffer.allocUnsafe(4);
    tag.writeUInt32BE(this.tag);
    return tag;
  }
}
