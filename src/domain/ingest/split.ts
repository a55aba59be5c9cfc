import { keyOf, placeOf } from '../keys';
import type { Chunk, Group } from './batch';
import type { RawRecord } from './framing/raw';

/** Bounds of a split; correctness does not depend on them. */
export interface SplitLimits {
  /** Records of one chunk. */
  readonly chunkRecords: number;
  /** Bytes of one chunk's records. */
  readonly chunkBytes: number;
  /** Records of one group: 99 and its marker fill a transactional batch of 100 operations. */
  readonly groupRecords: number;
  /** Bytes of one group's records and their envelopes: a transactional batch takes 2 MB. */
  readonly groupBytes: number;
  /** Bytes of the records in groups that are not full yet: so much is in memory. */
  readonly openBytes: number;
}

/** What the envelope and the verdict in the marker add to a record at most, but for its key. */
const ENVELOPE_BYTES = 2048;

/** https://learn.microsoft.com/azure/cosmos-db/concepts-limits#per-request-limits: 100 operations, 2 MB. */
export const SPLIT_LIMITS: SplitLimits = {
  chunkRecords: 1000,
  chunkBytes: 8 * 1024 * 1024,
  groupRecords: 99,
  groupBytes: 1_500_000,
  openBytes: 16 * 1024 * 1024,
};

/** A record of a chunk. */
export interface ChunkRecord extends Omit<RawRecord, 'json'> {
  readonly index: number;
  /** Its JSON text, as long as it was not read from a chunk that is stored. */
  readonly json?: string | Buffer;
  /** Number of the group within its chunk. */
  readonly group: number;
}

interface OpenGroup {
  bucket: number;
  bytes: number;
  /** bytes of records and envelopes */
  weight: number;
  records: { index: number; json: string | Buffer; raw: RawRecord }[];
  /** Fingerprints of its keys. */
  prints: number[];
}

/**
 * Cuts a batch into chunks whose groups each hold records of one bucket, so that transactional batches are full.
 * A group is closed when it is full; the chunk takes closed groups in order. Records without a usable key go
 * to bucket 0: validation will quarantine them.
 *
 * The result depends on the records alone, so a second execution makes the same chunks.
 */
export class Splitter {
  private readonly open = new Map<number, OpenGroup>();
  private groups: Group[] = [];
  private records: ChunkRecord[] = [];
  private bytes = 0;
  private openBytes = 0;
  /** By bucket: the fingerprints of keys in groups that are closed. */
  private readonly closed = new Map<number, Set<number>>();
  private readonly repeated = new Set<number>();

  constructor(
    private readonly keyPath: readonly string[],
    private readonly limits: SplitLimits,
    private readonly emit: (chunk: Chunk, records: readonly ChunkRecord[]) => void,
  ) {}

  /**
   * Fingerprints of the keys that occur in more than one group: which of their records is the newest is not to be
   * seen in one group. A few others may be among them, since fingerprints collide.
   */
  get repeatedKeys(): readonly number[] {
    return [...this.repeated];
  }

  add(index: number, raw: RawRecord): void {
    const { record } = raw;
    const json = raw.json ?? JSON.stringify(record);
    const key = keyOf(record, this.keyPath);
    const place = 'key' in key ? placeOf(key.key) : undefined;
    const bucket = place?.bucket ?? 0;
    const size = typeof json === 'string' ? Buffer.byteLength(json) : json.length;
    const weight = size + ENVELOPE_BYTES + ('key' in key ? Buffer.byteLength(JSON.stringify(key.key)) : 0);
    const { groupRecords, groupBytes, openBytes } = this.limits;
    let group = this.open.get(bucket);
    if (group && (group.records.length >= groupRecords || group.weight + weight > groupBytes)) {
      this.close(group);
      group = undefined;
    }
    if (!group) this.open.set(bucket, (group = { bucket, bytes: 0, weight: 0, records: [], prints: [] }));
    group.records.push({ index, json, raw });
    group.bytes += size;
    group.weight += weight;
    if (place) this.look(group, place.fingerprint);
    this.openBytes += size;
    if (this.openBytes > openBytes) this.closeLargest();
  }

  /** Closes every open group, in the order of the buckets, and the last chunk. */
  end(): void {
    for (const group of [...this.open.values()].toSorted((a, b) => a.bucket - b.bucket)) this.close(group);
    this.open.clear();
    this.closeChunk();
  }

  /** Notes a key of an open group, and whether it was in a closed one: a bucket has one open group at a time. */
  private look(group: OpenGroup, print: number): void {
    group.prints.push(print);
    if (this.closed.get(group.bucket)?.has(print)) this.repeated.add(print);
  }

  private closeLargest(): void {
    const [largest] = [...this.open.values()].toSorted((a, b) => b.bytes - a.bytes || a.bucket - b.bucket);
    if (!largest) return;
    this.open.delete(largest.bucket);
    this.close(largest);
  }

  private close(group: OpenGroup): void {
    const { chunkRecords, chunkBytes } = this.limits;
    if (this.records.length + group.records.length > chunkRecords || this.bytes + group.bytes > chunkBytes)
      this.closeChunk();
    const number = this.groups.length;
    for (const { index, json, raw } of group.records)
      this.records.push({ ...raw, index, group: number, json });
    const seen = this.closed.get(group.bucket);
    if (seen) for (const print of group.prints) seen.add(print);
    else this.closed.set(group.bucket, new Set(group.prints));
    this.openBytes -= group.bytes;
    this.groups.push({ bucket: group.bucket, records: group.records.length });
    this.bytes += group.bytes;
  }

  private closeChunk(): void {
    if (this.records.length === 0) return;
    this.emit({ records: this.records.length, bytes: this.bytes, groups: this.groups }, this.records);
    this.groups = [];
    this.records = [];
    this.bytes = 0;
  }
}
