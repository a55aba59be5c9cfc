import type { DatabaseSync } from 'node:sqlite';
import type { Database } from '../../shared/database';
import { isJsonObject } from '../partition-key';
import type { ContainerDefinition } from './resources';
import { ChangeLog } from './change-log';

/**
 * A container without a policy of its own keeps its changes as long as backups of the 7-day tier reach:
 * https://learn.microsoft.com/azure/cosmos-db/continuous-backup-restore-introduction
 */
const DEFAULT_RETENTION_MINUTES = 7 * 24 * 60;

/** For how many minutes a container's own policy keeps all versions; undefined without one. */
export function retentionOf({ changeFeedPolicy }: ContainerDefinition): number | undefined {
  const minutes = isJsonObject(changeFeedPolicy) ? changeFeedPolicy['retentionDuration'] : undefined;
  return typeof minutes === 'number' && minutes > 0 ? minutes : undefined;
}

/** For how many milliseconds a container's log of changes, if it has one, reaches back. */
export function retentionMs(definition: ContainerDefinition): number {
  return (retentionOf(definition) ?? DEFAULT_RETENTION_MINUTES) * 60_000;
}

/**
 * Which containers keep every version, and from when on. A log begins with the container if its definition has a change
 * feed policy, else when it is first read from now on: before that no reader can have a continuation.
 */
export class ChangeLogs {
  private readonly logs = new Map<number, ChangeLog>();

  constructor(private readonly store: Database) {
    store.db.exec(
      'CREATE TABLE IF NOT EXISTS change_logs (container INTEGER PRIMARY KEY, since INTEGER NOT NULL) STRICT',
    );
  }

  /** Begins to keep every version of a container; must run inside a group commit. */
  static create(db: DatabaseSync, container: number): void {
    ChangeLog.create(db, container);
    db.prepare('INSERT INTO change_logs SELECT num, lsn FROM containers WHERE num = ?').run(container);
  }

  static drop(db: DatabaseSync, container: number): void {
    ChangeLog.drop(db, container);
    db.prepare('DELETE FROM change_logs WHERE container = ?').run(container);
  }

  /** The log of a container that has one. */
  of(container: number): ChangeLog {
    let log = this.logs.get(container);
    if (!log) this.logs.set(container, (log = new ChangeLog(this.store.db, container)));
    return log;
  }

  /** The number after which the log of a container has every change; undefined when it has none. */
  since(container: number): number | undefined {
    const row = this.store.db.prepare('SELECT since FROM change_logs WHERE container = ?').get(container);
    return row === undefined ? undefined : Number(row['since']);
  }

  /** Begins a container's log, if it has none, and returns whether the container is still there. */
  start(container: number): Promise<boolean> {
    return this.store.write((db) => {
      if (!db.prepare('SELECT 1 FROM containers WHERE num = ?').get(container)) return false;
      if (this.since(container) === undefined) ChangeLogs.create(db, container);
      return true;
    });
  }

  /** Deletes up to `limit` of a container's changes made before `time`, in a group commit; returns how many. */
  purge(db: DatabaseSync, container: number, time: number, limit: number): number {
    if (this.since(container) === undefined) return 0;
    const { purged, upTo } = this.of(container).purge(time, limit);
    if (purged > 0) db.prepare('UPDATE change_logs SET since = ? WHERE container = ?').run(upTo, container);
    return purged;
  }
}
