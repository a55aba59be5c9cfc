import { fork, type ChildProcess } from 'node:child_process';
import { toBackground } from '../shared/background';
import { MEMORY_ARGUMENTS } from '../shared/memory';
import { Batch } from './batch';
import type { FromWorker, Invocation, InvocationReply, LoadedApp, LoadOptions, ToWorker } from './protocol';
import { WorkerLostError } from '../durable/runner';
import { entryPoint } from '../shared/entry';
import { log } from '../shared/log';

export interface WorkerSettings extends LoadOptions {
  environment: Record<string, string>;
  /** Modules preloaded into the worker (`node --require`). */
  require: readonly string[];
  /** Whether others go first. */
  background?: boolean;
  /** Time an invocation may take (ms); null for no limit. */
  functionTimeoutMs: number | null;
}

export type WorkerEnd = { loaded: boolean; reason: string };

interface Pending {
  name: string;
  startedAt: number;
  reported: boolean;
  resolve: (reply: InvocationReply) => void;
  reject: (error: WorkerLostError) => void;
}

/** How often the age of the oldest invocation is looked at, at most (ms). */
const MAX_CHECK_INTERVAL_MS = 1_000;
/** An invocation that takes so long (ms) is named: an endless loop would otherwise show only at the time limit. */
const SLOW_MS = 30_000;
/** A worker that has not ended so long after it was asked to is killed (ms). */
const STOP_GRACE_MS = 2_000;

/** A worker takes every streamed request whose address the host has taken (bytes). */
const MAX_STREAM_HEADER_BYTES = 65_536;

/** One worker process, from its fork to its end; it is never restarted, but replaced. */
export class WorkerProcess {
  readonly app: Promise<LoadedApp>;
  readonly ended: Promise<WorkerEnd>;
  private readonly child: ChildProcess;
  private readonly pending = new Map<number, Pending>();
  private readonly outgoing = new Batch<Invocation>((batch) => this.send(batch));
  private readonly watchdog: NodeJS.Timeout | undefined;
  private nextId = 1;
  private loaded = false;
  private httpUri: string | undefined;
  private reason: string | undefined;

  constructor(private readonly settings: WorkerSettings) {
    this.child = fork(entryPoint(__dirname, 'worker-main'), [], {
      serialization: 'advanced',
      cwd: settings.appDir,
      env: { ...process.env, ...settings.environment },
      execArgv: [
        ...MEMORY_ARGUMENTS,
        `--max-http-header-size=${MAX_STREAM_HEADER_BYTES}`,
        ...settings.require.flatMap((module) => ['--require', module]),
        ...nodeArguments(settings),
      ],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    if (settings.background && this.child.pid !== undefined) toBackground(this.child.pid);
    const { appDir, durableClientData, maxKeptGenerators } = settings;
    this.app = new Promise((resolve, reject) => {
      this.child.on('message', (message: FromWorker) => this.onMessage(message, resolve));
      this.child.once('exit', (code, signal) => reject(new Error(this.describeEnd(code, signal))));
      this.child.once('error', reject);
    });
    this.app.catch(() => undefined);
    this.ended = new Promise((resolve) => {
      const end = (reason: string): void => {
        clearInterval(this.watchdog);
        this.failPending(reason);
        resolve({ loaded: this.loaded, reason });
      };
      this.child.once('exit', (code, signal) => end(this.describeEnd(code, signal)));
      this.child.once('error', (error) => {
        if (this.child.pid === undefined) end(error.message);
      });
    });
    this.send({ type: 'load', options: { appDir, durableClientData, maxKeptGenerators } });
    this.watchdog = this.startWatchdog();
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** Whether it can be given work; it may still have ended without anyone knowing yet. */
  get usable(): boolean {
    return this.reason === undefined && this.child.connected;
  }

  /** Invocations under way. */
  get load(): number {
    return this.pending.size;
  }

  /** Where it takes requests, if its app uses HTTP streams. */
  get httpPort(): number | undefined {
    const { httpUri } = this;
    return httpUri === undefined ? undefined : Number(new URL(httpUri).port);
  }

  /**
   * Sends an invocation; the reply says whether the function failed.
   * @throws {WorkerLostError} when the process ends before it answers.
   */
  invoke(invocation: Omit<Invocation, 'id'>): Promise<InvocationReply> {
    return new Promise((resolve, reject) => {
      if (!this.usable) {
        reject(new WorkerLostError(`The worker has ended: ${this.reason ?? 'its connection is closed'}.`));
        return;
      }
      const id = this.nextId++;
      this.pending.set(id, {
        name: invocation.name,
        startedAt: Date.now(),
        reported: false,
        resolve,
        reject,
      });
      this.outgoing.add({ ...invocation, id });
    });
  }

  /** Ends the process at once; what it was doing is lost. */
  kill(reason: string): void {
    this.reason ??= reason;
    this.child.kill('SIGKILL');
  }

  /** Lets the app's terminate hooks run, then ends the process. */
  async stop(): Promise<void> {
    this.reason ??= 'the host stops';
    this.send({ type: 'stop' });
    const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_GRACE_MS);
    await this.ended;
    clearTimeout(timer);
  }

  private send(message: ToWorker): void {
    if (!this.child.connected) return;
    // An error here means that the process is going away: `exit` fails what is pending.
    this.child.send(message, () => undefined);
  }

  private onMessage(message: FromWorker, resolveApp: (app: LoadedApp) => void): void {
    if (Array.isArray(message)) {
      for (const reply of message) {
        this.pending.get(reply.id)?.resolve(reply);
        this.pending.delete(reply.id);
      }
    } else if (message.type === 'loaded') {
      this.loaded = true;
      this.httpUri = message.capabilities['HttpUri'];
      resolveApp(message);
    } else {
      this.kill(message.message);
    }
  }

  private startWatchdog(): NodeJS.Timeout | undefined {
    const limit = this.settings.functionTimeoutMs;
    if (limit === null) return undefined;
    const timer = setInterval(
      () => {
        // Insertion order: the first one is the oldest.
        const [oldest] = this.pending.values();
        if (!oldest) return;
        const age = Date.now() - oldest.startedAt;
        if (age > SLOW_MS && !oldest.reported) {
          oldest.reported = true;
          const seconds = limit / 1000;
          log(
            'functions',
            `"${oldest.name}" has been running for ${SLOW_MS / 1000} s; at ${seconds} s it is ended`,
          );
        }
        if (age <= limit) return;
        const text = `"${oldest.name}" ran longer than functionTimeout (${limit / 1000} s)`;
        log('functions', `${text}: its worker (pid ${this.pid}) is ended and replaced`);
        this.kill(text);
      },
      Math.min(MAX_CHECK_INTERVAL_MS, Math.max(50, limit / 4)),
    );
    timer.unref();
    return timer;
  }

  private failPending(reason: string): void {
    for (const { name, reject } of this.pending.values()) {
      reject(new WorkerLostError(`The worker that ran "${name}" is gone: ${reason}.`));
    }
    this.pending.clear();
  }

  private describeEnd(code: number | null, signal: NodeJS.Signals | null): string {
    return this.reason ?? (signal ? `it was killed by ${signal}` : `it exited with code ${code}`);
  }
}

/** The platform's setting for arguments of the Node process, e.g. `--inspect` or `--max-old-space-size=2048`. */
function nodeArguments({ environment }: WorkerSettings): string[] {
  const text = environment['languageWorkers__node__arguments'] ?? '';
  return text.split(/\s+/).filter((argument) => argument !== '');
}
