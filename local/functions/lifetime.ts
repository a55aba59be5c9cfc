import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { log } from '../shared/log';

/** Pause before the first repetition of something that failed (ms); each further one is twice as long. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 30_000;

/** A store that does not answer is asked again after at most so long (ms): it may be back at any moment. */
export const LONGEST_STORE_PAUSE_MS = 2_000;

/** How long something that does work goes on: its pauses end early when it is stopped. */
export class Lifetime {
  private readonly controller = new AbortController();
  /** Aborted when this lifetime ends, or the one it is part of. */
  readonly signal: AbortSignal;

  constructor(within?: Lifetime) {
    const own = this.controller.signal;
    this.signal = within ? AbortSignal.any([own, within.signal]) : own;
    // One pause for each partition, and any number of partitions.
    setMaxListeners(0, this.signal);
  }

  get stopped(): boolean {
    return this.signal.aborted;
  }

  stop(): void {
    this.controller.abort();
  }

  /** Resolves after `ms`, or at once when it is stopped. */
  async pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.signal }).catch(() => undefined);
  }
}

/** Waits for the end of something that cannot fail the caller, but for at most so long (ms). */
export async function atMost(ms: number, ending: Promise<unknown>): Promise<void> {
  await Promise.race([ending.catch(() => undefined), delay(ms, undefined, { ref: false })]);
}

/** The pause before something that has failed so many times in a row is tried again (ms). */
export function pauseAfter(failures: number, longestMs = LONGEST_PAUSE_MS): number {
  return Math.min(longestMs, FIRST_PAUSE_MS * 2 ** Math.min(failures - 1, 20));
}

/** Says once that a listener cannot reach its store, and once that it can again, whatever its partitions do. */
export class Outage {
  private readonly failing = new Set<string>();

  constructor(private readonly what: string) {}

  /** `key` names what failed: a partition, or another step. */
  failed(key: string, error: unknown): void {
    if (this.failing.size === 0) log('functions', `${this.what} waits: ${firstLine(error)}`);
    this.failing.add(key);
  }

  recovered(key: string): void {
    if (this.failing.delete(key) && this.failing.size === 0) {
      log('functions', `${this.what} goes on`);
    }
  }
}

function firstLine(error: unknown): string {
  const { message, code } = error as { message?: unknown; code?: unknown };
  const text = typeof message === 'string' && message !== '' ? message : String(code ?? error);
  return text.split('\n')[0] ?? '';
}
