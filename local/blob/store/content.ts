import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Files } from '../../shared/files';
import { Checksums, checksumsOf, type ContentChecksums } from '../checksum';
import { INLINE_CONTENT_SIZE } from '../limits';
import type { RequestBody } from '../protocol';

/** Bytes gathered before a write, and read at once. Two of them are in memory per transfer. */
const PIECE_SIZE = 1024 * 1024;

/** Content of a request, durable when it is in a file, and not yet part of any blob. */
export type Received = {
  readonly size: number;
  readonly checksums: ContentChecksums;
} & ({ readonly data: Buffer } | { readonly file: string });

/** The folder with the content that is too large for the database: one file a segment, never changed. */
export class ContentFolder {
  private syncing: Promise<void> | undefined;
  private nextSync: Promise<void> | undefined;

  constructor(
    private readonly files: Files,
    private readonly path: string,
  ) {}

  /** Creates the folder and removes files that no segment knows: traces of requests that were never acknowledged. */
  async prepare(known: Iterable<string>): Promise<void> {
    mkdirSync(this.path, { recursive: true, mode: 0o700 });
    for (const folder of [dirname(dirname(this.path)), dirname(this.path)])
      await this.files.syncFolder(folder);
    const keep = new Set(known);
    for (const name of await readdir(this.path)) {
      if (!keep.has(name)) await this.files.remove(join(this.path, name));
    }
  }

  /** Takes in a body of `size` bytes. Small content stays in memory; larger is on disk, synced, when this resolves. */
  async receive(body: RequestBody, size: number, withCrc64: boolean): Promise<Received> {
    if (size <= INLINE_CONTENT_SIZE) {
      const data = await body.readAll(size);
      return { size: data.byteLength, data, checksums: checksumsOf(data, withCrc64) };
    }
    const name = randomUUID();
    const checksums = new Checksums(withCrc64);
    try {
      const written = await this.writeFile(join(this.path, name), body, checksums);
      await this.sync();
      return { size: written, file: name, checksums: checksums.digest() };
    } catch (error) {
      await this.discard([name]);
      throw error;
    }
  }

  private async writeFile(path: string, body: RequestBody, checksums: Checksums): Promise<number> {
    const file = await this.files.open(path);
    let writing: Promise<void> = Promise.resolve();
    try {
      let position = 0;
      let gathered: Buffer[] = [];
      let gatheredSize = 0;
      // One write is under way while the next piece is gathered and hashed.
      const write = async (): Promise<void> => {
        await writing;
        writing = file.write(gathered, position);
        writing.catch(() => undefined); // It is awaited below; until then it must not count as unhandled.
        position += gatheredSize;
        gathered = [];
        gatheredSize = 0;
      };
      for await (const chunk of body.chunks()) {
        checksums.update(chunk);
        gathered.push(chunk);
        gatheredSize += chunk.byteLength;
        if (gatheredSize >= PIECE_SIZE) await write();
      }
      if (gatheredSize > 0) await write();
      await writing;
      await file.datasync();
      return position;
    } finally {
      await writing.catch(() => undefined);
      await file.close();
    }
  }

  /** Removes files that no row names. A failure is harmless: the next start removes them. */
  async discard(names: readonly string[]): Promise<void> {
    for (const name of names) await this.files.remove(join(this.path, name)).catch(() => undefined);
  }

  /**
   * Checks that a file is whole.
   * @throws when it is missing or of another size.
   */
  async verify(name: string, size: number): Promise<void> {
    const handle = await open(join(this.path, name), 'r');
    try {
      const actual = (await handle.stat()).size;
      if (actual !== size) throw new Error(`Content file ${name} has ${actual} bytes instead of ${size}.`);
    } finally {
      await handle.close();
    }
  }

  /**
   * Reads a part of a file in pieces.
   * @throws when the file ends too early.
   */
  async *read(name: string, size: number, offset: number, length: number): AsyncGenerator<Buffer> {
    const handle = await open(join(this.path, name), 'r');
    try {
      const actual = (await handle.stat()).size;
      if (actual !== size) throw new Error(`Content file ${name} has ${actual} bytes instead of ${size}.`);
      for (let done = 0; done < length;) {
        const piece = Buffer.allocUnsafe(Math.min(PIECE_SIZE, length - done));
        const { bytesRead } = await handle.read(piece, 0, piece.byteLength, offset + done);
        if (bytesRead === 0) throw new Error(`Content file ${name} ends before byte ${offset + length}.`);
        done += bytesRead;
        yield piece.subarray(0, bytesRead);
      }
    } finally {
      await handle.close();
    }
  }

  /** Makes new names durable; those who ask while a sync is running share the next one. */
  private sync(): Promise<void> {
    if (!this.syncing) {
      this.syncing = this.files.syncFolder(this.path).finally(() => {
        this.syncing = undefined;
      });
      return this.syncing;
    }
    this.nextSync ??= this.syncing
      .catch(() => undefined)
      .then(() => {
        this.nextSync = undefined;
        return this.sync();
      });
    return this.nextSync;
  }
}
