import { lossDelay } from './activities';
import type { Clock } from './clock';
import type { Commits } from './commits';
import { orchestratorCompleted } from './history';
import type { Incoming, Instance } from './instance';
import { episodePayload, Planner, type Plan } from './plan';
import type { EpisodeMessage, EpisodeReply, Runner } from './runner';
import type { Store } from './store';
import { runsVersion, type VersionSettings } from './versions';

export interface EpisodesOptions {
  runner: Runner;
  clock: Clock;
  store: Store;
  commits: Commits;
  /** Orchestrators running at a time. */
  limit: number;
  verifyEvery: number;
  alwaysReplay: boolean;
  versions: VersionSettings;
  maxActions: number;
  log: (text: string) => void;
}

/** Waits before an episode whose commit failed is run again, in milliseconds. */
const COMMIT_RETRY_MS = 1_000;

/** Runs orchestrators episode by episode; one at a time for each instance. */
export class Episodes {
  private ready: Instance[] = [];
  private scheduled = false;
  private running = 0;
  private sinceVerified = 0;
  private stopped = false;

  private readonly planner: Planner;

  constructor(private readonly options: EpisodesOptions) {
    const { clock, log, store } = options;
    const warn = (instance: Instance, warnings: string[]): void => this.warn(instance, warnings);
    this.planner = new Planner(clock, log, warn, options, (instance) => store.episodes(instance));
  }

  /** Runs an episode soon. What arrives in the same turn of the event loop goes into the same episode. */
  schedule(instance: Instance): void {
    if (instance.busy || instance.closed || instance.stuck || instance.suspended || this.stopped) return;
    // What is still being written begins when it is on disk.
    if (!instance.durable || this.leaves(instance)) return;
    instance.busy = true;
    this.ready.push(instance);
    this.wake();
  }

  /** The platform does not touch an instance of a version that it does not run. */
  private leaves(instance: Instance): boolean {
    const { versions } = this.options;
    if (versions.failure === 'Fail' || runsVersion(versions, instance.version)) return false;
    const current =
      versions.current === null ? 'names no defaultVersion' : `runs version ${versions.current}`;
    this.warn(instance, [
      `It has the version ${instance.version ?? '(none)'}, and host.json ${current}. As on the platform it stays ` +
        `${instance.status} until a host runs that version.`,
    ]);
    return true;
  }

  /** Begins nothing more; replies that are still under way are dropped, and asked for again after a restart. */
  stop(): void {
    this.stopped = true;
    this.ready = [];
    this.options.commits.stop();
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
        if (instance.isDue) this.schedule(instance);
        if (this.ready.length > 0) this.wake();
      });
    }
  }

  private async run(instance: Instance): Promise<void> {
    if (instance.closed) return;
    const { clock, runner, log } = this.options;
    const started = clock.stamp();
    if (!runsVersion(this.options.versions, instance.version)) {
      await this.commit(instance, this.planner.otherVersion(instance, started));
      return;
    }
    const isNew = instance.episodes === 0 || instance.rewound;
    if (isNew && !runner.has('orchestrator', instance.name)) {
      await this.commit(instance, this.planner.unknownOrchestrator(instance, started));
      return;
    }
    this.take(instance);
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
    if (instance.closed || this.stopped) {
      this.putBack(instance);
      return;
    }
    this.warn(instance, reply.warnings);
    const unknown = this.unknownFunction(reply);
    if (unknown !== undefined) {
      await this.leaveHanging(instance, unknown);
      return;
    }
    await this.commit(instance, this.planner.plan(instance, started, reply));
  }

  /** An execution that continues another one begins with what it takes over; what waits comes after that. */
  private take(instance: Instance): void {
    if (instance.episodes === 0 && instance.carried !== null) {
      const carried = JSON.parse(`[${instance.carried}]`) as object[];
      const events = carried.map((event) => JSON.stringify(event));
      events.push(orchestratorCompleted(this.options.clock.stamp()));
      instance.current = events.map((event): Incoming => ({ event, opening: true }));
      return;
    }
    instance.current = instance.queue;
    instance.queue = [];
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
    if (instance.again.size > 0) message.again = [...instance.again];
    if (alwaysReplay) message.mode = 'replay';
    else if (instance.episodes > 0 && this.isTurnToVerify()) message.mode = 'verify';
    if (instance.episodes === 0 || message.mode) message.payload = this.payload(instance, message);
    const reply = await runner.runEpisode(instance.name, instance.id, message);
    if (reply.kind !== 'sendPayload') return reply;
    message.payload = this.payload(instance, message);
    return runner.runEpisode(instance.name, instance.id, message);
  }

  private payload(instance: Instance, message: EpisodeMessage): string {
    const rows = instance.episodes === 0 ? [] : this.options.store.episodes(instance.seq);
    return episodePayload(instance, rows, message);
  }

  private isTurnToVerify(): boolean {
    const { verifyEvery } = this.options;
    if (verifyEvery <= 0 || ++this.sinceVerified < verifyEvery) return false;
    this.sinceVerified = 0;
    return true;
  }

  private unknownFunction(reply: EpisodeReply): string | undefined {
    if (reply.kind !== 'state') return undefined;
    const { runner } = this.options;
    for (const task of reply.tasks) {
      if (task.kind === 'activity' && !runner.has('activity', task.name)) return `activity '${task.name}'`;
      if (task.kind === 'child' && !runner.has('orchestrator', task.name))
        return `orchestrator '${task.name}'`;
    }
    return undefined;
  }

  /** The platform drops an episode that names an unknown function, and leaves the instance Running for ever. */
  private async leaveHanging(instance: Instance, unknown: string): Promise<void> {
    const { store, log, clock } = this.options;
    log(
      `Instance '${instance.id}' of '${instance.name}' calls the ${unknown}, which does not exist. As on the platform ` +
        'it stays Running and does nothing more. It goes on when the host is started with that function.',
    );
    this.putBack(instance);
    const updated = clock.stamp();
    await store.database
      .write(() => store.setStatus(instance.seq, 'Running', instance.note, updated))
      .catch(() => undefined);
    instance.stuck = true;
    instance.updated = updated;
  }

  /** What could not be stored is run again. */
  private async commit(instance: Instance, plan: Plan): Promise<void> {
    const error = await this.options.commits.write(instance, plan);
    if (!error) return;
    this.options.log(
      `Instance '${instance.id}': its episode could not be stored (${error.message}); it is run again.`,
    );
    this.putBack(instance);
    this.later(instance, COMMIT_RETRY_MS);
  }

  private putBack(instance: Instance): void {
    instance.queue = [...instance.current.filter(({ opening }) => !opening), ...instance.queue];
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
