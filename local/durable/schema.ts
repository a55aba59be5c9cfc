import type { DatabaseSync } from 'node:sqlite';
import type { Execution } from './history';
import type { NewTask } from './runner';

/** https://learn.microsoft.com/azure/azure-functions/durable/durable-functions-instance-management#query-instances */
export type RuntimeStatus = 'Pending' | 'Running' | 'Suspended' | 'Completed' | 'Failed' | 'Terminated';

export const TERMINAL: readonly RuntimeStatus[] = ['Completed', 'Failed', 'Terminated'];

/** One row of `instances`. Texts in JSON where {@link Execution} says so, and in `output` and `custom`. */
export interface InstanceRow extends Execution {
  seq: number;
  status: RuntimeStatus;
  output: string | null;
  custom: string | null;
  updated: string;
}

/** What an episode decided, beside its events: enough to go on after a restart. */
export interface Decisions {
  tasks: NewTask[];
  cancelled: number[];
  nextId: number;
}

export interface EpisodeRow {
  /** Timestamp of the episode's OrchestratorStarted. */
  started: string;
  /** The episode's further events, joined by commas. */
  events: string;
  /** {@link Decisions} as JSON, or null when there are none. */
  decisions: string | null;
}

export interface InboxRow {
  seq: number;
  instance: number;
  event: string;
  /** The sub-orchestration that the event ends; null for what came from outside. */
  task: number | null;
}

export interface Ending {
  status: RuntimeStatus;
  output: string | null;
}

/** An execution that takes the place of another one under the same id. */
export interface NextExecution {
  execution: string;
  /** JSON text. */
  input: string | null;
  carried: string;
  created: string;
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS instances (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    execution TEXT NOT NULL,
    version TEXT,
    input TEXT,
    generation INTEGER NOT NULL,
    created TEXT NOT NULL,
    status TEXT NOT NULL,
    output TEXT,
    custom TEXT,
    updated TEXT NOT NULL,
    carried TEXT,
    parent TEXT,
    source TEXT
  ) STRICT;
  CREATE TABLE IF NOT EXISTS episodes (
    instance INTEGER NOT NULL,
    episode INTEGER NOT NULL,
    started TEXT NOT NULL,
    events TEXT NOT NULL,
    decisions TEXT,
    PRIMARY KEY (instance, episode)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS inbox (
    seq INTEGER PRIMARY KEY,
    instance INTEGER NOT NULL,
    event TEXT NOT NULL,
    task INTEGER
  ) STRICT;
  CREATE INDEX IF NOT EXISTS inbox_by_instance ON inbox (instance);
`;

/** Columns that stores of earlier versions lack. */
const ADDED_COLUMNS = [
  { table: 'instances', column: 'carried', type: 'TEXT' },
  { table: 'instances', column: 'parent', type: 'TEXT' },
  { table: 'instances', column: 'source', type: 'TEXT' },
  { table: 'inbox', column: 'task', type: 'INTEGER' },
];

/** Creates the tables that are not there, and adds what those of an earlier version lack. */
export function createTables(db: DatabaseSync): void {
  db.exec(SCHEMA);
  const columns = db.prepare('SELECT name FROM pragma_table_info(?)');
  for (const { table, column, type } of ADDED_COLUMNS) {
    if (columns.all(table).some(({ name }) => name === column)) continue;
    db.exec(`ALTER TABLE ${table} ADD COLUMN ${column} ${type}`);
  }
}
