import { randomUUID } from 'node:crypto';
import type { Clock } from './clock';
import { childCompleted, childFailed, parentOf, type ParentInstance } from './history';
import { Instance, type Incoming } from './instance';
import { TERMINAL, type Ending, type RuntimeStatus } from './schema';
import type { Store } from './store';
import type { ChildTask } from './tasks';

export interface ChildrenOptions {
  clock: Clock;
  store: Store;
  /** Instances that have not ended, by id; children are added to it. */
  live: Map<string, Instance>;
  nextInstance: () => number;
  nextInbox: () => number;
  /** Runs the first episode of a child. */
  begin: (child: Instance) => void;
  deliver: (parent: Instance, incoming: Incoming) => void;
  log: (text: string) => void;
}

/** A sub-orchestration that an episode calls, while that is not yet on disk. */
export interface Birth {
  parent: Instance;
  task: ChildTask;
  /** The new instance, or the status of the one that has its id already. */
  child: Instance | RuntimeStatus;
  /** The ended instance whose id it takes. */
  replaces: number | undefined;
}

/** What the end of a sub-orchestration tells its parent, while that is not yet on disk. */
export interface Report {
  seq: number;
  parent: Instance;
  link: ParentInstance;
  event: string;
  failed: boolean;
}

interface Named {
  name: string;
}

/**
 * Sub-orchestrations. A child is created by the write that stores its parent's episode, and the write that ends it
 * puts the message into its parent's inbox: each happens exactly once, whenever the process dies.
 */
export class Children {
  constructor(private readonly options: ChildrenOptions) {}

  /** Takes the child's id, so that nobody else gets it; {@link abandon} gives it back. */
  conceive(parent: Instance, task: ChildTask): Birth {
    const { clock, store, live, nextInstance } = this.options;
    const taken = live.get(task.child);
    if (taken) return { parent, task, child: taken.status, replaces: undefined };
    const previous = store.find(task.child);
    const created = clock.stamp();
    const { name, version, input } = task;
    const child = new Instance(
      {
        seq: nextInstance(),
        id: task.child,
        name,
        version,
        input,
        execution: randomUUID().replaceAll('-', ''),
        generation: previous ? previous.generation + 1 : 0,
        carried: null,
        parent: JSON.stringify(linkOf(parent, task)),
        source: null,
        created,
        status: 'Pending',
        output: null,
        custom: null,
        updated: created,
      },
      false,
    );
    live.set(child.id, child);
    return { parent, task, child, replaces: previous?.seq };
  }

  abandon(births: Birth[]): void {
    for (const { child } of births) if (typeof child === 'object') this.options.live.delete(child.id);
  }

  /** For use inside a write. */
  insert(births: Birth[]): void {
    const { store } = this.options;
    for (const { child, replaces } of births) {
      if (typeof child === 'string') continue;
      if (replaces !== undefined) store.remove(replaces);
      store.insert(child.toRow());
    }
  }

  /** Lets children begin, once they are on disk. */
  begin(births: Birth[]): void {
    for (const { parent, task, child } of births) {
      if (typeof child === 'string') {
        this.refuse(parent, task, child);
        continue;
      }
      child.durable = true;
      this.options.begin(child);
    }
  }

  /**
   * Looks, after a restart of the host or a rewind, for tasks that nothing is under way for: the child's id had been
   * taken, or the child ended while its parent had failed.
   */
  check(parent: Instance): void {
    const { live, store } = this.options;
    for (const task of parent.open.values()) {
      if (task.kind !== 'child' || task.completed) continue;
      const other = live.get(task.child)?.toRow() ?? store.find(task.child);
      if (other?.parent !== JSON.stringify(linkOf(parent, task))) this.refuse(parent, task, other?.status);
      else if (TERMINAL.includes(other.status)) this.tellAgain(parent, task, other);
    }
  }

  private tellAgain(parent: Instance, task: ChildTask, child: Named & Ending): void {
    task.completed = true;
    const event = this.endOf(child, task.id, child);
    this.options.deliver(parent, { event, task, failed: child.status !== 'Completed' });
  }

  private refuse(parent: Instance, task: ChildTask, status: RuntimeStatus | undefined): void {
    if (parent.open.get(task.id) !== task) return;
    const { log, clock, deliver } = this.options;
    const state = status === undefined ? '' : ` with the status ${status}`;
    const message = `An Orchestration instance with the ID '${task.child}'${state} already exists.`;
    log(`Instance '${parent.id}' of '${parent.name}' calls the sub-orchestrator '${task.name}'. ${message}`);
    task.completed = true;
    const event = childFailed(task.id, message, details(message), clock.stamp());
    deliver(parent, { event, task, failed: true });
  }

  /** The message that a child's end is for its parent; undefined when nobody waits for it. */
  report(child: Instance, ending: Ending): Report | undefined {
    const link = parentOf(child);
    const parent = link && this.options.live.get(link.OrchestrationInstance.InstanceId);
    if (!link || !parent || parent.execution !== link.OrchestrationInstance.ExecutionId) return undefined;
    const { log, nextInbox } = this.options;
    const failed = ending.status !== 'Completed';
    if (ending.status === 'Terminated') {
      log(
        `Instance '${child.id}' of '${child.name}' was terminated: as on the platform, the orchestration that called it ` +
          `(instance '${parent.id}' of '${parent.name}') fails as non-deterministic.`,
      );
    }
    const event = this.endOf(child, link.TaskScheduleId, ending);
    return { seq: nextInbox(), parent, link, event, failed };
  }

  private endOf(child: Named, task: number, { status, output }: Ending): string {
    const at = this.options.clock.stamp();
    if (status === 'Completed') return childCompleted(task, output, at);
    const reason = output === null ? null : String(JSON.parse(output));
    return childFailed(task, reason, failureOf(child, status, reason), at);
  }

  /** For use inside the write that ends the child. */
  store({ seq, parent, link, event }: Report): void {
    const row = { seq, instance: parent.seq, event, task: link.TaskScheduleId };
    this.options.store.addChildEnd(row, link.OrchestrationInstance.ExecutionId);
  }

  /** Hands the message over, once it is on disk. */
  deliver({ seq, parent, link, event, failed }: Report): void {
    // The parent may have continued as new, or ended, since.
    if (parent.execution !== link.OrchestrationInstance.ExecutionId) return;
    const task = parent.open.get(link.TaskScheduleId);
    if (task?.kind !== 'child' || task.completed) return;
    task.completed = true;
    this.options.deliver(parent, { event, task, failed, inbox: seq });
  }
}

function linkOf(parent: Instance, task: ChildTask): ParentInstance {
  return {
    Name: parent.name,
    OrchestrationInstance: { InstanceId: parent.id, ExecutionId: parent.execution },
    TaskScheduleId: task.id,
    Version: parent.version,
  };
}

/** An exception as the platform writes it out, without the .NET stack. */
function details(message: string): string {
  return `Message: ${message}, StackTrace: `;
}

function failureOf(child: Named, status: RuntimeStatus, reason: string | null): string | null {
  if (status === 'Terminated' || reason === null) return null;
  const prefix = `Orchestrator function '${child.name}' failed: `;
  if (reason.startsWith(prefix)) return details(reason.slice(prefix.length));
  return `Unhandled exception while executing orchestration: ${reason}`;
}
