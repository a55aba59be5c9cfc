import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

/**
 * The function key of the local cloud whose state lies in `stateDir`, from its `keys.json` (`local/README.md`).
 * Undefined when there is none, and for an address that is not on this machine: the key is for nobody else.
 */
export function localKey(url: string, stateDir: string): string | undefined {
  if (!URL.canParse(url) || !LOOPBACK.has(new URL(url).hostname)) return undefined;
  try {
    const file = JSON.parse(readFileSync(join(stateDir, 'keys.json'), 'utf8')) as {
      keys?: { functions?: { function?: unknown } };
    };
    const key = file.keys?.functions?.function;
    return typeof key === 'string' ? key : undefined;
  } catch {
    return undefined;
  }
}
