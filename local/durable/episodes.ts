import type { Activities } from './activities';
import { lossDelay } from './activities';
import { addMillis, millisToStamp, stampToMillis, type Clock } from './clock';
import { asPlayed, orchestratorCompleted, taskScheduled, timerCreated, triggerPayload } from './history';
import {
  activityTask,
  applyCompletion,
  closeTimer,
  retryDelay,
  type Instance,
  type OpenTask,
} from './instance';
import type { EpisodeMessage, EpisodeReply, NewTask, Runner } from './runner';
import type { Decisions, Ending, Store } from './store';
import type { Timers } from './timers';

type State = Extract<EpisodeReply, { kind: 'state' }>;

export interface EpisodesOptions {
  runner: Runner;
  clock: Clock;
  store: Store;
  activities: Activities;
  timers: Timers;
  /** Orchestrators running at a time. */
  limit: number;
  verifyEvery: number;
  alwaysReplay: boolean;
  log: (text: string) => void;
  onEnded: (instance: Instance) => void;
}

/** What one episode adds to an instance, ready to be written in one piece. */
interface Plan {
  started: string;
  events: string;
  decisions: Decisions | null;
  added: OpenTask[];
  custom: string | null;
  ending: Ending | undefined;
  completed: string;
}

/** Waits before an episode whose commit failed is run again, in milliseconds. */
const COMMIT_RETRY_MS = 1_000;

/** Runs orchestrators episode by episode; one at a time for each instance. */
export class Episodes {
  readonly counted = { episodes: 0, historyEvents: 0 };
  private ready: Instance[] = [];
  private scheduled = false;
  private running = 0;
  private sinceVerified = 0;
  private stopped = false;

  constructor(private readonly options: EpisodesOptions) {}

  /** Runs an episode soon. What arrives in the same turn of the event loop goes into the same episode. */
  schedule(instance: Instance): void {
    if (instance.busy || instance.closed || instance.stuck || instance.suspended || this.stopped) return;
    instance.busy = true;
    this.ready.push(instance);
    this.wake();
  }

  /** Begins nothing more; replies that are still under way are dropped, and asked for again after a restart. */
  stop(): void {
    this.stopped = true;
    this.ready = [];
  }

  private wake(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.drain();
    });
  }

  private drain(): void {
    if (this.stopped) return;
    const free = this.options.limit - this.running;
    const taken = free >= this.ready.length ? this.ready : this.ready.slice(0, free);
    this.ready = taken === this.ready ? [] : this.ready.slice(free);
    for (const instance of taken) {
      this.running++;
      void this.run(instance).finally(() => {
        this.running--;
        instance.busy = instance.resting;
        if (instance.queue.length > 0) this.schedule(instance);
        if (this.ready.length > 0) this.wake();
      });
    }
  }

  private async run(instance: Instance): Promise<void> {
    if (instance.closed) return;
    const { clock, runner, log } = this.options;
    const started = clock.stamp();
    if (instance.episodes === 0 && !runner.has('orchestrator', instance.name)) {
      await this.commit(instance, this.unknownOrchestrator(instance, started));
      return;
    }
    instance.current = instance.queue;
    instance.queue = [];
    let reply: EpisodeReply;
    try {
      reply = await this.ask(instance, started);
    } catch (error) {
      this.putBack(instance);
      instance.losses++;
      const delay = lossDelay(instance.losses);
      log(
        `Orchestrator '${instance.name}' (instance '${instance.id}') lost its worker (${(error as Error).message}); ` +
          `its episode is run again${delay === 0 ? '' : ` in ${delay / 1_000} s`}.`,
      );
      this.later(instance, delay);
      return;
    }
    instance.losses = 0;
    if (instance.closed || this.stopped) return;
    this.warn(instance, reply.warnings);
    const unknown = this.unknownActivity(reply);
    if (unknown !== undefined) {
      await this.leaveHanging(instance, unknown);
      return;
    }
    await this.commit(instance, this.plan(instance, started, reply));
  }

  private async ask(instance: Instance, started: string): Promise<EpisodeReply> {
    const { runner, alwaysReplay } = this.options;
    const message: EpisodeMessage = {
      execution: instance.execution,
      episode: instance.episodes,
      nextId: instance.nextId,
      started,
      events: instance.current.map(({ event }) => event).join(','),
      timers: instance.openTimers(),
    };
    if (alwaysReplay) message.mode = 'replay';
    else if (instance.episodes > 0 && this.isTurnToVerify()) message.mode = 'verify';
    if (instance.episodes === 0 || message.mode) message.payload = this.payload(instance, message);
    const reply = await runner.runEpisode(instance.name, instance.id, message);
    if (reply.kind !== 'sendPayload') return reply;
    message.payload = this.payload(instance, message);
    return runner.runEpisode(instance.name, instance.id, message);
  }

  private isTurnToVerify(): boolean {
    const { verifyEvery } = this.options;
    if (verifyEvery <= 0 || ++this.sinceVerified < verifyEvery) return false;
    this.sinceVerified = 0;
    return true;
  }

  private payload(instance: Instance, message: EpisodeMessage): string {
    const rows = instance.episodes === 0 ? [] : this.options.store.episodes(instance.seq);
    const parts: string[] = [];
    rows.forEach(({ started, events }, index) => {
      if (index > 0) parts.push(startedText(started));
      parts.push(events);
    });
    if (rows.length > 0) parts.push(startedText(message.started));
    if (message.events !== '') parts.push(message.events);
    return triggerPayload(instance, rows[0]?.started ?? message.started, rows.length === 0, parts.join(','));
  }

  private plan(instance: Instance, started: string, reply: EpisodeReply): Plan {
    const { current } = instance;
    if (reply.kind !== 'state') {
      const message =
        reply.kind === 'nonDeterministic' ? reply.message : 'The worker did not take the history.';
      this.options.log(`Instance '${instance.id}' of '${instance.name}' failed. ${message}`);
      return this.failure(instance, started, message);
    }
    if (reply.unsupported !== undefined) {
      const message = `Orchestrator function '${instance.name}' failed: ${reply.unsupported} is not supported here yet.`;
      this.options.log(
        `Instance '${instance.id}' of '${instance.name}' failed: it uses ${reply.unsupported}, which is not supported here yet.`,
      );
      return this.failure(instance, started, message);
    }
    const events = current.map(({ event }) => asPlayed(event));
    const added: OpenTask[] = [];
    for (const task of reply.tasks) {
      const open = this.scheduleTask(instance, task, started, events);
      if (open) added.push(open);
    }
    const completed = this.options.clock.stamp();
    events.push(orchestratorCompleted(completed));
    const hasDecisions = reply.nextId !== instance.nextId || reply.cancelled.length > 0;
    const { tasks, cancelled, nextId } = reply;
    const decisions = hasDecisions ? { tasks, cancelled, nextId } : null;
    const ending = this.ending(instance, reply, added);
    return {
      started,
      events: events.join(','),
      decisions,
      added,
      custom: reply.customStatus,
      ending,
      completed,
    };
  }

  /** Adds the event that schedules a task, and returns what the engine then waits for. */
  private scheduleTask(
    instance: Instance,
    task: NewTask,
    started: string,
    events: string[],
  ): OpenTask | undefined {
    const at = this.options.clock.stamp();
    if (task.kind === 'activity' || task.kind === 'retryAttempt') {
      const activity = activityTask(instance, task, at);
      if (activity) events.push(taskScheduled(activity.id, activity.name, at));
      return activity;
    }
    const fireAt =
      task.kind === 'timer' ? timerDate(task.fireAt) : this.retryAt(instance, task.root, started);
    if (fireAt === undefined) return undefined;
    events.push(timerCreated(task.id, fireAt, at));
    const hop = task.kind === 'timer' && task.hop === true;
    return { kind: 'timer', id: task.id, fireAt, created: at, hop, completed: false };
  }

  private retryAt(instance: Instance, root: number, started: string): string | undefined {
    const retries = instance.retries.get(root);
    if (!retries) return undefined;
    // The failure that leads to this wait is in the episode and not counted yet.
    const counted = { ...retries, failures: retries.failures + 1 };
    const delay = retryDelay(counted, stampToMillis(started));
    if (delay !== undefined) return addMillis(started, delay);
    this.warn(instance, [
      `The retries of activity '${retries.name}' have passed their retryTimeout. The platform then waits for ever, ` +
        'and so does this host; terminate the instance, and leave retryTimeout unset.',
    ]);
    return undefined;
  }

  private ending(instance: Instance, reply: State, added: OpenTask[]): Ending | undefined {
    if (reply.error !== undefined) {
      return {
        status: 'Failed',
        output: JSON.stringify(`Orchestrator function '${instance.name}' failed: ${reply.error}`),
      };
    }
    if (!reply.done) return undefined;
    const gone = new Set(reply.cancelled);
    for (const { task } of instance.current) if (task) gone.add(task.id);
    // A timer that is neither fired nor cancelled holds its instance open.
    const held = [...instance.open.values(), ...added].some(
      ({ kind, id }) => kind === 'timer' && !gone.has(id),
    );
    return held ? undefined : { status: 'Completed', output: reply.output };
  }

  private failure(instance: Instance, started: string, message: string): Plan {
    const completed = this.options.clock.stamp();
    const events = [
      ...instance.current.map(({ event }) => asPlayed(event)),
      orchestratorCompleted(completed),
    ];
    const ending: Ending = { status: 'Failed', output: JSON.stringify(message) };
    const { custom } = instance;
    return { started, events: events.join(','), decisions: null, added: [], custom, ending, completed };
  }

  private unknownOrchestrator(instance: Instance, started: string): Plan {
    this.options.log(`Instance '${instance.id}' failed: there is no orchestrator '${instance.name}'.`);
    return this.failure(
      instance,
      started,
      `Orchestrator function '${instance.name}' failed: The function '${instance.name}' doesn't exist, is disabled, ` +
        'or is not an orchestrator function.',
    );
  }

  private unknownActivity(reply: EpisodeReply): string | undefined {
    if (reply.kind !== 'state') return undefined;
    for (const task of reply.tasks) {
      if (task.kind === 'activity' && !this.options.runner.has('activity', task.name)) return task.name;
    }
    return undefined;
  }

  /** The platform drops an episode that names an unknown activity, and leaves the instance Running for ever. */
  private async leaveHanging(instance: Instance, activity: string): Promise<void> {
    const { store, log, clock } = this.options;
    log(
      `Instance '${instance.id}' of '${instance.name}' calls the activity '${activity}', which does not exist. As on ` +
        'the platform it stays Running and does nothing more. It goes on when the host is started with that activity.',
    );
    this.putBack(instance);
    const updated = clock.stamp();
    await store.database
      .write(() => store.setStatus(instance.seq, 'Running', instance.note, updated))
      .catch(() => undefined);
    instance.stuck = true;
    instance.updated = updated;
  }

  /** Writes an episode in one piece, and only then lets its consequences happen. */
  private async commit(instance: Instance, plan: Plan): Promise<void> {
    const { store, log } = this.options;
    const { seq, episodes: episode, current } = instance;
    const { started, events, ending, custom, completed } = plan;
    const decisions = plan.decisions && !ending ? JSON.stringify(plan.decisions) : null;
    const write = store.database.write(() => {
      store.appendEpisode(seq, episode, { started, events, decisions });
      for (const { inbox } of current) if (inbox !== undefined) store.removeFromInbox(inbox);
      if (ending) store.end(seq, ending, custom, completed);
      else if (custom !== instance.custom) store.setCustom(seq, custom);
    });
    instance.commit = write.catch(() => undefined);
    try {
      await write;
    } catch (error) {
      instance.commit = undefined;
      log(
        `Instance '${instance.id}': its episode could not be stored (${(error as Error).message}); it is run again.`,
      );
      this.putBack(instance);
      this.later(instance, COMMIT_RETRY_MS);
      return;
    }
    instance.commit = undefined;
    this.apply(instance, plan);
  }

  /** Counts an episode that was stored, in rows of the platform's history: it has one for each event. */
  count(events: number, isFirst: boolean, isLast: boolean): void {
    this.counted.episodes++;
    // OrchestratorStarted and OrchestratorCompleted; ExecutionStarted; ExecutionCompleted.
    this.counted.historyEvents += events + 2 + (isFirst ? 1 : 0) + (isLast ? 1 : 0);
  }

  private apply(instance: Instance, plan: Plan): void {
    const { activities, timers, onEnded } = this.options;
    this.count(
      instance.current.length + plan.added.length,
      instance.episodes === 0,
      plan.ending !== undefined,
    );
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
      for (const task of plan.added) instance.open.set(task.id, task);
      for (const id of plan.decisions.cancelled) closeTimer(instance, id);
      instance.nextId = plan.decisions.nextId;
    }
    for (const task of plan.added) {
      if (this.stopped) break;
      // An activity that is scheduled with the instance's end still runs, as on the platform.
      if (task.kind === 'activity') activities.add(instance, task);
      else if (!plan.ending && !task.completed) timers.arm(instance, task);
    }
    if (plan.ending) onEnded(instance);
  }

  private putBack(instance: Instance): void {
    instance.queue = [...instance.current, ...instance.queue];
    instance.current = [];
  }

  private later(instance: Instance, delay: number): void {
    instance.resting = true;
    setTimeout(
      () => {
        instance.resting = false;
        instance.busy = false;
        this.schedule(instance);
      },
      Math.max(1, delay),
    ).unref();
  }

  private warn(instance: Instance, warnings: string[] | undefined): void {
    for (const warning of warnings ?? []) {
      if (instance.warned.has(warning)) continue;
      instance.warned.add(warning);
      this.options.log(`Instance '${instance.id}' of '${instance.name}': ${warning}`);
    }
  }
}

function startedText(at: string): string {
  return `{"EventType":12,"EventId":-1,"IsPlayed":false,"Timestamp":"${at}"}`;
}

/** The latest time that a JavaScript date can hold (https://tc39.es/ecma262/#sec-time-values-and-time-range). */
const YEAR_9999 = Date.UTC(9999, 11, 31);

function timerDate(ms: number): string {
  return millisToStamp(Math.min(Math.max(0, ms), YEAR_9999));
}
