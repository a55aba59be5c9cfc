import { stampToMillis } from './clock';
import { EventType, type Execution, type HistoryEvent } from './history';
import type { NewChild, NewTask, RetryPolicy } from './runner';
import type { Decisions, EpisodeRow, Ending, InstanceRow, NextExecution, RuntimeStatus } from './store';

export interface ActivityTask {
  kind: 'activity';
  id: number;
  name: string;
  input: string;
  /** The id of the first attempt, when the activity is retried. */
  root: number | undefined;
  /** Its result is queued; a second one is ignored. */
  completed: boolean;
}

export interface TimerTask {
  kind: 'timer';
  id: number;
  fireAt: string;
  created: string;
  hop: boolean;
  completed: boolean;
  handle?: NodeJS.Timeout;
}

/** A sub-orchestration. */
export interface ChildTask {
  kind: 'child';
  id: number;
  name: string;
  version: string | null;
  input: string | null;
  /** The id of its instance. */
  child: string;
  root: number | undefined;
  completed: boolean;
}

export type OpenTask = ActivityTask | ChildTask | TimerTask;

type RetriedTask = Extract<NewTask, { kind: 'activity' }> | NewChild;

/** How far the retries of one activity or sub-orchestration are. */
export interface Retries {
  task: RetriedTask;
  policy: RetryPolicy;
  failures: number;
  /** Unix milliseconds. */
  firstAt: number;
}

/** An event that waits for the next episode. */
export interface Incoming {
  event: string;
  /** The task that it completes. */
  task?: OpenTask;
  failed?: boolean;
  /** Its row in the inbox, for events that were acknowledged on their own. */
  inbox?: number;
  /** Belongs to the beginning of an execution that continues another one, and is made anew when that is repeated. */
  opening?: true;
}

/** Warnings that an instance gives only once; one that continues as new for ever must not collect them for ever. */
const MAX_REMEMBERED_WARNINGS = 100;

/** An instance that has not ended, in memory. Everything in it is durable, or follows from what is durable. */
export class Instance implements Execution {
  readonly id: string;
  readonly seq: number;
  readonly name: string;
  execution: string;
  readonly version: string | null;
  input: string | null;
  readonly generation: number;
  carried: string | null;
  readonly parent: string | null;
  readonly source: string | null;
  created: string;
  custom: string | null;
  updated: string;
  /** Number of stored episodes. */
  episodes = 0;
  nextId = 0;
  /** Ids that a rewind took from the history: what the orchestrator gives them to is scheduled again. */
  readonly again = new Set<number>();
  /** Its history was rewound. */
  rewound = false;
  readonly open = new Map<number, OpenTask>();
  readonly retries = new Map<number, Retries>();
  queue: Incoming[] = [];
  /** Waits for an episode, or is in one, up to and including its commit. */
  busy = false;
  /** Waits some time before its episode is run again. */
  resting = false;
  /** The platform leaves it Running for ever; nothing is run for it any more until the host restarts. */
  stuck: boolean;
  /** Nothing is run for it until it is resumed. */
  suspended: boolean;
  /** JSON text shown as output until there is one: why it was suspended or resumed. */
  note: string | null;
  /** The events of the episode that is under way. */
  current: Incoming[] = [];
  /** Its start is on disk. */
  durable: boolean;
  /** It is ending: nothing is begun for it any more, and results that still arrive are dropped. */
  closed = false;
  /** How it ended, once that is on disk. */
  ended: Ending | undefined;
  /** The commit of an episode that is under way. */
  commit: Promise<void> | undefined;
  warned = new Set<string>();
  /** How often in a row its worker was lost in an episode. */
  losses = 0;
  readonly whenEnded = new Set<() => void>();

  constructor(row: InstanceRow, durable: boolean) {
    this.durable = durable;
    this.id = row.id;
    this.seq = row.seq;
    this.name = row.name;
    this.execution = row.execution;
    this.version = row.version;
    this.input = row.input;
    this.generation = row.generation;
    this.carried = row.carried;
    this.parent = row.parent;
    this.source = row.source;
    this.created = row.created;
    this.custom = row.custom;
    this.updated = row.updated;
    this.suspended = row.status === 'Suspended';
    this.note = row.output;
    this.stuck = false;
  }

  get status(): RuntimeStatus {
    if (this.ended) return this.ended.status;
    if (this.suspended) return 'Suspended';
    return this.episodes > 0 || this.stuck || this.carried !== null ? 'Running' : 'Pending';
  }

  /** Whether there is something to run an episode for. */
  get isDue(): boolean {
    return this.queue.length > 0 || (this.episodes === 0 && this.carried !== null);
  }

  toRow(): InstanceRow {
    const { seq, id, name, execution, version, input, generation, carried } = this;
    const { parent, source, created, custom, updated, status } = this;
    const output = this.ended ? this.ended.output : this.note;
    return {
      seq,
      id,
      name,
      execution,
      version,
      input,
      generation,
      carried,
      parent,
      source,
      created,
      custom,
      updated,
      status,
      output,
    };
  }

  /** Goes on as another execution: nobody waits any more for what this one has scheduled. */
  continueAs({ execution, input, carried, created }: NextExecution): void {
    for (const task of this.open.values()) {
      task.completed = true;
      if (task.kind === 'timer') clearTimeout(task.handle);
    }
    this.open.clear();
    this.again.clear();
    this.retries.clear();
    this.queue = this.queue.filter(({ task }) => task === undefined);
    this.execution = execution;
    this.input = input;
    this.carried = carried;
    this.created = created;
    this.updated = created;
    this.episodes = 0;
    this.nextId = 0;
    if (!this.suspended) this.note = null;
    if (this.warned.size > MAX_REMEMBERED_WARNINGS) this.warned.clear();
  }

  /** Ids of the timers that could still be cancelled. */
  openTimers(): number[] {
    const ids: number[] = [];
    for (const task of this.open.values()) if (task.kind === 'timer' && !task.completed) ids.push(task.id);
    return ids;
  }
}

/** Delay before the next attempt in milliseconds; undefined when the platform gives up without saying so. */
export function retryDelay(retries: Retries, now: number): number | undefined {
  const { policy, failures, firstAt } = retries;
  // After the last attempt the platform creates a timer too, which fires at once.
  if (failures >= policy.maxAttempts) return 0;
  if (policy.timeout !== null && now - firstAt > policy.timeout) return undefined;
  const delay = policy.first * policy.backoff ** (failures - 1);
  const capped = Math.min(delay, policy.maxInterval ?? Number.POSITIVE_INFINITY, MAX_DELAY_MS);
  return Number.isFinite(capped) ? Math.max(0, Math.round(capped)) : MAX_DELAY_MS;
}

/** Ten years: far beyond any use, near enough for every date. */
const MAX_DELAY_MS = 10 * 365 * 24 * 3_600_000;

/** The open task that the first or next attempt of an activity or sub-orchestration makes. */
export function attempt(instance: Instance, task: NewTask, at: string): ActivityTask | ChildTask | undefined {
  if (task.kind === 'activity' || task.kind === 'child') {
    const { id, retry: policy } = task;
    if (policy) instance.retries.set(id, { task, policy, failures: 0, firstAt: stampToMillis(at) });
    return openTask(instance, task, id, policy ? id : undefined);
  }
  const retries = task.kind === 'retryAttempt' ? instance.retries.get(task.root) : undefined;
  if (!retries || task.kind !== 'retryAttempt') return undefined;
  return openTask(instance, retries.task, task.id, task.root);
}

function openTask(
  instance: Instance,
  task: RetriedTask,
  id: number,
  root: number | undefined,
): ActivityTask | ChildTask {
  const { name } = task;
  if (task.kind === 'activity')
    return { kind: 'activity', id, name, input: task.input, root, completed: false };
  const { input, version = null, instanceId: child = `${instance.execution}:${id}` } = task;
  return { kind: 'child', id, name, version, input, child, root, completed: false };
}

/** Adds to an instance what one of its episodes scheduled. `events` are the episode's own. */
export function applyScheduled(instance: Instance, decisions: Decisions, events: HistoryEvent[]): OpenTask[] {
  const added: OpenTask[] = [];
  const byId = new Map(decisions.tasks.map((task) => [task.id, task]));
  for (const event of events) {
    const task = byId.get(event.EventId);
    if (!task) continue;
    const { TaskScheduled, SubOrchestrationInstanceCreated } = EventType;
    if (event.EventType === TaskScheduled || event.EventType === SubOrchestrationInstanceCreated) {
      const open = attempt(instance, task, event.Timestamp);
      if (open) added.push(open);
    } else if (event.EventType === EventType.TimerCreated) {
      const hop = task.kind === 'timer' && task.hop === true;
      const { FireAt: fireAt = event.Timestamp, Timestamp: created } = event;
      added.push({ kind: 'timer', id: event.EventId, fireAt, created, hop, completed: false });
    }
  }
  for (const task of added) instance.open.set(task.id, task);
  for (const id of decisions.cancelled) closeTimer(instance, id);
  instance.nextId = decisions.nextId;
  return added.filter(({ id }) => instance.open.has(id));
}

export function closeTimer(instance: Instance, id: number): void {
  const task = instance.open.get(id);
  if (task?.kind !== 'timer') return;
  clearTimeout(task.handle);
  task.completed = true;
  instance.open.delete(id);
}

/** Takes a completed task from the open ones and counts the failures of what is retried. */
export function applyCompletion(instance: Instance, id: number, failed: boolean): void {
  const task = instance.open.get(id);
  instance.open.delete(id);
  if (!task || task.kind === 'timer' || task.root === undefined) return;
  const retries = instance.retries.get(task.root);
  if (failed && retries) retries.failures++;
  else instance.retries.delete(task.root);
}

export function isFailure({ EventType: type }: HistoryEvent): boolean {
  return type === EventType.TaskFailed || type === EventType.SubOrchestrationInstanceFailed;
}

const SCHEDULING: readonly number[] = [
  EventType.TaskScheduled,
  EventType.SubOrchestrationInstanceCreated,
  EventType.TimerCreated,
];

/** Follows which ids a rewind took from the history, and which of them were given anew since. */
function applyRewound(instance: Instance, events: HistoryEvent[]): void {
  for (const { EventType: type, EventId: id } of events) {
    if (SCHEDULING.includes(type)) instance.again.delete(id);
    if (type !== EventType.GenericEvent) continue;
    instance.rewound = true;
    // The end of the failed run has the next id, which no task has had.
    if (id >= 0 && id < instance.nextId) instance.again.add(id);
  }
}

/** Brings an instance back to where its stored episodes left it. */
export function restore(instance: Instance, rows: EpisodeRow[]): void {
  for (const row of rows) {
    const events = JSON.parse(`[${row.events}]`) as HistoryEvent[];
    for (const event of events) {
      const id = event.TaskScheduledId ?? event.TimerId;
      if (id !== undefined) applyCompletion(instance, id, isFailure(event));
    }
    if (row.decisions !== null) applyScheduled(instance, JSON.parse(row.decisions) as Decisions, events);
    applyRewound(instance, events);
    instance.episodes++;
    instance.updated = row.started;
  }
}
