import { EventType, isFailure, type HistoryEvent } from './history';
import { Instance } from './instance';
import type { Decisions, EpisodeRow, InboxRow } from './schema';
import type { Store } from './store';
import { applyCompletion, attempt, closeTimer, type OpenTask } from './tasks';

/** Adds to an instance what one of its episodes scheduled. `events` are the episode's own. */
function applyScheduled(instance: Instance, decisions: Decisions, events: HistoryEvent[]): void {
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

/** Adds an event to the queue of the instance that it is for; false when nothing waits for it. */
function enqueue(instance: Instance | undefined, { seq, event, task: id }: InboxRow): boolean {
  if (!instance) return false;
  if (id === null) {
    instance.queue.push({ event, inbox: seq });
    return true;
  }
  const task = instance.open.get(id);
  if (task?.kind !== 'child' || task.completed) return false;
  task.completed = true;
  const failed = isFailure(JSON.parse(event) as HistoryEvent);
  instance.queue.push({ event, inbox: seq, task, failed });
  return true;
}

/**
 * Brings back what was in flight when the store was last closed, however that came about.
 *
 * @param live receives the instances that have not ended, by id
 * @returns the events that nothing waits for any more
 */
export function recover(store: Store, live: Map<string, Instance>): number[] {
  const bySeq = new Map<number, Instance>();
  for (const row of store.liveInstances()) {
    const instance = new Instance(row, true);
    restore(instance, store.episodes(row.seq));
    live.set(instance.id, instance);
    bySeq.set(row.seq, instance);
  }
  const orphans: number[] = [];
  for (const row of store.inbox()) if (!enqueue(bySeq.get(row.instance), row)) orphans.push(row.seq);
  return orphans;
}
