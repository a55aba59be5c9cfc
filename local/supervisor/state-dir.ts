import { chmodSync, lstatSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { makeFolderDurably } from '../shared/files';
import { KEYS_FILE, readKeys } from './keys';
import { LOCK_FILES } from './lock';

/** The folders of the services within a state folder. */
export const SERVICES = ['blob', 'eventhubs', 'cosmos', 'functions'] as const;
export type ServiceName = (typeof SERVICES)[number];

const OWN_NAMES: ReadonlySet<string> = new Set([KEYS_FILE, `${KEYS_FILE}.new`, ...LOCK_FILES, ...SERVICES]);

/**
 * Makes the state folder, for its owner only.
 * @throws when something else lies there: a file, or a folder with other content and no keys of ours.
 */
export function prepareStateDir(path: string): string {
  const stateDir = resolve(path);
  makeFolderDurably(stateDir);
  const foreign = readdirSync(stateDir).filter((name) => !OWN_NAMES.has(name));
  if (foreign.length > 0 && !readKeys(stateDir)) {
    throw new Error(
      `${stateDir} is not empty and holds no local cloud. Choose another folder for the state.`,
    );
  }
  if ((statSync(stateDir).mode & 0o077) !== 0) chmodSync(stateDir, 0o700);
  return stateDir;
}

/**
 * Removes everything of an earlier local cloud; the lock must be held. Links are removed, never followed.
 * @throws when the folder itself is a link or does not look like ours.
 */
export function clearStateDir(stateDir: string): void {
  if (lstatSync(stateDir).isSymbolicLink()) {
    throw new Error(`${stateDir} is a symbolic link: its target is not cleared.`);
  }
  const names = readdirSync(stateDir).filter((name) => !LOCK_FILES.includes(name));
  if (names.some((name) => SERVICES.includes(name as ServiceName)) && !readKeys(stateDir)) {
    throw new Error(
      `${stateDir} has no ${KEYS_FILE}: it does not look like a local cloud and is not cleared.`,
    );
  }
  // The marker goes last, so that a clearing that was interrupted can be repeated.
  for (const name of [...SERVICES, `${KEYS_FILE}.new`, KEYS_FILE]) {
    rmSync(join(stateDir, name), { recursive: true, force: true });
  }
}
