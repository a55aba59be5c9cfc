import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { FromChild } from '../../../local/shared/child';
import type { Random } from '../../../tools/lib/random';

/** The same requests in each run; `SEED=n` makes others. */
export const SEED = Number(process.env['SEED'] ?? 20_261_122);

/** An endpoint in a process of its own: an error that nobody handles ends it, and that is seen. */
export class ChildEndpoint {
  /** What it wrote so far. */
  log = '';

  private constructor(
    private readonly child: ChildProcess,
    readonly port: number,
  ) {
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => (this.log += chunk.toString()));
  }

  static async start(service: 'blob' | 'cosmos' | 'eventhubs', options: object): Promise<ChildEndpoint> {
    const path = join(__dirname, `../../../build/local/${service}/main.js`);
    const child = fork(path, { execArgv: ['--disable-warning=ExperimentalWarning'], silent: true });
    const ready = once(child, 'message') as Promise<[FromChild]>;
    child.send({ type: 'start', options: { ...options, port: 0 } });
    const [answer] = await ready;
    if (answer.type !== 'ready') throw new Error(answer.message);
    return new ChildEndpoint(child, answer.port);
  }

  get isAlive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  async stop(): Promise<void> {
    if (!this.isAlive) return;
    const exited = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exited;
  }
}

/** Random choices that are the same for the same seed. */
export class Chance {
  constructor(private readonly random: Random) {}

  /** A whole number from 0 to below `limit`. */
  below(limit: number): number {
    return Math.floor(this.random.next() * limit);
  }

  one<T>(list: readonly T[]): T {
    return this.random.pick(list);
  }

  bytes(count: number): Buffer {
    return Buffer.from(Array.from({ length: count }, () => this.below(256)));
  }

  /** The bytes with one of them changed. */
  flipped(bytes: Buffer): Buffer {
    const copy = Buffer.from(bytes);
    const at = this.below(copy.length);
    copy[at] = (copy[at] ?? 0) ^ (1 << this.below(8));
    return copy;
  }

  /** The text with one character replaced by another one of base64. */
  altered(text: string): string {
    const at = this.below(text.length);
    const other = this.one('ABCDEFGHabcdefgh01234567'.split('').filter((letter) => letter !== text[at]));
    return text.slice(0, at) + other + text.slice(at + 1);
  }
}
