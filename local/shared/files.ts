import { closeSync, fsyncSync, mkdirSync, openSync, statSync } from 'node:fs';
import { open, readdir, rename, unlink, type FileHandle } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

/**
 * The one door through which the endpoints write plain files, so that durability can be tested.
 *
 * `kill -9` leaves the page cache alive and therefore cannot show a missing fsync. {@link powerLossFiles}
 * can: it keeps in memory what was written but not synced, so that killing the process loses exactly what
 * a power cut could lose.
 */
export interface Files {
  /** Opens a file for reading and writing; creates it when missing. A new file is durable only after {@link syncFolder}. */
  open(path: string): Promise<DurableFile>;
  /** fsync of a folder: makes the creation and removal of its files durable. */
  syncFolder(path: string): Promise<void>;
  /** Removes a file; a missing one is no error. */
  remove(path: string): Promise<void>;
}

export interface DurableFile {
  /** Writes the buffers one after the other from `position` (bytes). Not durable before {@link datasync}. */
  write(buffers: readonly Uint8Array[], position: number): Promise<void>;
  /** fdatasync: everything written before the call is durable when it resolves. */
  datasync(): Promise<void>;
  /** Reads up to `length` bytes at `position`; the result is shorter at the end of the file. Only synced bytes may be read. */
  read(length: number, position: number): Promise<Buffer>;
  /** Cuts the file to `size` bytes; durable after {@link datasync}. */
  truncate(size: number): Promise<void>;
  /** Size in bytes, counting only what was synced. */
  size(): Promise<number>;
  close(): Promise<void>;
}

/** The storage refused a write because no space is left; nothing of the operation was acknowledged. */
export class DiskFullError extends Error {
  readonly code = 'ENOSPC';
}

/** Whether an error of the file system or of SQLite says that the disk is full. */
export function isDiskFull(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const { code, errcode } = error as { code?: unknown; errcode?: unknown };
  return code === 'ENOSPC' || code === 'EDQUOT' || errcode === 13; // 13 = SQLITE_FULL
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r+');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return open(path, 'wx+');
  }
}

async function writeAll(handle: FileHandle, buffers: readonly Uint8Array[], position: number): Promise<void> {
  let total = 0;
  for (const buffer of buffers) total += buffer.byteLength;
  const { bytesWritten } = await handle.writev(buffers as Uint8Array[], position);
  if (bytesWritten < total) {
    // A short write happens when the disk fills up in the middle: the rest is written alone so that the cause surfaces.
    const rest = Buffer.concat(buffers).subarray(bytesWritten);
    await writeAll(handle, [rest], position + bytesWritten);
  }
}

async function readAt(handle: FileHandle, length: number, position: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function remove(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** The real file system. */
export const realFiles: Files = {
  async open(path) {
    const handle = await openFile(path);
    return {
      write: (buffers, position) => writeAll(handle, buffers, position),
      datasync: () => handle.datasync(),
      read: (length, position) => readAt(handle, length, position),
      truncate: (size) => handle.truncate(size),
      size: async () => (await handle.stat()).size,
      close: () => handle.close(),
    };
  },
  syncFolder,
  remove,
};

const UNSYNCED = '.unsynced';

/**
 * Power loss mode: writes reach the file at {@link DurableFile.datasync}, a new file gets its name at
 * {@link Files.syncFolder}. A process killed at any moment then leaves what a power cut may leave at worst.
 */
export function powerLossFiles(): Files {
  const unnamed = new Set<string>();
  return {
    async open(path) {
      const target = resolve(path);
      const exists = await open(target, 'r+').catch(() => undefined);
      if (!exists) unnamed.add(target);
      const handle = exists ?? (await open(target + UNSYNCED, 'w+'));
      let pending: (() => Promise<void>)[] = [];
      return {
        write: async (buffers, position) => {
          const copies = buffers.map((buffer) => Buffer.from(buffer));
          pending.push(() => writeAll(handle, copies, position));
        },
        datasync: async () => {
          const due = pending;
          pending = [];
          for (const apply of due) await apply();
        },
        read: (length, position) => readAt(handle, length, position),
        truncate: async (size) => {
          pending.push(() => handle.truncate(size));
        },
        size: async () => (await handle.stat()).size,
        close: () => handle.close(),
      };
    },
    async syncFolder(path) {
      const folder = resolve(path);
      for (const name of await readdir(folder)) {
        const target = join(folder, name.slice(0, -UNSYNCED.length));
        if (!name.endsWith(UNSYNCED) || !unnamed.delete(target)) continue;
        await rename(join(folder, name), target);
      }
    },
    async remove(path) {
      const target = resolve(path);
      await remove(unnamed.delete(target) ? target + UNSYNCED : target);
    },
  };
}

/** Chooses the file layer of a child process: `HEADWATER_POWER_LOSS=1` (tests only) selects {@link powerLossFiles}. */
export function filesFromEnvironment(env: NodeJS.ProcessEnv = process.env): Files {
  return env['HEADWATER_POWER_LOSS'] === '1' ? powerLossFiles() : realFiles;
}

/**
 * Makes a folder, for its owner only, and those above it that are missing. Each is durable under its name before
 * anything is put into it: a file that is synced is lost all the same when the name of its folder is.
 */
export function makeFolderDurably(path: string): void {
  const folder = resolve(path);
  const above = dirname(folder);
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    makeFolderDurably(above);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }
  // Also when it was there: whoever made it may have been killed before this.
  syncNow(above);
}

/** Makes durable what a killed process has written to a file and not synced, and the file's name; a missing file is no error. */
export function syncLeftovers(path: string): void {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return;
  syncNow(path);
  syncNow(dirname(path));
}

/** fsync of a file or a folder. */
function syncNow(path: string): void {
  let handle: number;
  try {
    handle = openSync(path, 'r');
  } catch (error) {
    // A folder in which names may be used but not read is somebody else's, and was there before.
    if ((error as NodeJS.ErrnoException).code === 'EACCES') return;
    throw error;
  }
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Writes a new file so that it is durable under its name when the promise resolves. */
export async function writeFileDurably(
  files: Files,
  path: string,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<number> {
  const file = await files.open(path);
  let size = 0;
  try {
    for await (const chunk of chunks) {
      await file.write([chunk], size);
      size += chunk.byteLength;
    }
    await file.datasync();
  } finally {
    await file.close();
  }
  await files.syncFolder(dirname(path));
  return size;
}
