import type { Packet } from '../domain/ingress/packet';
import type { IngressHub } from './ingressHub';

/** A record on its way into the hub. */
export interface OutgoingRecord {
  readonly partition: string;
  readonly dataset: string;
  readonly schemaVersion: string;
  /** ms since the epoch */
  readonly receivedAt: number;
  /** with its line feed */
  readonly line: string;
}

/** Packs the records of concurrent requests: one send carries those of all that came meanwhile. */
export interface Packets {
  /** Resolves when the hub has stored the record. Rejects when it may not have. */
  publish(record: OutgoingRecord): Promise<void>;
  /** Bytes that wait for the hub. */
  readonly waiting: number;
  /** How many records an event carried on average of late; 1 as long as none was sent. */
  readonly recordsPerPacket: number;
}

/** One event: small enough that a few fit into a send (1 MiB), large enough that its own cost does not count. */
export const PACKET_BYTES = 240 * 1024;

interface Waiting extends OutgoingRecord {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * @param pauseMs between the sends to one partition: when it was idle for so long, a record is sent at once; under load
 *   each send takes what came in that time
 */
export function createPackets(hub: Pick<IngressHub, 'send'>, pauseMs: number): Packets {
  const lanes = new Map<string, Lane>();
  const sizes = new Sizes();
  return {
    publish(record) {
      let lane = lanes.get(record.partition);
      if (!lane) lanes.set(record.partition, (lane = new Lane(hub, record.partition, pauseMs, sizes)));
      return lane.add(record);
    },
    get recordsPerPacket() {
      return sizes.average;
    },
    get waiting() {
      return [...lanes.values()].reduce((sum, lane) => sum + lane.bytes, 0);
    },
  };
}

/** How many records packets hold, of late. */
class Sizes {
  average = 1;

  note(packets: readonly Packet[]): void {
    for (const { properties } of packets) this.average += (properties.records - this.average) * 0.02;
  }
}

/** What goes to one partition. */
class Lane {
  /** Of records that the hub has not acknowledged. */
  bytes = 0;
  private queue: Waiting[] = [];
  private scheduled = false;
  private sentAt = -Infinity;

  constructor(
    private readonly hub: Pick<IngressHub, 'send'>,
    private readonly partition: string,
    private readonly pauseMs: number,
    private readonly sizes: Sizes,
  ) {}

  add(record: OutgoingRecord): Promise<void> {
    return new Promise((resolve, reject) => {
      this.queue.push({ ...record, resolve, reject });
      this.bytes += record.line.length;
      if (this.scheduled) return;
      this.scheduled = true;
      const pause = this.sentAt + this.pauseMs - performance.now();
      if (pause > 0) setTimeout(() => void this.flush(), pause);
      // The requests that came in the same turn go together.
      else setImmediate(() => void this.flush());
    });
  }

  /** Sends what waits; what comes meanwhile is the next send's, which need not wait for this one. */
  private async flush(): Promise<void> {
    const records = this.queue;
    this.queue = [];
    this.scheduled = false;
    this.sentAt = performance.now();
    try {
      const packets = packed(records);
      this.sizes.note(packets);
      await this.hub.send(this.partition, packets);
      for (const { resolve } of records) resolve();
    } catch (error) {
      for (const { reject } of records) reject(error);
    } finally {
      for (const { line } of records) this.bytes -= line.length;
    }
  }
}

/** Packets of the records, which keep their order within a data set. */
export function packed(records: readonly OutgoingRecord[]): Packet[] {
  const packets: Packet[] = [];
  const groups = Map.groupBy(records, ({ dataset, schemaVersion }) => `${dataset}\n${schemaVersion}`);
  for (const own of groups.values()) {
    let open: OutgoingRecord[] = [];
    let bytes = 0;
    for (const record of own) {
      const size = Buffer.byteLength(record.line);
      if (open.length > 0 && bytes + size > PACKET_BYTES) {
        packets.push(packetOf(open));
        open = [];
        bytes = 0;
      }
      open.push(record);
      bytes += size;
    }
    packets.push(packetOf(open));
  }
  return packets;
}

function packetOf(records: readonly OutgoingRecord[]): Packet {
  const [first] = records;
  const times = records.map(({ receivedAt }) => receivedAt);
  return {
    body: Buffer.from(records.map(({ line }) => line).join('')),
    properties: {
      dataset: first?.dataset ?? '',
      schemaVersion: first?.schemaVersion ?? '',
      records: records.length,
      from: Math.min(...times),
      to: Math.max(...times),
    },
  };
}
