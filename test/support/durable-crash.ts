import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { FromChild, StatusRow, ToChild } from './durable-crash-child';

/** Compiled by `tsc -b`: the process that is killed is a plain Node process. */
const CHILD = join(__dirname, '../../build/test/support/durable-crash-child.js');

/** A process that has the store open. */
export class Life {
  /** Resolves when the process is gone. */
  readonly exit: Promise<unknown>;

  constructor(private readonly child: ChildProcess) {
    this.exit = once(child, 'exit');
  }

  send(message: ToChild): void {
    this.child.send(message);
  }

  onMessage(listener: (message: FromChild) => void): void {
    this.child.on('message', listener);
  }

  /** The next message of a type. */
  next<T extends FromChild['type']>(type: T): Promise<Extract<FromChild, { type: T }>> {
    return new Promise((resolve) => {
      const listener = (message: FromChild): void => {
        if (message.type !== type) return;
        this.child.off('message', listener);
        resolve(message as Extract<FromChild, { type: T }>);
      };
      this.child.on('message', listener);
    });
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exit;
  }

  /** Lets instances come to their end. */
  async ends(ids: string[]): Promise<StatusRow[]> {
    const answer = this.next('status');
    this.send({ type: 'status', ids });
    return (await answer).rows;
  }

  /** Lets the process end by itself. */
  async leave(): Promise<void> {
    this.child.disconnect();
    await this.exit;
  }
}

/** A store on which one process after the other lives. */
export class Lives {
  private readonly folder = mkdtempSync(join(tmpdir(), 'headwater-crash-'));
  /** Loads its modules while the one before lives. */
  private next: Promise<ChildProcess> | undefined = this.load();

  /** @param left how many there will be */
  constructor(private left: number) {}

  private async load(): Promise<ChildProcess> {
    const child = fork(CHILD, [this.folder], { execArgv: ['--disable-warning=ExperimentalWarning'] });
    await once(child, 'message');
    return child;
  }

  async begin(): Promise<Life> {
    const life = new Life(await (this.next ?? this.load()));
    const ready = life.next('ready');
    life.send({ type: 'open' });
    await ready;
    this.next = --this.left > 0 ? this.load() : undefined;
    return life;
  }

  /** The lines of a file that the processes append to. */
  lines(name: string): string[] {
    const file = join(this.folder, name);
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  }

  /** What a query gives of the store as it lies on disk. */
  query<T = Record<string, unknown>>(text: string): T[] {
    const db = new DatabaseSync(join(this.folder, 'durable.db'), { readOnly: true });
    try {
      return db.prepare(text).all() as T[];
    } finally {
      db.close();
    }
  }

  async dispose(): Promise<void> {
    const standby = await this.next;
    if (standby) await new Life(standby).kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
