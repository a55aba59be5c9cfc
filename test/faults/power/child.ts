import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { FromChild } from '../../../local/shared/child';
import type { Recorded } from './service';

/** One of the local cloud's endpoints, in a process of its own. */
export class RecordedEndpoint implements Recorded {
  private constructor(
    private readonly child: ChildProcess,
    readonly port: number,
  ) {}

  /** @param service the folder in `local` whose `main` is started. */
  static async start(service: string, options: object): Promise<RecordedEndpoint> {
    const child = startProcess(join(__dirname, `../../../local/${service}/main.js`), []);
    const ready = once(child, 'message') as Promise<[FromChild]>;
    child.send({ type: 'start', options: { ...options, port: 0 } });
    const [answer] = await ready;
    if (answer.type !== 'ready') throw new Error(answer.message);
    return new RecordedEndpoint(child, answer.port);
  }

  kill(): Promise<void> {
    return endProcess(this.child, (child) => child.kill('SIGKILL'));
  }

  stop(): Promise<void> {
    return endProcess(this.child, (child) => child.send({ type: 'stop' }));
  }
}

/** What it logs about its recovery is not wanted in the output of the test. */
export function startProcess(path: string, args: readonly string[]): ChildProcess {
  const execArgv = ['--disable-warning=ExperimentalWarning'];
  return fork(path, args, { execArgv, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
}

export async function endProcess(child: ChildProcess, end: (child: ChildProcess) => unknown): Promise<void> {
  const exited = once(child, 'exit');
  end(child);
  await exited;
}
