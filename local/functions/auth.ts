import { hash, timingSafeEqual } from 'node:crypto';

/** The keys of the host: https://learn.microsoft.com/azure/azure-functions/function-keys-how-to */
export interface HostKeys {
  /** Opens everything. */
  master: string;
  /** The default host key: opens every function of level `function`. */
  function: string;
  /** The system key of the Durable extension: opens its management API. */
  system: string;
}

export type AuthLevel = 'anonymous' | 'function' | 'admin' | 'system';

function digest(key: string): Buffer {
  return hash('sha256', key, 'buffer');
}

/** Decides whether a key opens a level. */
export class KeyRing {
  private readonly digests: Record<keyof HostKeys, Buffer>;

  /** `open`: the level `function` needs no key. */
  constructor(
    keys: HostKeys,
    private readonly open = false,
  ) {
    this.digests = {
      master: digest(keys.master),
      function: digest(keys.function),
      system: digest(keys.system),
    };
  }

  /** `header` is `x-functions-key`, which wins over `code` of the query, as on the platform. */
  allows(level: AuthLevel, header: string | undefined, code: string | null): boolean {
    if (level === 'anonymous' || (level === 'function' && this.open)) return true;
    const key = header ?? code;
    if (key === null || key === '') return false;
    const given = digest(key);
    // Digests have one length, so that the time taken says nothing about the key.
    if (timingSafeEqual(this.digests.master, given)) return true;
    return level !== 'admin' && timingSafeEqual(this.digests[level], given);
  }
}
