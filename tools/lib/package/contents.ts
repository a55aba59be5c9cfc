import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** A file of the package: its name there, with `/`, and where it lies. */
export interface PackedFile {
  readonly name: string;
  readonly path: string;
}

/** What `package-lock.json` tells of a folder of `node_modules` (https://docs.npmjs.com/cli/configuring-npm/package-lock-json). */
interface LockedPackage {
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly optional?: boolean;
}

/** What is deployed of the app itself. */
const OWN = ['dist', 'schemas', 'host.json'] as const;

/** Nobody reads them there: types, maps of sources, what compilers remember, and prose but for the licences. */
const LEFT_OUT = /\.(d\.[cm]?ts|map|tsbuildinfo|md|markdown)$/i;
const LICENCE = /licen[cs]e|copying|notice/i;

/**
 * The files that are deployed beside `package.json`: the built app, and the packages that it depends on when it runs, as
 * they are installed.
 * @throws when the app is not built or a package is not installed
 */
export function packageContents(appDir: string): PackedFile[] {
  const lock = JSON.parse(readFileSync(join(appDir, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, LockedPackage>>;
  };
  const packages = Object.entries(lock.packages)
    .filter(([folder, { dev, devOptional }]) => folder !== '' && !dev && !devOptional)
    .filter(([folder, { optional }]) => !optional || isThere(join(appDir, folder)))
    .map(([folder]) => folder);
  return [...OWN, ...packages]
    .flatMap((name) => [...filesOf(appDir, name)])
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** The manifest as it is deployed: nothing is built or tested there. */
export function packageManifest(appDir: string): string {
  const {
    scripts: _scripts,
    devDependencies: _dev,
    ...manifest
  } = JSON.parse(readFileSync(join(appDir, 'package.json'), 'utf8')) as Record<string, unknown>;
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

/** Packages that lie within a package are entries of the lock themselves. */
function* filesOf(appDir: string, name: string): Generator<PackedFile> {
  const path = join(appDir, name);
  if (!statSync(path).isDirectory()) {
    yield { name, path };
    return;
  }
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.name === 'node_modules') continue;
    const inner = `${name}/${entry.name}`;
    if (entry.isDirectory()) yield* filesOf(appDir, inner);
    else if (entry.isFile() && (!LEFT_OUT.test(entry.name) || LICENCE.test(entry.name)))
      yield { name: inner, path: join(appDir, inner) };
  }
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
