import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FromChild } from '../../../local/shared/child';
import type { Recorded } from './service';

/** A process under the recording. */
class RecordedProcess implements Recorded {
  readonly exited: Promise<unknown>;

  protected constructor(protected readonly child: ChildProcess) {
    this.exited = once(child, 'exit');
  }

  async kill(): Promise<void> {
    await halt(this.child);
    this.child.kill('SIGKILL');
    await this.exited;
  }

  async stop(): Promise<void> {
    if (this.child.connected) this.child.send({ type: 'stop' });
    await this.exited;
  }
}

/** One of the local cloud's endpoints, in a process of its own. */
export class RecordedEndpoint extends RecordedProcess {
  private constructor(
    child: ChildProcess,
    readonly port: number,
  ) {
    super(child);
  }

  /** @param service the folder in `local` whose `main` is started. */
  static async start(service: string, options: object): Promise<RecordedEndpoint> {
    const child = startProcess(join(__dirname, `../../../local/${service}/main.js`), []);
    const ready = once(child, 'message') as Promise<[FromChild]>;
    child.send({ type: 'start', options: { ...options, port: 0 } });
    const [answer] = await ready;
    if (answer.type !== 'ready') throw new Error(answer.message);
    return new RecordedEndpoint(child, answer.port);
  }
}

/** A request to a {@link RecordedProgram}, and the answer. */
interface Numbered<T> {
  readonly number: number;
  readonly body: T;
}

/** A program of this folder in a process of its own, that does what it is told by {@link obey}. */
export class RecordedProgram<Request> extends RecordedProcess {
  private last = 0;
  private readonly waiting = new Map<number, (result: string) => void>();

  private constructor(child: ChildProcess) {
    super(child);
    child.on('message', ({ number, body }: Numbered<string>) => {
      this.waiting.get(number)?.(body);
      this.waiting.delete(number);
    });
  }

  /** @param name of the compiled file; it gets one argument. */
  static async start<Request>(name: string, argument: string): Promise<RecordedProgram<Request>> {
    const child = startProcess(join(__dirname, `${name}.js`), [argument]);
    await once(child, 'message');
    return new RecordedProgram(child);
  }

  /** @returns the answer. */
  ask(body: Request): Promise<string> {
    const number = ++this.last;
    const answer = new Promise<string>((resolve) => this.waiting.set(number, resolve));
    this.child.send({ number, body } satisfies Numbered<Request>);
    return answer;
  }

  /** @throws when another answer comes than the one expected. */
  async command(body: Request, expected: string): Promise<void> {
    const result = await this.ask(body);
    if (result !== expected) throw new Error(`${JSON.stringify(body)} was answered with ${result}.`);
  }
}

/** The other side of a {@link RecordedProgram}: answers requests until it is to stop. */
export function obey<Request>(answer: (request: Request) => Promise<string>, dispose: () => void): void {
  const reply = (number: number, body: string): void => void process.send?.({ number, body });
  process.on('message', (message: Numbered<Request> | { type: 'stop' }) => {
    if ('type' in message) {
      dispose();
      process.exit(0);
    }
    const { number, body } = message;
    answer(body).then(
      (result) => reply(number, result),
      (error: unknown) => reply(number, `failed: ${String(error)}`),
    );
  });
  process.on('disconnect', () => process.exit(0));
  reply(0, 'ready');
}

/** What it logs about its recovery is not wanted in the output of the test. */
function startProcess(path: string, args: readonly string[]): ChildProcess {
  const execArgv = ['--disable-warning=ExperimentalWarning'];
  return fork(path, args, { execArgv, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
}

/**
 * Halts a process, so that it is killed between system calls: of one that is cut short the trace does not tell what it has
 * done.
 */
async function halt(child: ChildProcess): Promise<void> {
  child.kill('SIGSTOP');
  while (!(await isHalted(child.pid ?? 0))) await sleep(1);
}

/** Whether each thread of a process stands still, or is gone: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
async function isHalted(pid: number): Promise<boolean> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  const stats = await Promise.all(
    threads.map((id) => readFile(`/proc/${pid}/task/${id}/stat`, 'utf8').catch(() => ') T')),
  );
  return stats.every((stat) => /^[TtZX]/.test(stat.slice(stat.lastIndexOf(')') + 2)));
}
