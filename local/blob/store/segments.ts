import type { DatabaseSync, StatementSync } from 'node:sqlite';

/** Where the bytes of a segment are: inside the database, or in a file of the content folder. */
export type SegmentContent = { readonly data: Uint8Array } | { readonly file: string };
const UNREFERENCED = -1;

/**
 * Immutable pieces of content, with reference counts. Several blobs may hold one segment (a copy moves no bytes).
 * A segment being read outlives its last reference until it is unpinned.
 */
export class Segments {
  private readonly insertRow: StatementSync;
  private readonly byId: StatementSync;
  private readonly fileOf: StatementSync;
  private readonly extraOf: StatementSync;
  private readonly setExtra: StatementSync;
  private readonly dropExtra: StatementSync;
  private readonly deleteRow: StatementSync;
  private readonly unreferenced: StatementSync;
  private readonly files: StatementSync;
  private readonly pins = new Map<number, number>();

  constructor(db: DatabaseSync) {
    this.insertRow = db.prepare('INSERT INTO segments (size, file, data) VALUES (?, ?, ?)');
    this.byId = db.prepare('SELECT size, file, data FROM segments WHERE id = ?');
    this.fileOf = db.prepare('SELECT file FROM segments WHERE id = ?');
    this.extraOf = db.prepare('SELECT extra FROM shared WHERE segment = ?');
    this.setExtra = db.prepare('INSERT OR REPLACE INTO shared VALUES (?, ?)');
    this.dropExtra = db.prepare('DELETE FROM shared WHERE segment = ?');
    this.deleteRow = db.prepare('DELETE FROM segments WHERE id = ?');
    this.unreferenced = db.prepare(`SELECT segment FROM shared WHERE extra = ${UNREFERENCED}`);
    this.files = db.prepare('SELECT file FROM segments WHERE file IS NOT NULL');
  }

  /** Adds a segment with one reference and returns its id. */
  insert(size: number, content: SegmentContent): number {
    const inFile = 'file' in content;
    const { lastInsertRowid } = this.insertRow.run(
      size,
      inFile ? content.file : null,
      inFile ? null : content.data,
    );
    return Number(lastInsertRowid);
  }

  /** @throws when the segment is missing, or not of the size that its blob says: the store is damaged then. */
  content(id: number, size: number): SegmentContent {
    const row = this.byId.get(id);
    if (row?.['size'] !== size)
      throw new Error(`Segment ${id} of the blob store is missing or has another size.`);
    const file = row['file'] as string | null;
    if (file !== null) return { file };
    const data = row['data'] as Uint8Array;
    if (data.byteLength !== size) throw new Error(`Segment ${id} of the blob store is truncated.`);
    return { data };
  }

  /** Adds a reference to each. */
  retain(ids: Iterable<number>): void {
    for (const id of ids) this.setExtra.run(id, this.extra(id) + 1);
  }

  /** Takes a reference from each; appends to `freed` the files that nobody needs any more, to be removed after the commit. */
  release(ids: Iterable<number>, freed: string[]): void {
    for (const id of ids) {
      const extra = this.extra(id);
      if (extra > 1) this.setExtra.run(id, extra - 1);
      else if (extra === 1) this.dropExtra.run(id);
      else if (this.pins.has(id)) this.setExtra.run(id, UNREFERENCED);
      else this.remove(id, freed);
    }
  }

  /** Keeps segments readable until {@link unpin}; call it in the turn in which the blob's parts were read. */
  pin(ids: readonly number[]): void {
    for (const id of ids) this.pins.set(id, (this.pins.get(id) ?? 0) + 1);
  }

  /** Ends a {@link pin} and tells whether one of the segments was released meanwhile: {@link removeUnreferenced} then. */
  unpin(ids: readonly number[]): boolean {
    let released = false;
    for (const id of ids) {
      const left = (this.pins.get(id) ?? 1) - 1;
      if (left > 0) this.pins.set(id, left);
      else this.pins.delete(id);
      if (left <= 0 && this.extra(id) === UNREFERENCED) released = true;
    }
    return released;
  }

  /** Removes what lost its last reference while it was read. */
  removeUnreferenced(freed: string[]): void {
    for (const row of this.unreferenced.all()) {
      const id = row['segment'] as number;
      if (this.pins.has(id)) continue;
      this.dropExtra.run(id);
      this.remove(id, freed);
    }
  }

  /** The files of all segments. */
  *knownFiles(): Iterable<string> {
    for (const row of this.files.iterate()) yield row['file'] as string;
  }

  private remove(id: number, freed: string[]): void {
    const file = this.fileOf.get(id)?.['file'] as string | null | undefined;
    this.deleteRow.run(id);
    if (typeof file === 'string') freed.push(file);
  }

  private extra(id: number): number {
    return (this.extraOf.get(id)?.['extra'] as number | undefined) ?? 0;
  }
}
