import { createHash } from 'node:crypto';
import { globSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, extname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** More files than this are not looked at to tell one build from another. */
const MAX_BUILD_FILES = 5_000;
const CODE = new Set(['.js', '.cjs', '.mjs', '.json']);

/**
 * The files that `package.json#main` names; the platform takes a path or a glob
 * (https://learn.microsoft.com/azure/azure-functions/functions-reference-node#registering-a-function).
 * @throws when there is no package.json, no `main`, or no such file.
 */
export function appEntries(appDir: string): string[] {
  const manifest = join(appDir, 'package.json');
  const { main } = JSON.parse(readFileSync(manifest, 'utf8')) as { main?: unknown };
  if (typeof main !== 'string' || main === '') throw new Error(`${manifest} has no "main".`);
  const files = globSync(main, { cwd: appDir }).sort();
  if (files.length === 0) {
    throw new Error(`No file matches "main" of ${manifest}: ${main}. Has the app been built?`);
  }
  return files.map((file) => resolve(appDir, file));
}

/** Changes whenever the code of the app may have: names, sizes and times of the files beside its entries. */
export function buildIdentity(appDir: string, entries: readonly string[]): string {
  const hash = createHash('sha256');
  let left = MAX_BUILD_FILES;
  const visit = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        if (entry.name !== 'node_modules' && !entry.name.startsWith('.')) visit(path);
      } else if (CODE.has(extname(entry.name)) && left-- > 0) {
        const { size, mtimeMs } = statSync(path);
        hash.update(`${relative(appDir, path)}:${size}:${mtimeMs}\n`);
      }
    }
  };
  for (const folder of new Set(entries.map((entry) => dirname(entry)))) visit(folder);
  return hash.digest('hex');
}

/** Loads one file of the app, CommonJS or ES module. */
export async function loadEntry(file: string): Promise<void> {
  if (file.endsWith('.mjs')) {
    await import(pathToFileURL(file).href);
    return;
  }
  try {
    // The app is found at run time; `require` goes through the patched module loader.
    require(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ERR_REQUIRE_ESM' && code !== 'ERR_REQUIRE_ASYNC_MODULE') throw error;
    await import(pathToFileURL(file).href);
  }
}
