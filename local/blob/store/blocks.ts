import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { BlockRecord } from './records';

/** Prepared statements over blocks that are staged and not yet committed. */
export class Blocks {
  private readonly all: StatementSync;
  private readonly one: StatementSync;
  private readonly state: StatementSync;
  private readonly upsert: StatementSync;
  private readonly deleteAll: StatementSync;
  private readonly old: StatementSync;
  private readonly ofContainer: StatementSync;
  private readonly uncommitted: StatementSync;

  constructor(db: DatabaseSync) {
    this.all = db.prepare(
      'SELECT id, segment, size FROM blocks WHERE container = ? AND blob = ? ORDER BY staged, id',
    );
    this.one = db.prepare('SELECT segment FROM blocks WHERE container = ? AND blob = ? AND id = ?');
    this.state = db.prepare(
      'SELECT count(*) AS count, max(length(id)) AS length FROM blocks WHERE container = ? AND blob = ?',
    );
    this.upsert = db.prepare('INSERT OR REPLACE INTO blocks VALUES (?, ?, ?, ?, ?, ?)');
    this.deleteAll = db.prepare('DELETE FROM blocks WHERE container = ? AND blob = ?');
    this.old = db.prepare('SELECT DISTINCT container, blob FROM blocks WHERE staged < ?');
    this.ofContainer = db.prepare('SELECT blob FROM blocks WHERE container = ? LIMIT 1');
    this.uncommitted = db.prepare(
      `SELECT DISTINCT blob FROM blocks AS staged WHERE container = ? AND blob >= ? AND (? IS NULL OR blob < ?)
       AND NOT EXISTS (SELECT 1 FROM blobs WHERE container = staged.container AND name = staged.blob)
       ORDER BY blob LIMIT ?`,
    );
  }

  list(container: number, blob: string): BlockRecord[] {
    return this.all.all(container, blob) as unknown as BlockRecord[];
  }

  /** The segment of a staged block. */
  segment(container: number, blob: string, id: string): number | undefined {
    return this.one.get(container, blob, id)?.['segment'] as number | undefined;
  }

  /** How many blocks are staged for a blob, and the length of their ids. */
  staged(container: number, blob: string): { count: number; length: number | null } {
    return this.state.get(container, blob) as unknown as { count: number; length: number | null };
  }

  put(container: number, blob: string, block: BlockRecord, now: number): void {
    this.upsert.run(container, blob, block.id, block.segment, block.size, now);
  }

  deleteFor(container: number, blob: string): void {
    this.deleteAll.run(container, blob);
  }

  /** Blobs with blocks staged before `time`. */
  stagedBefore(time: number): { container: number; blob: string }[] {
    return this.old.all(time) as unknown as { container: number; blob: string }[];
  }

  /** Names with `from <= name < until` that have staged blocks and no blob yet, in order. */
  namesWithoutBlob(container: number, from: string, until: string | undefined, limit: number): string[] {
    const end = until ?? null;
    return this.uncommitted.all(container, from, end, end, limit).map((row) => row['blob'] as string);
  }

  someBlobOf(container: number): string | undefined {
    return this.ofContainer.get(container)?.['blob'] as string | undefined;
  }
}
