import { randomUUID } from 'node:crypto';
import { Database } from '../shared/database';
import { Activities } from './activities';
import { Children } from './children';
import { Clock } from './clock';
import { Episodes } from './episodes';
import { eventRaised } from './history';
import { Instance, type Incoming } from './instance';
import { listPage, purgeEnded, type ListPage, type ListQuery, type PurgeQuery } from './query';
import { recover } from './recovery';
import { Control, type ChangeResult, type PauseResult, type RewindResult } from './control';
import type { Runner } from './runner';
import type { OverridableStates } from './settings';
import { Store, TERMINAL, type EpisodeRow, type InstanceRow, type RuntimeStatus } from './store';
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

export interface StartRequest {
  name: string;
  /** Generated when absent. */
  id?: string;
  /** JSON text; null for none. */
  input: string | null;
  version?: string | null;
  /** The instance of which this is a restart. */
  restarts?: string;
}

export type StartResult = { outcome: 'started'; id: string } | { outcome: 'conflict'; status: RuntimeStatus };
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
  private readonly episodes: Episodes;
  private readonly control: Control;
  private readonly versions: VersionSettings;
  private readonly overridesAny: boolean;
  private lastInstance: number;
  private lastInbox: number;
  private started = false;
  private disposed = false;

  constructor(options: EngineOptions) {
    this.log = options.log ?? (() => undefined);
    this.versions = options.versions ?? NO_VERSIONS;
    this.overridesAny = options.overridable === 'AnyState';
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
    this.episodes = new Episodes({
      runner: options.runner,
      clock: this.clock,
      store: this.store,
      activities: this.activities,
      timers: this.timers,
      children: this.children,
      limit: options.maxConcurrentOrchestrators ?? DEFAULT_ORCHESTRATORS,
      verifyEvery: options.verifyEvery ?? DEFAULT_VERIFY_EVERY,
      alwaysReplay: options.alwaysReplay ?? false,
      versions: this.versions,
      maxActions: options.maxActions ?? Number.POSITIVE_INFINITY,
      log: this.log,
      onEnded: (instance) => this.forget(instance),
    });
    this.control = new Control({
      clock: this.clock,
      store: this.store,
      live: this.live,
      children: this.children,
      episodes: this.episodes,
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
    for (const instance of this.live.values()) {
      stopTimers(instance);
      for (const resolve of instance.whenEnded) resolve();
    }
    this.database.close();
  }

  /** Starts an instance; resolves once that is durable. An id whose instance has ended is started over. */
  async startInstance(request: StartRequest): Promise<StartResult> {
    if (!this.started || this.disposed) throw new Error('The durable engine is not running.');
    const id = request.id ?? randomUUID().replaceAll('-', '');
    let running = this.live.get(id);
    // An episode that is being committed is still the old instance's.
    while (this.overridesAny && running?.commit) {
      await running.commit;
      running = this.live.get(id);
    }
    if (running && !(this.overridesAny && running.durable))
      return { outcome: 'conflict', status: running.status };
    const previous = running?.toRow() ?? this.store.find(id);
    const instance = new Instance(this.newRow(request, id, previous), false);
    if (running) running.closed = true;
    this.live.set(id, instance);
    try {
      await this.database.write(() => {
        if (previous) this.store.remove(previous.seq);
        this.store.insert(instance.toRow());
      });
    } catch (error) {
      this.live.delete(id);
      if (running) this.reopen(running);
      throw error;
    }
    if (running) this.forget(running);
    instance.durable = true;
    this.episodes.schedule(instance);
    return { outcome: 'started', id };
  }

  private reopen(instance: Instance): void {
    this.live.set(instance.id, instance);
    instance.closed = false;
    this.episodes.schedule(instance);
  }

  private newRow(request: StartRequest, id: string, previous: InstanceRow | undefined): InstanceRow {
    const created = this.clock.stamp();
    const { restarts } = request;
    const execution = randomUUID();
    return {
      seq: ++this.lastInstance,
      id,
      name: request.name,
      // The platform writes those of restarts without dashes.
      execution: restarts === undefined ? execution : execution.replaceAll('-', ''),
      version: request.version ?? this.versions.current,
      input: request.input,
      generation: previous ? previous.generation + 1 : 0,
      carried: null,
      parent: null,
      source: restarts === undefined || restarts === id ? null : restarts,
      created,
      status: 'Pending',
      output: null,
      custom: null,
      updated: created,
    };
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
    return { ...this.episodes.counted, activities: this.activities.executed };
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
    const instance = this.live.get(id);
    if (!instance) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timeout);
        instance.whenEnded.delete(done);
        resolve();
      };
      const timeout = setTimeout(done, milliseconds);
      instance.whenEnded.add(done);
    });
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

  private forget(instance: Instance): void {
    if (this.live.get(instance.id) === instance) this.live.delete(instance.id);
    stopTimers(instance);
    instance.open.clear();
    instance.queue = [];
    for (const resolve of instance.whenEnded) resolve();
  }
}

function stopTimers(instance: Instance): void {
  for (const task of instance.open.values()) if (task.kind === 'timer') clearTimeout(task.handle);
}

/** Opens (or creates) the store. Nothing runs before {@link DurableEngine.start}. */
export function openEngine(options: EngineOptions): DurableEngine {
  return new DurableEngine(options);
}
