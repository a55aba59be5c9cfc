import { Database } from '../shared/database';
import { Activities } from './activities';
import { Children } from './children';
import { Clock } from './clock';
import { Commits } from './commits';
import { Episodes } from './episodes';
import { eventRaised } from './history';
import type { Incoming, Instance } from './instance';
import { listPage, purgeEnded, type ListPage, type ListQuery, type PurgeQuery } from './query';
import { recover } from './recovery';
import { Control, type ChangeResult, type PauseResult, type RewindResult } from './control';
import type { Runner } from './runner';
import type { OverridableStates } from './settings';
import { TERMINAL, type EpisodeRow, type InstanceRow, type RuntimeStatus } from './schema';
import { Starts, type StartRequest, type StartResult } from './starts';
import { Store } from './store';
import { Timers } from './timers';
import { NO_VERSIONS, type VersionSettings } from './versions';

/** A checkpoint holds up every acknowledgement: one in 32 MB of log (pages of 4 KiB), not in 4 (https://sqlite.org/wal.html#ckpt). */
const CHECKPOINT_PAGES = 8_000;

export interface EngineOptions {
  /** The SQLite file; its folder is created. */
  file: string;
  runner: Runner;
  /** Activities running at a time; 64 unless told. */
  maxConcurrentActivities?: number;
  /** Orchestrators running at a time; 128 unless told. */
  maxConcurrentOrchestrators?: number;
  /** Every so many episodes one is also replayed in full and compared; 50 unless told, 0 for never. */
  verifyEvery?: number;
  /** Replays the whole history in every episode, as the platform does. For tests. */
  alwaysReplay?: boolean;
  /** Activities, timers and sub-orchestrations that one execution may schedule; no limit unless told. */
  maxActions?: number;
  /** `AnyState`: starting an id replaces its instance, whatever that is doing. */
  overridable?: OverridableStates;
  /** Which versions are run, and which one is given. */
  versions?: VersionSettings;
  /** Receives one line for everything that a developer should know of. */
  log?: (text: string) => void;
  now?: () => Date;
}

const DEFAULT_ACTIVITIES = 64;
const DEFAULT_ORCHESTRATORS = 128;
const DEFAULT_VERIFY_EVERY = 50;

export type RestartResult = StartResult | { outcome: 'notFound' };
export type PurgeResult =
  { outcome: 'purged' } | { outcome: 'notFound' } | { outcome: 'running'; status: RuntimeStatus };

/** The Durable Task engine: orchestration instances, their histories and what they wait for, in one SQLite file. */
export class DurableEngine {
  private readonly clock: Clock;
  private readonly database: Database;
  private readonly store: Store;
  private readonly live = new Map<string, Instance>();
  private readonly log: (text: string) => void;
  private readonly activities: Activities;
  private readonly timers: Timers;
  private readonly children: Children;
  private readonly commits: Commits;
  private readonly episodes: Episodes;
  private readonly starts: Starts;
  private readonly control: Control;
  private lastInstance: number;
  private lastInbox: number;
  private started = false;
  private disposed = false;

  constructor(options: EngineOptions) {
    this.log = options.log ?? (() => undefined);
    const versions = options.versions ?? NO_VERSIONS;
    this.clock = new Clock(options.now);
    this.database = new Database(options.file);
    this.database.db.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    this.store = new Store(this.database);
    this.lastInstance = this.store.maxInstance();
    this.lastInbox = this.store.maxInbox();
    const deliver = (instance: Instance, incoming: Incoming): void => this.deliver(instance, incoming);
    this.activities = new Activities(
      options.runner,
      this.clock,
      options.maxConcurrentActivities ?? DEFAULT_ACTIVITIES,
      this.log,
      deliver,
    );
    this.timers = new Timers(this.clock, deliver);
    this.children = new Children({
      clock: this.clock,
      store: this.store,
      live: this.live,
      nextInstance: () => ++this.lastInstance,
      nextInbox: () => ++this.lastInbox,
      begin: (child) => this.episodes.schedule(child),
      deliver,
      log: this.log,
    });
    this.commits = new Commits({
      store: this.store,
      activities: this.activities,
      timers: this.timers,
      children: this.children,
      log: this.log,
      onEnded: (instance) => this.forget(instance),
    });
    this.episodes = new Episodes({
      runner: options.runner,
      clock: this.clock,
      store: this.store,
      commits: this.commits,
      limit: options.maxConcurrentOrchestrators ?? DEFAULT_ORCHESTRATORS,
      verifyEvery: options.verifyEvery ?? DEFAULT_VERIFY_EVERY,
      alwaysReplay: options.alwaysReplay ?? false,
      versions,
      maxActions: options.maxActions ?? Number.POSITIVE_INFINITY,
      log: this.log,
    });
    this.starts = new Starts({
      clock: this.clock,
      store: this.store,
      live: this.live,
      episodes: this.episodes,
      versions,
      overridesAny: options.overridable === 'AnyState',
      nextInstance: () => ++this.lastInstance,
      forget: (instance) => this.forget(instance),
      reopen: (instance) => this.reopen(instance),
    });
    this.control = new Control({
      clock: this.clock,
      store: this.store,
      live: this.live,
      children: this.children,
      commits: this.commits,
      nextInbox: () => ++this.lastInbox,
      deliver,
      resume: (instance) => this.resume(instance),
      forget: (instance) => this.forget(instance),
      reopen: (instance) => this.reopen(instance),
      missing: (id) => this.missing(id),
      log: this.log,
    });
  }

  /** Takes up everything that was in flight when the store was last closed, however that came about. */
  start(): void {
    if (this.started) return;
    this.started = true;
    const orphans = recover(this.store, this.live);
    if (orphans.length > 0) {
      void this.database.write(() => orphans.forEach((seq) => this.store.removeFromInbox(seq)));
    }
    for (const instance of this.live.values()) this.resume(instance);
  }

  /** Stops taking up work, commits what is under way and closes the store; the rest goes on at the next start. */
  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.activities.stop();
    this.episodes.stop();
    for (const instance of this.live.values()) instance.release();
    this.database.close();
  }

  /** Starts an instance; resolves once that is durable. An id whose instance has ended is started over. */
  async startInstance(request: StartRequest): Promise<StartResult> {
    if (!this.started || this.disposed) throw new Error('The durable engine is not running.');
    return this.starts.start(request);
  }

  /** Starts an instance with the name and input of another one, or that one itself over again once it has ended. */
  async restart(id: string, withNewId: boolean): Promise<RestartResult> {
    const row = this.find(id);
    if (!row) return { outcome: 'notFound' };
    const { name, input } = row;
    // The platform reads the input back as JSON, so that none becomes null.
    const request = { name, input: input ?? 'null', restarts: id };
    return this.startInstance(withNewId ? request : { ...request, id });
  }

  /** What was executed and stored since the engine was opened. */
  counters(): { historyEvents: number; activities: number; episodes: number } {
    return { ...this.commits.counted, activities: this.activities.executed };
  }

  /** The instance as it is known to be on disk. */
  find(id: string): InstanceRow | undefined {
    const instance = this.live.get(id);
    return instance?.durable ? instance.toRow() : this.store.find(id);
  }

  /** The stored episodes of an instance, oldest first. */
  history(seq: number): EpisodeRow[] {
    return this.store.episodes(seq);
  }

  /** Instances in the order of their ids. */
  list(query: ListQuery): ListPage {
    return listPage(this.store, query, (stored) => this.live.get(stored.id)?.toRow() ?? stored);
  }

  /** @param input JSON text. Resolves once the event is durable. */
  async raiseEvent(id: string, name: string, input: string): Promise<ChangeResult> {
    const instance = this.live.get(id);
    if (!instance?.durable || instance.closed) return this.missing(id);
    const event = eventRaised(name, input, this.clock.stamp());
    const seq = ++this.lastInbox;
    await this.database.write(() => this.store.addToInbox({ seq, instance: instance.seq, event }));
    this.deliver(instance, { event, inbox: seq });
    return 'done';
  }

  /** Holds an instance: events and results are kept, and nothing is run for it, until it is resumed. */
  suspend(id: string, reason: string | null): Promise<PauseResult> {
    return this.control.pause(id, reason, true);
  }

  resumeInstance(id: string, reason: string | null): Promise<PauseResult> {
    return this.control.pause(id, reason, false);
  }

  /** Ends an instance at once, whatever it is doing. Activities that run already run on, without effect. */
  terminate(id: string, reason: string | null): Promise<ChangeResult> {
    return this.control.terminate(id, reason);
  }

  /**
   * Lets a failed instance go on: what failed in it runs again, in its sub-orchestrations too. One write changes the
   * histories and brings the message that revives them.
   */
  rewind(id: string, reason: string | null): Promise<RewindResult> {
    return this.control.rewind(id, reason);
  }

  /** Removes an instance that has ended, with its history. */
  async purge(id: string): Promise<PurgeResult> {
    const running = this.live.get(id);
    if (running) return { outcome: 'running', status: running.status };
    const row = this.store.find(id);
    if (!row) return { outcome: 'notFound' };
    // Another request may have been quicker.
    const isRemoved = await this.database.write(() => this.store.remove(row.seq));
    return { outcome: isRemoved ? 'purged' : 'notFound' };
  }

  /** Removes instances that have ended, with their histories; gives their number. Those that have not ended stay. */
  purgeBy(query: PurgeQuery): Promise<number> {
    return purgeEnded(this.store, query);
  }

  /** Resolves when the instance has ended (or is not there), or after so many milliseconds. */
  whenEnded(id: string, milliseconds: number): Promise<void> {
    return this.live.get(id)?.untilEnded(milliseconds) ?? Promise.resolve();
  }

  private missing(id: string): ChangeResult {
    const status = this.find(id)?.status;
    return status !== undefined && TERMINAL.includes(status) ? 'ended' : 'notFound';
  }

  private resume(instance: Instance): void {
    for (const task of instance.open.values()) {
      if (task.kind === 'activity') this.activities.add(instance, task);
      else if (task.kind === 'timer') this.timers.arm(instance, task);
    }
    this.children.check(instance);
    if (instance.episodes === 0 || instance.queue.length > 0) this.episodes.schedule(instance);
  }

  private deliver(instance: Instance, incoming: Incoming): void {
    instance.queue.push(incoming);
    this.episodes.schedule(instance);
  }

  private reopen(instance: Instance): void {
    this.live.set(instance.id, instance);
    instance.closed = false;
    this.episodes.schedule(instance);
  }

  private forget(instance: Instance): void {
    if (this.live.get(instance.id) === instance) this.live.delete(instance.id);
    instance.release();
  }
}

/** Opens (or creates) the store. Nothing runs before {@link DurableEngine.start}. */
export function openEngine(options: EngineOptions): DurableEngine {
  return new DurableEngine(options);
}
