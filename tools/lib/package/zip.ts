import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { zipSync } from 'fflate';
import { packageContents, packageManifest } from './contents';

/** The earliest that a zip can tell: the same files give the same zip, whenever it is made. */
const TIME = new Date(1980, 0, 1);

/**
 * Writes the app's deployment package.
 * @returns the number of files, and the bytes of the zip
 * @throws when the app is not built, or a package is not installed
 */
export function writePackage(appDir: string, file: string): { files: number; bytes: number } {
  const contents = packageContents(appDir).map(({ name, path }) => [name, readFileSync(path)] as const);
  const manifest = ['package.json', Buffer.from(packageManifest(appDir))] as const;
  const zip = zipSync(Object.fromEntries([manifest, ...contents]), { mtime: TIME });
  // Whole or not at all.
  writeFileSync(`${file}.new`, zip);
  renameSync(`${file}.new`, file);
  return { files: contents.length + 1, bytes: zip.length };
}
