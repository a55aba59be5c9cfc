import { performance } from 'node:perf_hooks';

/** How long (ms) work goes on without a pause: requests that wait for the door are to be answered soon. */
const TURN_MS = 4;

/** Long work of one process in turns: between two of them whoever else waits is served. */
export class Turns {
  private begun = performance.now();

  /** Whether it is time to let others have theirs. */
  get isOver(): boolean {
    return performance.now() - this.begun >= TURN_MS;
  }

  /** Resolves when they have had it. */
  async next(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.begun = performance.now();
  }
}
