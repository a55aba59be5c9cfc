/** Operates instances in the process that is killed, and notes on disk what it asks for and what is acknowledged. */
import { appendFileSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { DurableEngine } from '../../local/durable';

/** An instance that fails until all its steps are mended. */
export interface Root {
  id: string;
  name: 'Branch' | 'SideBySide' | 'Steps';
  input: unknown;
}

/** What the operator has noted, a line each. */
export interface Note {
  what: 'rewind' | 'purge' | 'restart' | 'copy' | 'clear';
  /** Of the instance; of a copy: the new one's; of a clearing: the prefix of what is cleared. */
  id: string;
  reason?: string;
  /** Absent while it is only asked for. */
  outcome?: string;
}

const PATIENCE_MS = 30_000;
/** Short instances that one churn starts. */
const SHORT = 40;
/** More than are purged in one write. */
const CLEARED = 120;

export class Operator {
  constructor(
    private readonly engine: DurableEngine,
    private readonly folder: string,
    private readonly onOperation: () => void,
  ) {}

  private note(note: Note): void {
    appendFileSync(join(this.folder, 'notes'), `${JSON.stringify(note)}\n`);
  }

  /** Starts what is not there yet, and rewinds each as often as it fails. */
  async rewindAll(roots: Root[], life: number): Promise<void> {
    await Promise.all(
      roots.map(async ({ id, name, input }) => {
        if (!this.engine.find(id))
          await this.engine.startInstance({ name, id, input: JSON.stringify(input) });
        await this.persevere(id, life);
      }),
    );
  }

  private async persevere(id: string, life: number): Promise<void> {
    for (let n = 0; ; n++) {
      await this.engine.whenEnded(id, PATIENCE_MS);
      if (this.engine.find(id)?.status !== 'Failed') return;
      this.mend(id);
      // Of two at a time one is refused.
      await Promise.all(['a', 'b'].map(async (which) => this.rewind(id, `${id}@${life}.${n}${which}`)));
    }
  }

  private async rewind(id: string, reason: string): Promise<void> {
    this.begin({ what: 'rewind', id, reason });
    const { outcome } = await this.engine.rewind(id, reason);
    this.note({ what: 'rewind', id, reason, outcome });
  }

  /** Mends what is broken in an instance, and in the tree below it. */
  private mend(id: string): void {
    for (const file of readdirSync(this.folder)) {
      if (!file.endsWith('.broken') || file.split('.')[0] !== id) continue;
      renameSync(join(this.folder, file), join(this.folder, file.replace(/broken$/, 'mended')));
    }
  }

  /** Lets instances end, and then purges and restarts them side by side. */
  async churn(life: number): Promise<void> {
    const { engine } = this;
    const short = Array.from({ length: SHORT }, (_, n) => `s-${life}-${n}`);
    const cleared = Array.from({ length: CLEARED }, (_, n) => `d-${life}-${n}`);
    await Promise.all([
      ...short.map(async (id, step) => {
        await engine.startInstance({ name: 'Short', id, input: String(step) });
        await engine.whenEnded(id, PATIENCE_MS);
      }),
      ...cleared.map(async (id) => {
        await engine.startInstance({ name: 'Waiter', id, input: null });
        await engine.terminate(id, null);
      }),
    ]);
    const begun = [this.clear(`d-${life}-`)];
    for (const [n, id] of short.entries()) {
      if (n % 4 === 0) begun.push(this.purge(id));
      else if (n % 4 === 1) begun.push(this.restart(id));
      else if (n % 4 === 2) begun.push(this.copy(id));
      else if (n % 8 === 3) begun.push(this.restart(id), this.purge(id));
      else begun.push(this.purge(id), this.restart(id));
      // What is begun in one turn goes into one transaction.
      if (n % 3 === 0) await setImmediate();
    }
    await Promise.all(begun);
  }

  private async clear(prefix: string): Promise<void> {
    this.begin({ what: 'clear', id: prefix });
    await this.engine.purgeBy({ createdFrom: 0, statuses: ['Terminated'] });
    this.note({ what: 'clear', id: prefix, outcome: 'done' });
  }

  private async purge(id: string): Promise<void> {
    this.begin({ what: 'purge', id });
    const { outcome } = await this.engine.purge(id);
    this.note({ what: 'purge', id, outcome });
  }

  private async restart(id: string): Promise<void> {
    this.begin({ what: 'restart', id });
    const { outcome } = await this.engine.restart(id, false);
    this.note({ what: 'restart', id, outcome });
  }

  private async copy(id: string): Promise<void> {
    const result = await this.engine.restart(id, true);
    if (result.outcome === 'started') this.note({ what: 'copy', id: result.id, outcome: 'started' });
  }

  private begin(note: Note): void {
    this.note(note);
    this.onOperation();
  }
}
