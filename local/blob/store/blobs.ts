import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Lease } from '../lease';
import type { BlobProperties, BlobRecord, Metadata, Part } from './records';

function toBlob(row: Record<string, unknown>): BlobRecord {
  return {
    container: row['container'] as number,
    name: row['name'] as string,
    etag: row['etag'] as string,
    created: row['created'] as number,
    modified: row['modified'] as number,
    size: row['size'] as number,
    properties: JSON.parse(row['properties'] as string) as BlobProperties,
    metadata: JSON.parse(row['metadata'] as string) as Metadata,
    lease: row['lease'] === null ? undefined : (JSON.parse(row['lease'] as string) as Lease),
  };
}

/** Prepared statements over blobs. */
export class Blobs {
  private readonly byName: StatementSync;
  private readonly partsByName: StatementSync;
  private readonly upsert: StatementSync;
  private readonly updateRow: StatementSync;
  private readonly deleteRow: StatementSync;
  private readonly range: StatementSync;
  private readonly openRange: StatementSync;
  private readonly names: StatementSync;

  constructor(db: DatabaseSync) {
    const columns = 'container, name, etag, created, modified, size, properties, metadata, lease';
    this.byName = db.prepare(`SELECT ${columns} FROM blobs WHERE container = ? AND name = ?`);
    this.partsByName = db.prepare('SELECT segments FROM blobs WHERE container = ? AND name = ?');
    this.upsert = db.prepare(
      `INSERT OR REPLACE INTO blobs (${columns}, segments) VALUES (?,?,?,?,?,?,?,?,?,?)`,
    );
    this.updateRow = db.prepare(
      'UPDATE blobs SET etag = ?, modified = ?, properties = ?, metadata = ?, lease = ? WHERE container = ? AND name = ?',
    );
    this.deleteRow = db.prepare('DELETE FROM blobs WHERE container = ? AND name = ?');
    const order = 'ORDER BY name LIMIT ?';
    this.range = db.prepare(
      `SELECT ${columns} FROM blobs WHERE container = ? AND name >= ? AND name < ? ${order}`,
    );
    this.openRange = db.prepare(`SELECT ${columns} FROM blobs WHERE container = ? AND name >= ? ${order}`);
    this.names = db.prepare('SELECT name FROM blobs WHERE container = ? LIMIT ?');
  }

  find(container: number, name: string): BlobRecord | undefined {
    const row = this.byName.get(container, name);
    return row && toBlob(row);
  }

  /** The content of a blob, in order. */
  parts(container: number, name: string): Part[] {
    const row = this.partsByName.get(container, name);
    return row ? (JSON.parse(row['segments'] as string) as Part[]) : [];
  }

  /** Stores a blob with its content, in place of one of the same name. */
  put(blob: BlobRecord, parts: readonly Part[]): void {
    this.upsert.run(
      blob.container,
      blob.name,
      blob.etag,
      blob.created,
      blob.modified,
      blob.size,
      JSON.stringify(blob.properties),
      JSON.stringify(blob.metadata),
      blob.lease ? JSON.stringify(blob.lease) : null,
      JSON.stringify(parts),
    );
  }

  /** Stores everything but the content. */
  update(blob: BlobRecord): void {
    this.updateRow.run(
      blob.etag,
      blob.modified,
      JSON.stringify(blob.properties),
      JSON.stringify(blob.metadata),
      blob.lease ? JSON.stringify(blob.lease) : null,
      blob.container,
      blob.name,
    );
  }

  delete(container: number, name: string): void {
    this.deleteRow.run(container, name);
  }

  /** Blobs with `from <= name < until`, in order of name (that of their UTF-8 bytes). */
  list(container: number, from: string, until: string | undefined, limit: number): BlobRecord[] {
    const rows =
      until === undefined
        ? this.openRange.all(container, from, limit)
        : this.range.all(container, from, until, limit);
    return rows.map(toBlob);
  }

  someNames(container: number, limit: number): string[] {
    return this.names.all(container, limit).map((row) => row['name'] as string);
  }
}
