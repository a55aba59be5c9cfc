import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { DurableFile, Files } from '../shared/files';
import { writeUint64 } from './event';
import { readUint64 } from './record';

const NAME = 'acknowledged';
const BYTES = 12;

/**
 * Notes in a small file up to where events were acknowledged, so that damage to the newest ones can be told
 * from a torn write. It is only evidence: written after the sync and not synced itself, it never runs ahead.
 */
export class AcknowledgedMark {
  private writing = false;
  private wanted: number | undefined;

  private constructor(
    private readonly file: DurableFile,
    readonly recovered: number,
  ) {}

  static async open(folder: string, files: Files): Promise<AcknowledgedMark> {
    const file = await files.open(join(folder, NAME));
    await files.syncFolder(folder);
    const bytes = await file.read(BYTES, 0);
    const isWhole = bytes.length === BYTES && crc32(bytes.subarray(0, 8)) === bytes.readUInt32BE(8);
    return new AcknowledgedMark(file, isWhole ? readUint64(bytes, 0) : 0);
  }

  /** Notes a logical offset in the background. A failure only leaves the mark behind. */
  note(offset: number): void {
    this.wanted = offset;
    if (this.writing) return;
    this.writing = true;
    void this.write();
  }

  private async write(): Promise<void> {
    while (this.wanted !== undefined) {
      const offset = this.wanted;
      this.wanted = undefined;
      await this.file.write([encode(offset)], 0).catch(() => undefined);
    }
    this.writing = false;
  }

  /** Closes the file as it is. */
  abandon(): Promise<void> {
    return this.file.close();
  }

  /** Writes and syncs the last mark. */
  async close(offset: number): Promise<void> {
    this.wanted = undefined;
    try {
      await this.file.write([encode(offset)], 0);
      await this.file.datasync();
    } catch {
      // Without space the older mark stays, which says less and nothing wrong.
    } finally {
      await this.file.close();
    }
  }
}

function encode(offset: number): Buffer {
  const bytes = Buffer.alloc(BYTES);
  writeUint64(bytes, offset, 0);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 8)), 8);
  return bytes;
}
