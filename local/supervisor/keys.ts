import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { realFiles } from '../shared/files';
import { log } from '../shared/log';

/** Everything secret of one local cloud; made once per state folder. */
export interface Keys {
  functions: { master: string; function: string; system: string };
  blob: { account: string; key: string };
  eventhubs: { keyName: string; key: string };
  cosmos: { key: string };
}

export const KEYS_FILE = 'keys.json';
/** Says that a folder is a local cloud's state and may be cleared. */
const MARKER = 'headwater-local-cloud';
const OWNER_ONLY = 0o600;

const ACCOUNT = 'headwater';
const KEY_NAME = 'RootManageSharedAccessKey';

/** Reads the keys of a state folder, and makes them when it has none yet. @throws when the file is damaged. */
export async function loadKeys(stateDir: string): Promise<Keys> {
  const keys = readKeys(stateDir);
  if (!keys) return createKeys(stateDir);
  // Whoever made them may have been killed before their name was durable.
  await realFiles.syncFolder(stateDir);
  return keys;
}

/** The keys of a state folder, or undefined when it has none. @throws when the file is not ours or damaged. */
export function readKeys(stateDir: string): Keys | undefined {
  const file = join(stateDir, KEYS_FILE);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const keys = parseKeys(text);
  if (!keys) throw new Error(`${file} is damaged or not a key file of the local cloud.`);
  if ((statSync(file).mode & 0o077) !== 0) {
    log('supervisor', `${file} was readable by others: its mode is set to 600`);
    chmodSync(file, OWNER_ONLY);
  }
  return keys;
}

function parseKeys(text: string): Keys | undefined {
  try {
    const { kind, keys } = JSON.parse(text) as { kind?: unknown; keys?: Partial<Keys> };
    const all = [
      keys?.functions?.master,
      keys?.functions?.function,
      keys?.functions?.system,
      keys?.blob?.account,
      keys?.blob?.key,
      keys?.eventhubs?.keyName,
      keys?.eventhubs?.key,
      keys?.cosmos?.key,
    ];
    const complete = kind === MARKER && all.every((key) => typeof key === 'string' && key !== '');
    return complete ? (keys as Keys) : undefined;
  } catch {
    return undefined;
  }
}

async function createKeys(stateDir: string): Promise<Keys> {
  const secret = (bytes: number, encoding: 'base64' | 'base64url'): string =>
    randomBytes(bytes).toString(encoding);
  const keys: Keys = {
    functions: {
      master: secret(40, 'base64url'),
      function: secret(40, 'base64url'),
      system: secret(40, 'base64url'),
    },
    blob: { account: ACCOUNT, key: secret(64, 'base64') },
    eventhubs: { keyName: KEY_NAME, key: secret(32, 'base64') },
    cosmos: { key: secret(64, 'base64') },
  };
  const file = join(stateDir, KEYS_FILE);
  const draft = `${file}.new`;
  const handle = openSync(draft, 'w', OWNER_ONLY);
  try {
    writeSync(handle, `${JSON.stringify({ kind: MARKER, version: 1, keys }, null, 2)}\n`);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(draft, file);
  await realFiles.syncFolder(stateDir);
  return keys;
}
