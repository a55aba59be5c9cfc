import type { HistoryEvent } from './history';
import { Instance, isFailure, restore } from './instance';
import type { InboxRow, Store } from './store';

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
