import { randomUUID } from 'node:crypto';
import { addMillis, millisToStamp, stampToMillis, type Clock } from './clock';
import {
  asPlayed,
  childCreated,
  EventType,
  orchestratorCompleted,
  orchestratorStarted,
  taskScheduled,
  timerCreated,
  triggerPayload,
  type HistoryEvent,
} from './history';
import { findDifference } from './determinism';
import type { Instance } from './instance';
import type { ContinueAsNew, EpisodeMessage, EpisodeReply, NewTask } from './runner';
import { attempt, retryDelay, type OpenTask, type TimerTask } from './tasks';
import type { VersionSettings } from './versions';
import type { Decisions, Ending, EpisodeRow, NextExecution } from './schema';

type State = Extract<EpisodeReply, { kind: 'state' }>;

/** An instance that is held open for less is not worth a warning. */
const MENTIONED_WAIT_MS = 1_000;

/** What one episode adds to an instance, ready to be written in one piece. */
export interface Plan {
  started: string;
  events: string;
  decisions: Decisions | null;
  added: OpenTask[];
  custom: string | null;
  ending: Ending | undefined;
  /** The execution that follows at once on this episode, which is then not kept. */
  next?: NextExecution;
  /** External events that get lost with that. */
  dropped?: number;
  completed: string;
}

/** The trigger's payload for an episode, with the whole history. `rows` are the stored episodes. */
export function episodePayload(instance: Instance, rows: EpisodeRow[], message: EpisodeMessage): string {
  const parts: string[] = [];
  rows.forEach(({ started, events }, index) => {
    if (index > 0) parts.push(orchestratorStarted(started));
    parts.push(events);
  });
  if (rows.length > 0) parts.push(orchestratorStarted(message.started));
  if (message.events !== '') parts.push(message.events);
  return triggerPayload(instance, rows[0]?.started ?? message.started, rows.length === 0, parts.join(','));
}

/** Turns what a worker answered into what is to be written; nothing takes effect before it is. */
export class Planner {
  constructor(
    private readonly clock: Clock,
    private readonly log: (text: string) => void,
    private readonly warn: (instance: Instance, warnings: string[]) => void,
    private readonly rules: { maxActions: number; versions: VersionSettings },
    private readonly episodes: (instance: number) => EpisodeRow[],
  ) {}

  plan(instance: Instance, started: string, reply: EpisodeReply): Plan {
    const { current } = instance;
    if (reply.kind !== 'state') {
      const message =
        reply.kind === 'nonDeterministic' ? reply.message : 'The worker did not take the history.';
      this.log(`Instance '${instance.id}' of '${instance.name}' failed. ${message}`);
      return this.failure(instance, started, message);
    }
    if (reply.unsupported !== undefined) {
      const message = `Orchestrator function '${instance.name}' failed: ${reply.unsupported} is not supported here yet.`;
      this.log(
        `Instance '${instance.id}' of '${instance.name}' failed: it uses ${reply.unsupported}, which is not supported here yet.`,
      );
      return this.failure(instance, started, message);
    }
    const { maxActions } = this.rules;
    if (reply.nextId > maxActions) {
      const message =
        `Maximum amount of orchestration actions (${maxActions}) has been reached. ` +
        'This value can be configured in host.json file as MaxOrchestrationActions.';
      this.log(`Instance '${instance.id}' of '${instance.name}' failed. ${message}`);
      return this.failure(instance, started, `Orchestrator function '${instance.name}' failed: ${message}`);
    }
    if (reply.crashed) {
      const difference = this.crash(instance);
      if (difference !== undefined) return this.failure(instance, started, difference);
    }
    const events = current.map(({ event }) => asPlayed(event));
    const added: OpenTask[] = [];
    for (const task of reply.tasks) {
      const open = this.scheduleTask(instance, task, started, events);
      if (open) added.push(open);
    }
    const completed = this.clock.stamp();
    events.push(orchestratorCompleted(completed));
    const { tasks, cancelled, nextId } = reply;
    const hasDecisions = tasks.length > 0 || nextId !== instance.nextId || cancelled.length > 0;
    const decisions = hasDecisions ? { tasks, cancelled, nextId } : null;
    const ending = this.ending(instance, reply, added, completed);
    const plan = { started, events: events.join(','), decisions, added, custom: reply.customStatus };
    const { continueAsNew } = reply;
    if (ending?.status !== 'Completed' || !continueAsNew) return { ...plan, ending, completed };
    const next = this.nextExecution(instance, continueAsNew);
    return { ...plan, ending: undefined, next, dropped: continueAsNew.dropped, completed };
  }

  /**
   * How the platform sees an invocation that failed as such: the orchestrator has decided nothing, and so not what it
   * had decided before. Undefined when it had decided nothing before, either.
   */
  private crash(instance: Instance): string | undefined {
    const stored = this.episodes(instance.seq).map(({ events }) => events);
    const history = JSON.parse(`[${stored.join(',')}]`) as HistoryEvent[];
    return findDifference(history, new Map(), 0);
  }

  private nextExecution(instance: Instance, { input, carried }: ContinueAsNew): NextExecution {
    const events = carried === 0 ? [] : this.lastExternalEvents(instance, carried);
    return {
      execution: randomUUID().replaceAll('-', ''),
      input,
      carried: events.join(','),
      created: this.clock.stamp(),
    };
  }

  /** The last so many external events, as they came. Those of earlier episodes count when a timer held back the end. */
  private lastExternalEvents(instance: Instance, count: number): string[] {
    const current = instance.current.map(({ event }) => event);
    const stored = this.episodes(instance.seq).map(({ events }) => events);
    const all = JSON.parse(
      `[${[...stored, ...current].filter((text) => text !== '').join(',')}]`,
    ) as HistoryEvent[];
    return all
      .filter((event) => event.EventType === EventType.EventRaised)
      .slice(-count)
      .map((event) => JSON.stringify({ ...event, IsPlayed: false }));
  }

  /** Adds the event that schedules a task, and returns what the engine then waits for. */
  private scheduleTask(
    instance: Instance,
    task: NewTask,
    started: string,
    events: string[],
  ): OpenTask | undefined {
    const at = this.clock.stamp();
    if (task.kind === 'activity' || task.kind === 'child' || task.kind === 'retryAttempt') {
      const open = attempt(instance, task, at);
      if (open?.kind === 'activity') events.push(taskScheduled(open.id, open.name, at));
      if (open?.kind === 'child') open.version ??= this.rules.versions.current;
      if (open?.kind === 'child') events.push(childCreated(open.id, open.name, open.version, open.child, at));
      return open;
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
      `The retries of '${retries.task.name}' have passed their retryTimeout. The platform then waits for ever, ` +
        'and so does this host; terminate the instance, and leave retryTimeout unset.',
    ]);
    return undefined;
  }

  private ending(instance: Instance, reply: State, added: OpenTask[], now: string): Ending | undefined {
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
    const holding = [...instance.open.values(), ...added].filter(
      (task): task is TimerTask => task.kind === 'timer' && !gone.has(task.id),
    );
    if (holding.length === 0) return { status: 'Completed', output: reply.output };
    this.warnHeld(instance, reply, holding, now);
    return undefined;
  }

  private warnHeld(instance: Instance, { continueAsNew }: State, timers: TimerTask[], now: string): void {
    const latest = timers.reduce((ms, { fireAt }) => Math.max(ms, stampToMillis(fireAt)), 0);
    if (latest - stampToMillis(now) < MENTIONED_WAIT_MS) return;
    // Without the time for what continues as new: it would be another text each time.
    const does = continueAsNew ? 'continues as new' : `ends at ${millisToStamp(latest)}`;
    this.warn(instance, [
      'It is done, but has timers that have neither fired nor been cancelled. As on the platform it stays Running and ' +
        `${does} only when they have fired; cancel a timer that is not waited for any more.`,
    ]);
  }

  private failure(instance: Instance, started: string, message: string): Plan {
    const completed = this.clock.stamp();
    const events = [
      ...instance.current.map(({ event }) => asPlayed(event)),
      orchestratorCompleted(completed),
    ];
    const ending: Ending = { status: 'Failed', output: JSON.stringify(message) };
    const { custom } = instance;
    return { started, events: events.join(','), decisions: null, added: [], custom, ending, completed };
  }

  otherVersion(instance: Instance, started: string): Plan {
    const { id, name, version } = instance;
    this.log(`Instance '${id}' of '${name}' failed: its version ${version ?? '(none)'} is not run here.`);
    return this.failure(instance, started, 'Orchestration version did not comply with Worker Versioning');
  }

  unknownOrchestrator(instance: Instance, started: string): Plan {
    this.log(`Instance '${instance.id}' failed: there is no orchestrator '${instance.name}'.`);
    return this.failure(
      instance,
      started,
      `Orchestrator function '${instance.name}' failed: The function '${instance.name}' doesn't exist, is disabled, ` +
        'or is not an orchestrator function.',
    );
  }
}

/** The latest time that a JavaScript date can hold (https://tc39.es/ecma262/#sec-time-values-and-time-range). */
const YEAR_9999 = Date.UTC(9999, 11, 31);

function timerDate(ms: number): string {
  return millisToStamp(Math.min(Math.max(0, ms), YEAR_9999));
}
