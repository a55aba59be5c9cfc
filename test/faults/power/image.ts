import { lstat, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ImageEntry } from './disk';

/** Writes what an image holds into a folder that is there. */
export async function writeImage(entries: readonly ImageEntry[], folder: string): Promise<void> {
  for (const entry of entries) {
    const path = join(folder, entry.path);
    await (entry.kind === 'folder' ? mkdir(path) : writeFile(path, entry.bytes));
  }
}

/** What a folder holds. */
export async function readImage(folder: string): Promise<ImageEntry[]> {
  const names = await readdir(folder, { recursive: true });
  return Promise.all(
    // Folders come before what is in them.
    names.sort().map(async (path): Promise<ImageEntry> => {
      const isFolder = (await lstat(join(folder, path))).isDirectory();
      if (isFolder) return { kind: 'folder', path };
      return { kind: 'file', path, bytes: await readFile(join(folder, path)) };
    }),
  );
}

/** The paths at which two images differ. */
export function differences(one: readonly ImageEntry[], other: readonly ImageEntry[]): string[] {
  const others = new Map(other.map((entry) => [entry.path, entry]));
  const paths = new Set(one.map(({ path }) => path));
  const isSame = (entry: ImageEntry): boolean => {
    const same = others.get(entry.path);
    if (entry.kind === 'folder' || same?.kind !== 'file') return entry.kind === same?.kind;
    return entry.bytes.equals(same.bytes);
  };
  return [
    ...one.filter((entry) => !isSame(entry)).map(({ path }) => path),
    ...[...others.keys()].filter((path) => !paths.has(path)),
  ];
}
