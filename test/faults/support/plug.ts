import { fork, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { Api } from '../../../tools/lib/api';
import { APP_DIR } from '../../../tools/lib/app';
import { Recount } from '../../../tools/lib/recount';

export type Victim = 'worker' | 'functions' | 'blob' | 'eventhubs' | 'cosmos' | 'everything';
export const VICTIMS: readonly Victim[] = [
  'worker',
  'functions',
  'blob',
  'eventhubs',
  'cosmos',
  'everything',
];

interface Started {
  url: string;
  settings: Record<string, string>;
  keys: { function: string };
}

export interface CloudOptions {
  /** Discard, at a kill, what was written but not synced. */
  readonly powerLoss?: boolean;
  readonly workers?: number;
  /** Preloaded into workers. */
  readonly workerRequire?: string;
  readonly environment?: Record<string, string>;
}

/** Process ids of the children of a process, at this moment. */
function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return text.split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function killNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}

/** A Headwater whose plug can be pulled: kill -9 of any part, or of all at once, and a restart on the same state. */
export class PluggedCloud {
  api = new Api('', '');
  recount!: Recount;
  /** Where the blob store listens. */
  blobPort = '';
  private child: ChildProcess | undefined;

  constructor(
    readonly folder: string,
    private readonly options: CloudOptions = {},
  ) {}

  /** Starts everything, for the first time or on what is left. */
  async start(): Promise<void> {
    const { powerLoss, workers = 1, workerRequire, environment } = this.options;
    const variables = { ...environment, ...(powerLoss ? { HEADWATER_POWER_LOSS: '1' } : {}) };
    const entry = join(APP_DIR, 'build', 'test', 'faults', 'support', 'cloud-process.js');
    const child = fork(
      entry,
      [this.folder, JSON.stringify(variables), String(workers), ...(workerRequire ? [workerRequire] : [])],
      {
        stdio: ['ignore', 'pipe', process.env['HEADWATER_TEST_LOGS'] ? 'inherit' : 'ignore', 'ipc'],
        execArgv: [],
      },
    );
    this.child = child;
    const line = await new Promise<string>((resolve, reject) => {
      if (child.stdout) createInterface(child.stdout).once('line', resolve);
      child.once('exit', (code, signal) => reject(new Error(`The cloud ended with ${signal ?? code}.`)));
    });
    const started = JSON.parse(line) as Started;
    this.api = new Api(started.url, started.keys.function);
    this.recount = new Recount(started.settings);
    const [, endpoint = ''] =
      /BlobEndpoint=([^;]*)/.exec(started.settings['AzureWebJobsStorage'] ?? '') ?? [];
    this.blobPort = new URL(endpoint).port;
  }

  /** kill -9. What is killed alone is restarted by its parent; `everything` stays down until {@link start}. */
  async kill(victim: Victim): Promise<void> {
    const child = this.child;
    if (!child?.pid) throw new Error('The cloud does not run.');
    if (victim === 'everything') {
      const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      const services = childrenOf(child.pid);
      const workers = services.flatMap(childrenOf);
      for (const pid of [child.pid, ...services, ...workers]) killNow(pid);
      await ended;
    } else if (victim === 'worker') {
      for (const pid of childrenOf(child.pid).flatMap(childrenOf)) killNow(pid);
    } else {
      child.send({ kill: victim });
    }
  }

  /** Resolves when every part answers again. */
  async serves(): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        await this.api.get('/api/datasets');
        await Promise.all([
          this.recount.isEmpty(),
          this.recount.blobNames('archive'),
          this.recount.hubSize(),
        ]);
        return;
      } catch (error) {
        if (attempt === 100) throw error;
        await delay(200);
      }
    }
  }

  /** Ends everything in order. */
  async stop(): Promise<void> {
    const child = this.child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.disconnect();
    await ended;
  }
}
