import type { Clock } from './clock';
import { failureDetails, taskCompleted, taskFailed } from './history';
import type { Incoming, Instance } from './instance';
import type { ActivityReply, Runner } from './runner';
import type { ActivityTask } from './tasks';

interface Work {
  instance: Instance;
  task: ActivityTask;
  losses: number;
  /** Scheduled by the last episode of its execution: runs, and nobody waits for its result. */
  detached: boolean;
}

/** Waits between dispatches of work whose worker was lost, in milliseconds: an activity may kill every worker it gets. */
const LOSS_DELAYS_MS = [0, 500, 2_000, 5_000, 15_000, 30_000];

export function lossDelay(losses: number): number {
  return LOSS_DELAYS_MS[Math.min(losses, LOSS_DELAYS_MS.length) - 1] ?? 0;
}

function isPointless({ instance, task, detached }: Work): boolean {
  return !detached && (instance.closed || task.completed);
}

/** Runs activities, so many at a time; what an ended instance no longer waits for is not begun. */
export class Activities {
  /** Executions that a worker answered. */
  executed = 0;
  private queue: Work[] = [];
  private head = 0;
  private running = 0;
  private stopped = false;
  private readonly delays = new Set<NodeJS.Timeout>();

  constructor(
    private readonly runner: Runner,
    private readonly clock: Clock,
    private readonly limit: number,
    private readonly log: (text: string) => void,
    private readonly onCompleted: (instance: Instance, incoming: Incoming) => void,
  ) {}

  add(instance: Instance, task: ActivityTask, detached = false): void {
    this.enqueue({ instance, task, losses: 0, detached });
  }

  stop(): void {
    this.stopped = true;
    this.queue = [];
    this.head = 0;
    for (const delay of this.delays) clearTimeout(delay);
  }

  private enqueue(work: Work): void {
    this.queue.push(work);
    this.drain();
  }

  private drain(): void {
    while (!this.stopped && this.running < this.limit && this.head < this.queue.length) {
      const work = this.queue[this.head++];
      if (!work || isPointless(work)) continue;
      this.running++;
      this.run(work);
    }
    if (this.head === this.queue.length) {
      this.queue = [];
      this.head = 0;
    } else if (this.head > 4_096) {
      this.queue = this.queue.slice(this.head);
      this.head = 0;
    }
  }

  private run(work: Work): void {
    const { instance, task } = work;
    this.runner.runActivity(task.name, instance.id, task.input).then(
      (reply) => {
        this.running--;
        this.executed++;
        this.complete(work, reply);
        this.drain();
      },
      (error: Error) => {
        this.running--;
        this.again(work, error);
        this.drain();
      },
    );
  }

  private complete(work: Work, reply: ActivityReply): void {
    if (work.detached || isPointless(work) || this.stopped) return;
    const { instance, task } = work;
    task.completed = true;
    const at = this.clock.stamp();
    const event = reply.ok
      ? taskCompleted(task.id, reply.result, at)
      : taskFailed(
          task.id,
          `Activity function '${task.name}' failed: ${reply.message}`,
          failureDetails(reply.message, reply.stack),
          at,
        );
    this.onCompleted(instance, { event, task, failed: !reply.ok });
  }

  private again(work: Work, error: Error): void {
    if (this.stopped) return;
    work.losses++;
    const delay = lossDelay(work.losses);
    const { instance, task } = work;
    this.log(
      `Activity '${task.name}' (task ${task.id} of instance '${instance.id}') lost its worker (${error.message}); ` +
        `it is run again${delay === 0 ? '' : ` in ${delay / 1_000} s`}.`,
    );
    if (delay === 0) {
      this.enqueue(work);
      return;
    }
    const handle = setTimeout(() => {
      this.delays.delete(handle);
      this.enqueue(work);
    }, delay);
    this.delays.add(handle);
  }
}
