import { stampToMillis, type Clock } from './clock';
import { timerFired } from './history';
import type { Incoming, Instance } from './instance';
import type { TimerTask } from './tasks';

/** The longest that `setTimeout` can wait is 2^31 - 1 ms (https://nodejs.org/api/timers.html). */
const LONGEST_WAIT_MS = 2 ** 31 - 1;
const SECOND_MS = 1_000;

/**
 * How long the platform lets a timer wait, in milliseconds. Its queue knows whole seconds only, and it rounds down:
 * a timer fires up to a second early, and one under a second at once. The legs of a long timer are not rounded,
 * since the SDK would go on creating timers of less than a second until the time has come.
 */
export function waitMillis(fireAt: number, hop: boolean, now: number): number {
  const wait = Math.max(0, fireAt - now);
  return hop ? wait : Math.floor(wait / SECOND_MS) * SECOND_MS;
}

export class Timers {
  constructor(
    private readonly clock: Clock,
    private readonly onFired: (instance: Instance, incoming: Incoming) => void,
  ) {}

  arm(instance: Instance, task: TimerTask): void {
    const due = this.clock.millis() + waitMillis(stampToMillis(task.fireAt), task.hop, this.clock.millis());
    this.wait(instance, task, due);
  }

  private wait(instance: Instance, task: TimerTask, due: number): void {
    task.handle = setTimeout(
      () => {
        if (instance.closed || task.completed) return;
        if (this.clock.millis() < due - SECOND_MS) this.wait(instance, task, due);
        else this.fire(instance, task);
      },
      Math.min(Math.max(0, due - this.clock.millis()), LONGEST_WAIT_MS),
    );
  }

  private fire(instance: Instance, task: TimerTask): void {
    task.completed = true;
    this.onFired(instance, { event: timerFired(task.id, task.fireAt, task.created), task });
  }
}
