import { ActionType, actionOf, retryStep, type Executor, type SdkEvent, type Task } from './sdk';

/** What an id of an orchestration's sequence was given to, in the platform's words. */
export interface Scheduled {
  kind: 'activity' | 'timer' | 'subOrchestration' | 'event';
  name: string;
}

/** What was seen of one executor since the last {@link forget}. */
export interface Observation {
  scheduled: Map<number, Scheduled>;
  /** A task that already had its id was yielded inside another compound task. */
  reusedTask: boolean;
  settled: Task[];
  events: SdkEvent[];
  /** How many events it was given, before it was done with. */
  processed: number;
  compoundDepth: number;
}

const observations = new WeakMap<Executor, Observation>();
const watchedPrototypes = new WeakSet<object>();
let watching = false;

/** Whether any executor class reports: what runs before that is not seen. */
export function isWatching(): boolean {
  return watching;
}

const nothing = (): Observation => ({
  scheduled: new Map(),
  reusedTask: false,
  settled: [],
  events: [],
  processed: 0,
  compoundDepth: 0,
});

export function observationOf(executor: Executor): Observation {
  let seen = observations.get(executor);
  if (!seen) observations.set(executor, (seen = nothing()));
  return seen;
}

function describe(task: Task): Scheduled {
  const step = retryStep(task);
  if (step?.step === 'timer') return { kind: 'timer', name: '' };
  const first = step ? task.parent?.innerTask : task;
  const action = first && actionOf(first);
  const name = action?.functionName ?? '';
  switch (action?.actionType ?? -1) {
    case ActionType.CreateTimer:
      return { kind: 'timer', name };
    case ActionType.CallSubOrchestrator:
    case ActionType.CallSubOrchestratorWithRetry:
      return { kind: 'subOrchestration', name };
    case ActionType.CallEntity:
    case ActionType.LockEntities:
      return { kind: 'event', name };
    default:
      return { kind: 'activity', name };
  }
}

/** Lets the class of `executor` report to {@link observationOf}; true when it did so already. */
export function watch(executor: Executor): boolean {
  const prototype = Object.getPrototypeOf(executor) as Executor;
  if (watchedPrototypes.has(prototype)) return true;
  watchedPrototypes.add(prototype);
  watching = true;
  // Called below with the executor as `this`.
  // oxlint-disable-next-line typescript/unbound-method
  const { trackOpenTask, setTaskValue, processEvent } = prototype;
  prototype.processEvent = function (this: Executor, event) {
    observationOf(this).processed++;
    processEvent.call(this, event);
  };
  prototype.trackOpenTask = function (this: Executor, task) {
    const seen = observationOf(this);
    const before = task.id;
    if (task.children) {
      seen.compoundDepth++;
      trackOpenTask.call(this, task);
      seen.compoundDepth--;
      return;
    }
    if (typeof before === 'number' && seen.compoundDepth > 0) seen.reusedTask = true;
    trackOpenTask.call(this, task);
    if (before === false && typeof task.id === 'number') seen.scheduled.set(task.id, describe(task));
  };
  prototype.setTaskValue = function (this: Executor, event, isSuccess, idKey) {
    const seen = observationOf(this);
    const key = event[idKey];
    if (key !== undefined) {
      const task = this.openTasks[key] ?? this.openEvents[key]?.at(-1);
      if (task) seen.settled.push(task);
    }
    seen.events.push(event);
    setTaskValue.call(this, event, isSuccess, idKey);
  };
  return false;
}

/**
 * Ends an episode for an executor that lives on: what was new becomes what a replay would see as played, since
 * `isReplaying` is true after a task whose completion was played, however late it is awaited.
 */
export function settle(executor: Executor): void {
  const seen = observationOf(executor);
  for (const event of seen.events) event.IsPlayed = true;
  for (const task of seen.settled) {
    for (let next: Task | undefined = task; next; next = next.parent) {
      next.isPlayed = true;
      if (next.stateObj === 0) break;
    }
  }
  observations.delete(executor);
}
