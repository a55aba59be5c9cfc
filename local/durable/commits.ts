import type { Activities } from './activities';
import type { Birth, Children } from './children';
import type { Instance } from './instance';
import type { Plan } from './plan';
import type { NextExecution } from './schema';
import type { Store } from './store';
import { applyCompletion, closeTimer } from './tasks';
import type { Timers } from './timers';

export interface CommitsOptions {
  store: Store;
  activities: Activities;
  timers: Timers;
  children: Children;
  log: (text: string) => void;
  onEnded: (instance: Instance) => void;
}

/** Puts episodes on disk, and lets happen what they decided once they are there. */
export class Commits {
  readonly counted = { episodes: 0, historyEvents: 0 };
  private stopped = false;

  constructor(private readonly options: CommitsOptions) {}

  /** What is still being written is stored, and dispatched after a restart. */
  stop(): void {
    this.stopped = true;
  }

  /**
   * Writes an episode in one piece, and only then lets its consequences happen.
   *
   * @returns the error when it could not be stored: then nothing has happened
   */
  async write(instance: Instance, plan: Plan): Promise<Error | undefined> {
    const { store, children } = this.options;
    const { seq, episodes: episode, current } = instance;
    const { started, events, ending, next, custom, completed } = plan;
    // What a failed instance had decided last is needed when it is rewound.
    const isKept = !ending || ending.status === 'Failed';
    const decisions = plan.decisions && isKept ? JSON.stringify(plan.decisions) : null;
    const births = plan.added.flatMap((task) =>
      task.kind === 'child' ? children.conceive(instance, task) : [],
    );
    const report = ending && children.report(instance, ending);
    const write = store.database.write(() => {
      for (const { inbox } of current) if (inbox !== undefined) store.removeFromInbox(inbox);
      children.insert(births);
      if (report) children.store(report);
      if (next) {
        store.replaceExecution(seq, next);
        return;
      }
      store.appendEpisode(seq, episode, { started, events, decisions });
      if (ending) store.end(seq, ending, custom, completed);
      else if (custom !== instance.custom) store.setCustom(seq, custom);
    });
    instance.commit = write.catch(() => undefined);
    try {
      await write;
    } catch (error) {
      instance.commit = undefined;
      children.abandon(births);
      return error as Error;
    }
    instance.commit = undefined;
    this.apply(instance, plan, births);
    if (report) children.deliver(report);
    return undefined;
  }

  /** Counts an episode that was stored, in rows of the platform's history: it has one for each event. */
  count(events: number, isFirst: boolean, isLast: boolean): void {
    this.counted.episodes++;
    // OrchestratorStarted and OrchestratorCompleted; ExecutionStarted; ExecutionCompleted.
    this.counted.historyEvents += events + 2 + (isFirst ? 1 : 0) + (isLast ? 1 : 0);
  }

  private apply(instance: Instance, plan: Plan, births: Birth[]): void {
    const { activities, timers, children, onEnded } = this.options;
    this.count(
      instance.current.length + plan.added.length,
      instance.episodes === 0,
      plan.ending !== undefined || plan.next !== undefined,
    );
    if (plan.next) {
      this.continueAs(instance, plan, plan.next);
      children.begin(births);
      return;
    }
    for (const { task, failed } of instance.current)
      if (task) applyCompletion(instance, task.id, failed === true);
    instance.current = [];
    instance.episodes++;
    instance.custom = plan.custom;
    instance.updated = plan.completed;
    if (plan.ending) {
      instance.closed = true;
      instance.ended = plan.ending;
    } else if (plan.decisions) {
      for (const task of plan.added) {
        instance.open.set(task.id, task);
        instance.again.delete(task.id);
      }
      for (const id of plan.decisions.cancelled) closeTimer(instance, id);
      instance.nextId = plan.decisions.nextId;
    }
    for (const task of plan.added) {
      if (this.stopped) break;
      // An activity that is scheduled with the instance's end still runs, as on the platform.
      if (task.kind === 'activity') activities.add(instance, task, plan.ending !== undefined);
      else if (task.kind === 'timer' && !plan.ending && !task.completed) timers.arm(instance, task);
    }
    children.begin(births);
    if (plan.ending) onEnded(instance);
  }

  private continueAs(instance: Instance, plan: Plan, next: NextExecution): void {
    const { activities, log } = this.options;
    instance.current = [];
    instance.continueAs(next);
    for (const task of plan.added) {
      if (task.kind === 'activity' && !this.stopped) activities.add(instance, task, true);
    }
    const dropped = plan.dropped ?? 0;
    if (dropped === 0) return;
    log(
      `Instance '${instance.id}' of '${instance.name}' continued as new without having waited for ${dropped} external ` +
        `event${dropped === 1 ? '' : 's'} that it had received. As on the platform, ${dropped === 1 ? 'it is' : 'they are'} lost.`,
    );
  }
}
