import type { ContentFolder } from './content';
import type { Segments } from './segments';
import type { Part } from './records';

/** Bytes of a file read into one buffer instead of piece by piece. */
const WHOLE_READ_SIZE = 1024 * 1024;

interface Slice {
  readonly segment: number;
  readonly size: number;
  readonly offset: number;
  readonly length: number;
}

/** The slices of a blob's parts that make up `length` bytes from `offset` on. */
export function slicesOf(parts: readonly Part[], offset: number, length: number): Slice[] {
  const slices: Slice[] = [];
  let start = 0;
  for (const [segment, size] of parts) {
    const from = Math.max(offset, start);
    const until = Math.min(offset + length, start + size);
    if (from < until) slices.push({ segment, size, offset: from - start, length: until - from });
    start += size;
  }
  return slices;
}

/**
 * A range of a blob's content on its way to the client. The segments are pinned while it is open, so a blob that is
 * replaced or deleted meanwhile is still read to its end.
 */
export class ContentReader {
  private readonly pinned: readonly number[];
  private closed = false;

  /** Must be made in the turn in which the parts were read. `onReleased`: a segment lost its last owner meanwhile. */
  constructor(
    private readonly segments: Segments,
    private readonly folder: ContentFolder,
    private readonly slices: readonly Slice[],
    readonly length: number,
    private readonly onReleased: () => void,
  ) {
    this.pinned = slices.map(({ segment }) => segment);
    segments.pin(this.pinned);
  }

  /** Content that the database holds as one piece: the answer to most reads, without a turn of the loop. */
  static inline(segments: Segments, slices: readonly Slice[]): Uint8Array | undefined {
    const [only, more] = slices;
    if (!only) return new Uint8Array(0);
    if (more) return undefined;
    const content = segments.content(only.segment, only.size);
    return 'data' in content ? content.data.subarray(only.offset, only.offset + only.length) : undefined;
  }

  /**
   * Checks that every piece is there and whole, so that an answer that has begun will be complete.
   * @throws when the store is damaged.
   */
  async verify(): Promise<void> {
    for (const slice of this.slices) {
      const content = this.segments.content(slice.segment, slice.size);
      if ('file' in content) await this.folder.verify(content.file, slice.size);
    }
  }

  /** The bytes, in pieces. @throws when the store is damaged. */
  async *pieces(): AsyncGenerator<Uint8Array> {
    for (const slice of this.slices) {
      const content = this.segments.content(slice.segment, slice.size);
      if ('data' in content) yield content.data.subarray(slice.offset, slice.offset + slice.length);
      else yield* this.folder.read(content.file, slice.size, slice.offset, slice.length);
    }
  }

  /** The bytes in one buffer; for short ranges. */
  async readAll(): Promise<Buffer> {
    const pieces: Uint8Array[] = [];
    for await (const piece of this.pieces()) pieces.push(piece);
    return pieces.length === 1 && Buffer.isBuffer(pieces[0]) ? pieces[0] : Buffer.concat(pieces);
  }

  get isShort(): boolean {
    return this.length <= WHOLE_READ_SIZE;
  }

  /** Lets go of the segments. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    if (this.segments.unpin(this.pinned)) this.onReleased();
  }
}
