import type { Execution } from './history';
import type { Ending, InstanceRow, NextExecution, RuntimeStatus } from './schema';
import type { OpenTask, Retries } from './tasks';

/** An event that waits for the next episode. */
export interface Incoming {
  event: string;
  /** The task that it completes. */
  task?: OpenTask;
  failed?: boolean;
  /** Its row in the inbox, for events that were acknowledged on their own. */
  inbox?: number;
  /** Belongs to the beginning of an execution that continues another one, and is made anew when that is repeated. */
  opening?: true;
}

/** Warnings that an instance gives only once; one that continues as new for ever must not collect them for ever. */
const MAX_REMEMBERED_WARNINGS = 100;

/** An instance that has not ended, in memory. Everything in it is durable, or follows from what is durable. */
export class Instance implements Execution {
  readonly id: string;
  readonly seq: number;
  readonly name: string;
  execution: string;
  readonly version: string | null;
  input: string | null;
  readonly generation: number;
  carried: string | null;
  readonly parent: string | null;
  readonly source: string | null;
  created: string;
  custom: string | null;
  updated: string;
  /** Number of stored episodes. */
  episodes = 0;
  nextId = 0;
  /** Ids that a rewind took from the history: what the orchestrator gives them to is scheduled again. */
  readonly again = new Set<number>();
  /** Its history was rewound. */
  rewound = false;
  readonly open = new Map<number, OpenTask>();
  readonly retries = new Map<number, Retries>();
  queue: Incoming[] = [];
  /** Waits for an episode, or is in one, up to and including its commit. */
  busy = false;
  /** Waits some time before its episode is run again. */
  resting = false;
  /** The platform leaves it Running for ever; nothing is run for it any more until the host restarts. */
  stuck: boolean;
  /** Nothing is run for it until it is resumed. */
  suspended: boolean;
  /** JSON text shown as output until there is one: why it was suspended or resumed. */
  note: string | null;
  /** The events of the episode that is under way. */
  current: Incoming[] = [];
  /** Its start is on disk. */
  durable: boolean;
  /** It is ending: nothing is begun for it any more, and results that still arrive are dropped. */
  closed = false;
  /** How it ended, once that is on disk. */
  ended: Ending | undefined;
  /** The commit of an episode that is under way. */
  commit: Promise<void> | undefined;
  warned = new Set<string>();
  /** How often in a row its worker was lost in an episode. */
  losses = 0;
  private readonly waiters = new Set<() => void>();

  constructor(row: InstanceRow, durable: boolean) {
    this.durable = durable;
    this.id = row.id;
    this.seq = row.seq;
    this.name = row.name;
    this.execution = row.execution;
    this.version = row.version;
    this.input = row.input;
    this.generation = row.generation;
    this.carried = row.carried;
    this.parent = row.parent;
    this.source = row.source;
    this.created = row.created;
    this.custom = row.custom;
    this.updated = row.updated;
    this.suspended = row.status === 'Suspended';
    this.note = row.output;
    this.stuck = false;
  }

  get status(): RuntimeStatus {
    if (this.ended) return this.ended.status;
    if (this.suspended) return 'Suspended';
    return this.episodes > 0 || this.stuck || this.carried !== null ? 'Running' : 'Pending';
  }

  /** Whether there is something to run an episode for. */
  get isDue(): boolean {
    return this.queue.length > 0 || (this.episodes === 0 && this.carried !== null);
  }

  toRow(): InstanceRow {
    const { seq, id, name, execution, version, input, generation, carried } = this;
    const { parent, source, created, custom, updated, status } = this;
    const output = this.ended ? this.ended.output : this.note;
    return {
      seq,
      id,
      name,
      execution,
      version,
      input,
      generation,
      carried,
      parent,
      source,
      created,
      custom,
      updated,
      status,
      output,
    };
  }

  /** Goes on as another execution: nobody waits any more for what this one has scheduled. */
  continueAs({ execution, input, carried, created }: NextExecution): void {
    for (const task of this.open.values()) {
      task.completed = true;
      if (task.kind === 'timer') clearTimeout(task.handle);
    }
    this.open.clear();
    this.again.clear();
    this.retries.clear();
    this.queue = this.queue.filter(({ task }) => task === undefined);
    this.execution = execution;
    this.input = input;
    this.carried = carried;
    this.created = created;
    this.updated = created;
    this.episodes = 0;
    this.nextId = 0;
    if (!this.suspended) this.note = null;
    if (this.warned.size > MAX_REMEMBERED_WARNINGS) this.warned.clear();
  }

  /** Resolves when it is released, or after so many milliseconds. */
  untilEnded(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timeout);
        this.waiters.delete(done);
        resolve();
      };
      const timeout = setTimeout(done, milliseconds);
      this.waiters.add(done);
    });
  }

  /** Gives up what it has open: it has ended, or its engine is stopped. */
  release(): void {
    for (const task of this.open.values()) if (task.kind === 'timer') clearTimeout(task.handle);
    this.open.clear();
    this.queue = [];
    for (const resolve of this.waiters) resolve();
  }

  /** Ids of the timers that could still be cancelled. */
  openTimers(): number[] {
    const ids: number[] = [];
    for (const task of this.open.values()) if (task.kind === 'timer' && !task.completed) ids.push(task.id);
    return ids;
  }
}
