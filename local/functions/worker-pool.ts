import { WorkerLostError } from '../durable/runner';
import type { FunctionMetadata, Invocation, InvocationReply, LoadedApp } from './protocol';
import { SCALE_GROUPS, scaleGroupOf, type ScaleGroup } from './scale-group';
import { WorkerProcess, type WorkerSettings } from './worker-process';
import { log } from '../shared/log';

/** Pauses before a worker is started again (ms), by number of failures in a row. */
const BACK_OFF_MS = [0, 500, 1_000, 2_000, 5_000, 10_000, 30_000];
/** Longest pause (ms) when the app does load: other work waits meanwhile. */
const MAX_BACK_OFF_LOADED_MS = 5_000;
/** A worker that lived so long (ms) has not failed in a row. */
const STABLE_AFTER_MS = 30_000;

/** An instance's own worker: its episodes run there, its activities as long as others are not much less busy. */
export interface Affinity {
  readonly instanceId: string;
  readonly strict: boolean;
}

/** So many more invocations may be under way in an instance's worker before its activities go elsewhere. */
const PREFERRED_LOAD = 4;

interface Slot {
  readonly index: number;
  /** What it runs; undefined: everything. */
  readonly group: ScaleGroup | undefined;
  worker: WorkerProcess | undefined;
  ready: boolean;
  build: string;
  failures: number;
  timer: NodeJS.Timeout | undefined;
}

export interface PoolScale {
  /** Workers: all in all, or of each group. */
  readonly count: number;
  /** Whether each group has workers of its own, of which those that nobody waits for are in the background. */
  readonly groups: boolean;
}

export interface PoolEvents {
  /** The app was loaded, for the first time or from another build. */
  onApp(app: LoadedApp): void;
  /** A function has handed something to its output bindings; resolves with what that makes of the reply. */
  onOutputs(invocation: Omit<Invocation, 'id'>, reply: InvocationReply): Promise<InvocationReply>;
}

/** No worker can take work because the app does not load. */
export class AppNotLoadedError extends Error {
  override readonly name = 'AppNotLoadedError';
}

/** The worker processes: starts them, spreads work over them, replaces those that end. */
export class WorkerPool {
  private readonly slots: Slot[];
  private app: LoadedApp | undefined;
  private names = new Map<string, FunctionMetadata>();
  /** Those that run a function, by its lower-case name. */
  private slotsOf = new Map<string, readonly Slot[]>();
  private waiting: ((error: Error | undefined) => void)[] = [];
  private loadError: string | undefined;
  private disposed = false;

  constructor(
    private readonly settings: WorkerSettings,
    scale: PoolScale,
    private readonly events: PoolEvents,
  ) {
    const groups = scale.groups ? SCALE_GROUPS : [undefined];
    this.slots = Array.from({ length: scale.count * groups.length }, (_, index) => ({
      index,
      group: groups[index % groups.length],
      worker: undefined,
      ready: false,
      build: '',
      failures: 0,
      timer: undefined,
    }));
    for (const slot of this.slots) this.start(slot);
  }

  get pids(): number[] {
    return this.slots.flatMap((slot) => slot.worker?.pid ?? []);
  }

  /** Why the app cannot be loaded, or undefined when it can. */
  get problem(): string | undefined {
    return this.slots.some((slot) => slot.ready) ? undefined : this.loadError;
  }

  /** The function of this name, ignoring case. */
  find(name: string): FunctionMetadata | undefined {
    return this.names.get(name.toLowerCase());
  }

  /** Resolves when every worker is ready, or has turned out not to load the app. */
  async settled(): Promise<void> {
    const loading = this.slots.flatMap(({ worker }) => worker ?? []);
    await Promise.all(
      loading.map((worker) =>
        worker.app.then(
          () => undefined,
          () => worker.ended,
        ),
      ),
    );
  }

  /**
   * Runs an invocation in the least busy worker, or in the one that its instance is bound to.
   * @throws {WorkerLostError} when the worker ends meanwhile.
   * @throws {AppNotLoadedError} when the app does not load.
   */
  async invoke(invocation: Omit<Invocation, 'id'>, affinity?: Affinity): Promise<InvocationReply> {
    const worker = await this.acquire(invocation.name, affinity);
    const reply = await worker.invoke(invocation);
    return reply.ok && reply.outputs ? this.events.onOutputs(invocation, reply) : reply;
  }

  /** The worker that an invocation of this function would run in. @throws as {@link invoke}. */
  async acquire(name: string, affinity?: Affinity): Promise<WorkerProcess> {
    let worker = this.pick(name, affinity);
    while (!worker) {
      await this.available();
      worker = this.pick(name, affinity);
    }
    return worker;
  }

  async dispose(): Promise<void> {
    this.disposed = true;
    this.wake(new WorkerLostError('The host stops.'));
    await Promise.all(
      this.slots.map(async (slot) => {
        clearTimeout(slot.timer);
        await slot.worker?.stop();
      }),
    );
  }

  private pick(name: string, affinity: Affinity | undefined): WorkerProcess | undefined {
    const slots = this.slotsOf.get(name.toLowerCase()) ?? this.slots;
    let best: WorkerProcess | undefined;
    for (const { ready, worker } of slots) {
      if (ready && worker?.usable && (!best || worker.load < best.load)) best = worker;
    }
    if (affinity === undefined || slots.length === 1) return best;
    const bound = slots[hash(affinity.instanceId) % slots.length];
    if (!best || !bound?.ready || !bound.worker?.usable) return best;
    return affinity.strict || bound.worker.load <= best.load + PREFERRED_LOAD ? bound.worker : best;
  }

  private slotsFor(fn: FunctionMetadata): readonly Slot[] {
    const group = scaleGroupOf(fn);
    return this.slots.filter((slot) => slot.group === undefined || slot.group === group);
  }

  private available(): Promise<void> {
    if (this.disposed) return Promise.reject(new WorkerLostError('The host stops.'));
    if (this.problem !== undefined) return Promise.reject(new AppNotLoadedError(this.problem));
    return new Promise((resolve, reject) => {
      this.waiting.push((error) => (error ? reject(error) : resolve()));
    });
  }

  private wake(error?: Error): void {
    const { waiting } = this;
    this.waiting = [];
    for (const callback of waiting) callback(error);
  }

  private start(slot: Slot): void {
    const background = slot.group !== undefined && slot.group !== 'http';
    const worker = new WorkerProcess({ ...this.settings, background });
    const startedAt = Date.now();
    slot.worker = worker;
    worker.app.then(
      (app) => this.onLoaded(slot, app),
      () => undefined,
    );
    void worker.ended.then((end) => this.onEnded(slot, end, Date.now() - startedAt));
  }

  private onLoaded(slot: Slot, app: LoadedApp): void {
    slot.ready = true;
    slot.build = app.build;
    this.loadError = undefined;
    if (this.app?.build !== app.build) {
      this.app = app;
      this.names = new Map(app.functions.map((fn) => [fn.name.toLowerCase(), fn]));
      this.slotsOf = new Map(app.functions.map((fn) => [fn.name.toLowerCase(), this.slotsFor(fn)]));
      this.events.onApp(app);
      this.replaceOldBuilds(app.build);
    }
    this.wake();
  }

  /** Two builds must not serve side by side: an instance would replay in the one what the other began. */
  private replaceOldBuilds(build: string): void {
    for (const other of this.slots) {
      if (!other.ready || other.build === build) continue;
      log('functions', `the app was rebuilt: worker ${other.worker?.pid} is replaced`);
      other.ready = false;
      other.worker?.kill('the app was rebuilt');
    }
  }

  private onEnded(slot: Slot, end: { loaded: boolean; reason: string }, livedMs: number): void {
    slot.ready = false;
    slot.worker = undefined;
    if (this.disposed) return;
    slot.failures = end.loaded && livedMs >= STABLE_AFTER_MS ? 0 : slot.failures + 1;
    const step = BACK_OFF_MS[Math.min(slot.failures - (end.loaded ? 1 : 0), BACK_OFF_MS.length - 1)] ?? 0;
    const pause = end.loaded ? Math.min(step, MAX_BACK_OFF_LOADED_MS) : step;
    const next = pause === 0 ? 'now' : `in ${pause / 1000} s`;
    if (end.loaded) {
      log('functions', `worker ${slot.index} ended: ${end.reason}; a new one starts ${next}`);
    } else {
      // The same cause again and again needs its stack only once.
      const cause = end.reason === this.loadError ? end.reason.split('\n')[0] : end.reason;
      log('functions', `the app cannot be loaded; the next attempt is made ${next}. ${cause}`);
      this.loadError = end.reason;
      if (this.problem !== undefined) this.wake(new AppNotLoadedError(end.reason));
    }
    slot.timer = setTimeout(() => this.start(slot), pause);
  }
}

/** FNV-1a: https://datatracker.ietf.org/doc/html/draft-eastlake-fnv */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
