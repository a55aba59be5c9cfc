import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { DiskFullError, isDiskFull, makeFolderDurably, syncLeftovers } from './files';

interface Pending {
  apply: (db: DatabaseSync) => unknown;
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
}

/**
 * A SQLite database whose writes are group-committed: everything submitted in one turn of the event loop
 * goes into one transaction, and each promise resolves only after that transaction is on disk.
 *
 * WAL with `synchronous=FULL` syncs the log at each commit (https://sqlite.org/pragma.html#pragma_synchronous),
 * so a resolved promise means fsynced.
 */
export class Database {
  readonly db: DatabaseSync;
  private queue: Pending[] = [];
  private scheduled = false;

  /**
   * `exclusive` keeps every other process out for as long as the database is open, and needs no `-shm` file, so that
   * a store can be opened on a full disk (https://sqlite.org/wal.html#noshm).
   * @throws when the file is no SQLite database, or is damaged; nothing is overwritten then.
   */
  constructor(
    readonly file: string,
    options: { readonly exclusive?: boolean } = {},
  ) {
    // The names of the files in it are made durable by SQLite.
    makeFolderDurably(dirname(file));
    // Commits that a killed process had no time to sync are about to be shown: a power cut must not take them back then.
    syncLeftovers(`${file}-wal`);
    this.db = new DatabaseSync(file);
    try {
      if (options.exclusive) this.db.exec('PRAGMA locking_mode=EXCLUSIVE');
      this.db.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=OFF;');
    } catch (error) {
      this.db.close();
      throw new Error(`The store ${file} cannot be read: ${(error as Error).message}`, { cause: error });
    }
  }

  /**
   * Runs `apply` inside the next group commit and resolves with its result once that is durable.
   *
   * `apply` must do its checks before its first write and *return* expected refusals: a throw rolls back and
   * re-runs the other operations of the group, so `apply` may run more than once and must touch nothing else.
   */
  write<T>(apply: (db: DatabaseSync) => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.queue.push({ apply, resolve: resolve as (value: unknown) => void, reject });
      if (this.scheduled) return;
      this.scheduled = true;
      setImmediate(() => this.flush());
    });
  }

  /** Commits what is queued now, without waiting for the next turn. */
  flush(): void {
    this.scheduled = false;
    let group = this.queue;
    this.queue = [];
    while (group.length > 0) group = this.commit(group);
  }

  /** Commits a group and returns what has to be tried again because another operation of it threw. */
  private commit(group: Pending[]): Pending[] {
    const results: unknown[] = [];
    let current: Pending | undefined;
    try {
      this.db.exec('BEGIN IMMEDIATE');
      for (const pending of group) {
        current = pending;
        results.push(pending.apply(this.db));
      }
      current = undefined;
      this.db.exec('COMMIT');
    } catch (error) {
      this.rollback();
      const reason = isDiskFull(error)
        ? new DiskFullError('No space is left on the device.', { cause: error })
        : error;
      const failed = current && !(reason instanceof DiskFullError) ? [current] : group;
      for (const pending of failed) pending.reject(reason);
      return group.filter((pending) => !failed.includes(pending));
    }
    group.forEach((pending, index) => pending.resolve(results[index]));
    return [];
  }

  private rollback(): void {
    try {
      if (this.db.isTransaction) this.db.exec('ROLLBACK');
    } catch {
      // SQLite has already rolled back by itself (a full disk does that).
    }
  }

  close(): void {
    this.flush();
    this.db.close();
  }
}
