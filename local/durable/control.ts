import type { Children } from './children';
import type { Clock } from './clock';
import type { Commits } from './commits';
import {
  EventType,
  executionPaused,
  executionTerminated,
  genericEvent,
  orchestratorCompleted,
} from './history';
import type { Incoming, Instance } from './instance';
import { planRewind, type Revival } from './rewind';
import type { Ending, RuntimeStatus } from './schema';
import type { Store } from './store';

export type RewindResult =
  | { outcome: 'done' | 'notFound' }
  /** It has not failed. */
  | { outcome: 'refused'; status: RuntimeStatus };
export type ChangeResult = 'done' | 'notFound' | 'ended';
export type PauseResult =
  | { outcome: ChangeResult }
  /** The instance's state does not allow it. */
  | { outcome: 'refused'; status: RuntimeStatus };

export interface ControlOptions {
  clock: Clock;
  store: Store;
  /** Instances that have not ended, by id. */
  live: Map<string, Instance>;
  children: Children;
  commits: Commits;
  nextInbox: () => number;
  deliver: (instance: Instance, incoming: Incoming) => void;
  /** Takes up what an instance has open. */
  resume: (instance: Instance) => void;
  /** Gives up what an instance had open. */
  forget: (instance: Instance) => void;
  /** Goes on with an instance whose end could not be stored. */
  reopen: (instance: Instance) => void;
  /** What is to be said of an instance that is not live. */
  missing: (id: string) => ChangeResult;
  log: (text: string) => void;
}

/** Sub-orchestrations that a warning names. */
const NAMED_CHILDREN = 5;

/** What operators do to instances: suspend, resume, terminate, rewind. */
export class Control {
  constructor(private readonly options: ControlOptions) {}

  /** See `DurableEngine.rewind`. */
  async rewind(id: string, reason: string | null): Promise<RewindResult> {
    const { live, store, clock, nextInbox, forget, resume, log } = this.options;
    const commit = live.get(id)?.commit;
    if (commit) await commit;
    const row = live.get(id)?.toRow() ?? store.find(id);
    if (!row) return { outcome: 'notFound' };
    if (row.status !== 'Failed' || live.has(id)) return { outcome: 'refused', status: row.status };
    const revivals = planRewind(store, row, clock.stamp(), (child) => live.has(child));
    for (const revival of revivals) {
      const { instance, isLeaf } = revival;
      live.set(instance.id, instance);
      if (!isLeaf) continue;
      const event = genericEvent(reason, -1, clock.stamp());
      revival.message = { event, inbox: nextInbox() };
      instance.queue.push(revival.message);
    }
    let revived: Revival[] = [];
    try {
      revived = await store.database.write(() => this.storeRewind(revivals));
    } finally {
      for (const { instance } of revivals.filter((revival) => !revived.includes(revival))) {
        instance.closed = true;
        forget(instance);
      }
    }
    for (const { instance } of revived) instance.durable = true;
    for (const { instance, warnings } of revived) {
      for (const warning of warnings) log(`Instance '${instance.id}' of '${instance.name}' ${warning}`);
      resume(instance);
    }
    return revived.length === 0 ? { outcome: 'notFound' } : { outcome: 'done' };
  }

  /** Inside a write. Gives what could be revived: others may have been removed since; without the root none is. */
  private storeRewind(revivals: Revival[]): Revival[] {
    const { store } = this.options;
    const revived: Revival[] = [];
    for (const revival of revivals) {
      const { instance, events, message } = revival;
      if (!store.revive(instance.seq, events, instance.updated)) {
        if (revived.length === 0) return [];
        continue;
      }
      revived.push(revival);
      // The queue itself may by now hold what another write has stored.
      if (message) store.addToInbox({ seq: message.inbox, instance: instance.seq, event: message.event });
    }
    return revived;
  }

  /** See `DurableEngine.suspend`. */
  async pause(id: string, reason: string | null, suspend: boolean): Promise<PauseResult> {
    const instance = this.options.live.get(id);
    await instance?.commit;
    if (!instance?.durable || instance.closed) return { outcome: this.options.missing(id) };
    if (instance.suspended === suspend) return { outcome: 'refused', status: instance.status };
    const { ExecutionSuspended, ExecutionResumed } = EventType;
    const at = this.options.clock.stamp();
    const event = executionPaused(suspend ? ExecutionSuspended : ExecutionResumed, reason, at);
    const seq = this.options.nextInbox();
    const note = reason === null ? null : JSON.stringify(reason);
    await this.options.store.database.write(() => {
      this.options.store.setStatus(instance.seq, suspend ? 'Suspended' : 'Running', note, at);
      this.options.store.addToInbox({ seq, instance: instance.seq, event });
    });
    instance.suspended = suspend;
    instance.note = note;
    instance.updated = at;
    this.options.deliver(instance, { event, inbox: seq });
    return { outcome: 'done' };
  }

  /** See `DurableEngine.terminate`. */
  async terminate(id: string, reason: string | null): Promise<ChangeResult> {
    const instance = this.options.live.get(id);
    // An episode that is being committed may still end the instance by itself.
    await instance?.commit;
    if (!instance?.durable || instance.closed) return this.options.missing(id);
    const ending: Ending = { status: 'Terminated', output: reason === null ? null : JSON.stringify(reason) };
    instance.closed = true;
    const at = this.options.clock.stamp();
    const started = this.options.clock.stamp();
    const updated = this.options.clock.stamp();
    const pending = [...instance.current, ...instance.queue].filter(({ inbox }) => inbox !== undefined);
    const raised = pending.map(({ event }) => event);
    const events = [...raised, executionTerminated(reason, at), orchestratorCompleted(updated)].join(',');
    const report = this.options.children.report(instance, ending);
    try {
      await this.options.store.database.write(() => {
        this.options.store.appendEpisode(instance.seq, instance.episodes, {
          started,
          events,
          decisions: null,
        });
        if (report) this.options.children.store(report);
        this.options.store.end(instance.seq, ending, instance.custom, updated);
      });
    } catch (error) {
      this.options.reopen(instance);
      throw error;
    }
    this.options.commits.count(pending.length + 1, instance.episodes === 0, true);
    instance.ended = ending;
    this.warnOfChildren(instance);
    this.options.forget(instance);
    if (report) this.options.children.deliver(report);
    return 'done';
  }

  private warnOfChildren({ id, name, open }: Instance): void {
    const { live, log } = this.options;
    const children = [...open.values()].flatMap((task) =>
      task.kind === 'child' && live.has(task.child) ? [`'${task.child}'`] : [],
    );
    if (children.length === 0) return;
    const named = children.slice(0, NAMED_CHILDREN).join(', ');
    const more = children.length - NAMED_CHILDREN;
    log(
      `Instance '${id}' of '${name}' was terminated. As on the platform its sub-orchestrations run on, and what they ` +
        `return is lost: ${named}${more > 0 ? ` and ${more} more` : ''}.`,
    );
  }
}
