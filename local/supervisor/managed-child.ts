import { fork, type ChildProcess } from 'node:child_process';
import { toBackground } from '../shared/background';
import { MEMORY_ARGUMENTS } from '../shared/memory';
import type { Counters, CountersReply, FromChild, ToChild } from '../shared/child';
import { log } from '../shared/log';

/** A service did not start; `code` is that of the system, e.g. EADDRINUSE or ENOSPC. */
export class ServiceStartError extends Error {
  override readonly name = 'ServiceStartError';
  constructor(
    readonly service: string,
    readonly code: string,
    message: string,
  ) {
    super(`${service} did not start: ${message}`);
  }
}

export interface ChildSpec {
  name: string;
  /** Compiled entry file. */
  entry: string;
  /** The service's options, given the port it listened on before (or wants). */
  options(port: number): Record<string, unknown>;
  port: number;
  environment: Record<string, string>;
  /** Where its standard output goes. */
  output: 'stdout' | 'stderr';
  /** Whether others go first. */
  background: boolean;
  /** Called whenever the process id changes. */
  onChange(): void;
}

/** Pauses before a child is started again (ms), by number of failures in a row. */
const BACK_OFF_MS = [0, 250, 500, 1_000, 2_000, 5_000, 10_000];
/** A child that lived so long (ms) has not failed in a row. */
const STABLE_AFTER_MS = 30_000;
/** A child that has not ended so long after it was told to is killed (ms). */
const STOP_GRACE_MS = 8_000;

/** A child process that is kept alive: on the same port, with the same state. */
export class ManagedChild {
  port: number;
  private child: ChildProcess | undefined;
  private prepared: ChildProcess | undefined;
  private up: Promise<void> = Promise.resolve();
  private failures = 0;
  private stopping = false;
  private questions = 0;
  private restart: NodeJS.Timeout | undefined;

  constructor(private readonly spec: ChildSpec) {
    this.port = spec.port;
  }

  get name(): string {
    return this.spec.name;
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** Starts the process ahead of its options: it loads its code and waits for {@link start}. */
  prepare(): void {
    this.prepared = this.fork();
    // Another process is started in its place then.
    this.prepared.on('error', () => undefined);
  }

  /** Starts it for the first time. @throws {ServiceStartError} when it cannot. */
  async start(): Promise<void> {
    this.up = this.launch();
    await this.up;
  }

  /** Resolves when the child serves, also when it is just being restarted. */
  async ready(): Promise<void> {
    for (;;) {
      const { up } = this;
      await up.catch(() => undefined);
      if (up === this.up) return;
    }
  }

  /** What the service has counted since its process started. @throws when it ends before it answers. */
  async counters(): Promise<Counters> {
    await this.ready();
    const { child } = this;
    if (!child?.connected) throw new Error(`${this.name} does not run.`);
    const id = ++this.questions;
    return new Promise((resolve, reject) => {
      const settle = (result: () => void): void => {
        child.off('message', answered).off('exit', ended);
        result();
      };
      const answered = (message: FromChild | CountersReply): void => {
        if (message.type === 'counters' && message.id === id) settle(() => resolve(message.counters));
      };
      const ended = (): void =>
        settle(() => reject(new Error(`${this.name} ended before it told its counters.`)));
      child.on('message', answered).on('exit', ended);
      child.send({ type: 'counters', id } satisfies ToChild, () => undefined);
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.child?.kill(signal);
  }

  /** Ends the child in order; its acknowledged writes are durable already. */
  async stop(): Promise<void> {
    this.stopping = true;
    clearTimeout(this.restart);
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    if (child.connected) child.send({ type: 'stop' } satisfies ToChild, () => undefined);
    const timer = setTimeout(() => {
      log('supervisor', `${this.name} does not end and is killed`);
      child.kill('SIGKILL');
    }, STOP_GRACE_MS);
    await ended;
    clearTimeout(timer);
  }

  private fork(): ChildProcess {
    const { spec } = this;
    const child = fork(spec.entry, [], {
      env: { ...process.env, ...spec.environment },
      execArgv: [...MEMORY_ARGUMENTS],
      stdio: ['ignore', spec.output === 'stderr' ? 2 : 'inherit', 'inherit', 'ipc'],
    });
    if (spec.background && child.pid !== undefined) toBackground(child.pid);
    this.child = child;
    spec.onChange();
    return child;
  }

  private launch(): Promise<void> {
    const { spec } = this;
    const child = this.prepared?.connected ? this.prepared : this.fork();
    this.prepared = undefined;
    const startedAt = Date.now();
    let ready = false;
    return new Promise((resolve, reject) => {
      const refuse = (code: string, message: string): void =>
        reject(new ServiceStartError(spec.name, code, message));
      child.on('message', (message: FromChild | CountersReply) => {
        if (message.type === 'failed') {
          refuse(message.code, message.message);
          child.kill('SIGKILL');
          return;
        }
        if (message.type !== 'ready') return;
        ready = true;
        this.port = message.port;
        resolve();
      });
      child.once('error', (error: NodeJS.ErrnoException) => refuse(error.code ?? 'EFAILED', error.message));
      child.once('exit', (code, signal) => {
        refuse('EFAILED', `it ended with ${signal ?? `code ${code}`}`);
        // The first start is the caller's to judge; later ones are repeated until they work.
        if (ready || this.failures > 0) this.onEnded(Date.now() - startedAt, signal ?? `code ${code}`, ready);
      });
      child.send({ type: 'start', options: spec.options(this.port) } satisfies ToChild, () => undefined);
    });
  }

  private onEnded(livedMs: number, how: string, ready: boolean): void {
    this.child = undefined;
    if (this.stopping) return;
    this.failures = ready && livedMs >= STABLE_AFTER_MS ? 1 : this.failures + 1;
    const pause = BACK_OFF_MS[Math.min(this.failures - 1, BACK_OFF_MS.length - 1)] ?? 0;
    const next = pause === 0 ? 'now' : `in ${pause / 1000} s`;
    log('supervisor', `${this.name} ended (${how}); it is started again ${next}`);
    this.up = new Promise((resolve, reject) => {
      this.restart = setTimeout(() => {
        this.launch().then(() => {
          log('supervisor', `${this.name} serves again on port ${this.port}`);
          resolve();
        }, reject);
      }, pause);
    });
    this.up.catch((error: Error) => log('supervisor', error.message));
  }
}
