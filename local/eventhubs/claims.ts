import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { type Files, writeFileDurably } from '../shared/files';
import { CorruptSegmentError } from './segment';

/** An owner level that a producer group was given, before an event of that level is in the log. */
export interface StoredClaim {
  readonly group: number;
  readonly level: number;
  /** The number after which the events of this level begin. */
  readonly last: number;
  /** When it was claimed, in milliseconds since the epoch. */
  readonly time: number;
}

const NAME = /^producers\.(\d{1,15})$/;

/**
 * The claims of a partition that its log does not show yet, in a file that is replaced as a whole: the next one is
 * durable before the one before it is removed.
 */
export class ClaimFile {
  private constructor(
    private readonly folder: string,
    private readonly files: Files,
    private generation: number,
    readonly recovered: readonly StoredClaim[],
  ) {}

  /** @throws {CorruptSegmentError} when the file is damaged. */
  static async open(folder: string, files: Files): Promise<ClaimFile> {
    const matches = (await readdir(folder)).map((name) => NAME.exec(name)?.[1]);
    const generations = matches
      .filter((digits) => digits !== undefined)
      .map(Number)
      .sort((a, b) => b - a);
    for (const generation of generations) {
      const claims = decode(await readFile(join(folder, nameOf(generation))));
      if (!claims) continue;
      // A killed process may not have synced it, and it counts from now on.
      await sync(join(folder, nameOf(generation)), files);
      for (const old of generations) if (old < generation) await files.remove(join(folder, nameOf(old)));
      return new ClaimFile(folder, files, generation, claims);
    }
    const [newest] = generations;
    // The first file may have been cut short by a crash; every later one replaced one that was whole.
    if (newest !== undefined && newest > 1) {
      throw new CorruptSegmentError(join(folder, nameOf(newest)), 0, 'it does not match its checksum');
    }
    return new ClaimFile(folder, files, 0, []);
  }

  /** Replaces the stored claims. They are durable when the promise resolves; otherwise the old ones hold. */
  async write(claims: readonly StoredClaim[]): Promise<void> {
    const path = join(this.folder, nameOf(this.generation + 1));
    // A write that failed may have left one.
    await this.files.remove(path);
    await writeFileDurably(this.files, path, [encode(claims)]);
    const before = join(this.folder, nameOf(this.generation));
    this.generation += 1;
    // One that stays is removed at the next start.
    await this.files.remove(before).catch(() => undefined);
  }
}

async function sync(path: string, files: Files): Promise<void> {
  const file = await files.open(path);
  try {
    await file.datasync();
  } finally {
    await file.close();
  }
}

function nameOf(generation: number): string {
  return `producers.${generation}`;
}

function encode(claims: readonly StoredClaim[]): Buffer {
  const body = Buffer.from(JSON.stringify(claims));
  const head = Buffer.alloc(4);
  head.writeUInt32BE(crc32(body));
  return Buffer.concat([head, body]);
}

function decode(bytes: Buffer): readonly StoredClaim[] | undefined {
  if (bytes.length < 4 || crc32(bytes.subarray(4)) !== bytes.readUInt32BE(0)) return undefined;
  return JSON.parse(bytes.toString('utf8', 4)) as StoredClaim[];
}
