import { RECORD_HEADER_BYTES } from './record';

/** A synced group of events in memory: the bytes that were written, and where each record ends. */
export interface Group {
  readonly firstSequenceNumber: number;
  readonly buffer: Buffer;
  readonly ends: readonly number[];
}

/** The newest events of a partition, so that readers at the end need no disk. Oldest groups go first. */
export class TailCache {
  private groups: Group[] = [];
  private bytes = 0;

  constructor(private readonly capacity: number) {}

  get firstSequenceNumber(): number | undefined {
    return this.groups[0]?.firstSequenceNumber;
  }

  add(group: Group): void {
    this.groups.push(group);
    this.bytes += cost(group);
    let drop = 0;
    for (let oldest = this.groups[0]; oldest && this.bytes > this.capacity; oldest = this.groups[drop]) {
      this.bytes -= cost(oldest);
      drop += 1;
    }
    if (drop > 0) this.groups.splice(0, drop);
  }

  /** Forgets events before `sequenceNumber`: their segment is gone. */
  dropBefore(sequenceNumber: number): void {
    const kept = this.groups.findIndex((group) => group.firstSequenceNumber >= sequenceNumber);
    const dropped = this.groups.splice(0, kept < 0 ? this.groups.length : kept);
    for (const group of dropped) this.bytes -= cost(group);
  }

  /** Messages from `sequenceNumber` on, which must be in the cache or the next one to come. */
  read(sequenceNumber: number, count: number, maxBytes: number): Buffer[] {
    const messages: Buffer[] = [];
    let left = maxBytes;
    for (let index = this.indexOf(sequenceNumber); index < this.groups.length; index += 1) {
      const group = this.groups[index];
      if (!group) break;
      const skip = Math.max(0, sequenceNumber - group.firstSequenceNumber);
      for (let event = skip; event < group.ends.length; event += 1) {
        if (messages.length >= count || left <= 0) return messages;
        const start = event === 0 ? 0 : (group.ends[event - 1] ?? 0);
        const message = group.buffer.subarray(start + RECORD_HEADER_BYTES, group.ends[event]);
        messages.push(message);
        left -= message.length;
      }
    }
    return messages;
  }

  private indexOf(sequenceNumber: number): number {
    let low = 0;
    let high = this.groups.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.groups[middle]?.firstSequenceNumber ?? Infinity) <= sequenceNumber) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

/** Bytes held for a group, with a guess at what the objects take. */
function cost(group: Group): number {
  return group.buffer.length + group.ends.length * 16 + 200;
}
