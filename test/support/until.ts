import { setTimeout as sleep } from 'node:timers/promises';

const PATIENCE_MS = 120_000;

/** Waits for a condition of another process that sends no event; gives up, so that a test that failed comes to its end. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`It has not come about: ${condition.toString()}`);
    await sleep(20);
  }
}
