import { setTimeout as sleep } from 'node:timers/promises';

/** Time and chance, which tests put in themselves. */
export interface Surroundings {
  /** ms since the epoch */
  now(): number;
  /** Resolves after so many ms, or as soon as the signal aborts. */
  delay(ms: number, signal?: AbortSignal): Promise<void>;
  /** Uniform in [0, 1). */
  random(): number;
}

export const SURROUNDINGS: Surroundings = {
  now: () => Date.now(),
  delay: (ms, signal) => sleep(ms, undefined, signal ? { signal } : {}).catch(() => undefined),
  random: () => Math.random(),
};

/** So many may be under way; the others come in the order in which they asked. */
export class Slots {
  private readonly waiting: (() => void)[] = [];

  constructor(private free: number) {}

  async take(): Promise<void> {
    if (this.free > 0) this.free--;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  give(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.free++;
  }
}
