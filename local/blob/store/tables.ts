import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { AccessPolicy } from '../access-policy';
import type { Lease } from '../lease';

export type Metadata = Readonly<Record<string, string>>;

export interface ContainerRecord {
  readonly id: number;
  readonly name: string;
  readonly etag: string;
  /** Milliseconds since the epoch, as all times of the store. */
  readonly modified: number;
  readonly metadata: Metadata;
  readonly lease: Lease | undefined;
}

/** The headers that a blob keeps and gives back, and the outcome of the copy that made it. */
export interface BlobProperties {
  readonly contentType?: string | undefined;
  readonly contentEncoding?: string | undefined;
  readonly contentLanguage?: string | undefined;
  readonly contentDisposition?: string | undefined;
  readonly cacheControl?: string | undefined;
  /** Base64. */
  readonly contentMd5?: string | undefined;
  readonly copy?: { readonly id: string; readonly source: string; readonly completed: number } | undefined;
}

/** A piece of a blob's content: segment, size in bytes, and the block it was committed as. */
export type Part = readonly [segment: number, size: number, blockId?: string];

export interface BlobRecord {
  readonly container: number;
  readonly name: string;
  readonly etag: string;
  readonly created: number;
  readonly modified: number;
  readonly size: number;
  readonly properties: BlobProperties;
  readonly metadata: Metadata;
  readonly lease: Lease | undefined;
}

export interface BlockRecord {
  readonly id: string;
  readonly segment: number;
  readonly size: number;
}

type Row = Record<string, unknown>;

function toContainer(row: Row): ContainerRecord {
  return {
    ...(row as unknown as ContainerRecord),
    metadata: JSON.parse(row['metadata'] as string) as Metadata,
    lease: row['lease'] === null ? undefined : (JSON.parse(row['lease'] as string) as Lease),
  };
}

function toBlob(row: Row): BlobRecord {
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

/** Prepared statements over containers, and the list of those whose content is still to be removed. */
export class Containers {
  private readonly byName: StatementSync;
  private readonly idByName: StatementSync;
  private readonly insertRow: StatementSync;
  private readonly updateRow: StatementSync;
  private readonly deleteRow: StatementSync;
  private readonly range: StatementSync;
  private readonly putLease: StatementSync;
  private readonly dropLease: StatementSync;
  private readonly policiesOf: StatementSync;
  private readonly putPolicies: StatementSync;
  private readonly dropPolicies: StatementSync;
  private readonly addGarbage: StatementSync;
  private readonly firstGarbage: StatementSync;
  private readonly dropGarbage: StatementSync;

  constructor(db: DatabaseSync) {
    const all = 'SELECT * FROM containers LEFT JOIN container_leases ON container = id';
    this.byName = db.prepare(`${all} WHERE name = ?`);
    this.idByName = db.prepare('SELECT id FROM containers WHERE name = ?');
    this.insertRow = db.prepare(
      'INSERT INTO containers (name, etag, modified, metadata) VALUES (?, ?, ?, ?)',
    );
    this.updateRow = db.prepare('UPDATE containers SET etag = ?, modified = ?, metadata = ? WHERE id = ?');
    this.deleteRow = db.prepare('DELETE FROM containers WHERE id = ?');
    this.range = db.prepare(`${all} WHERE name >= ? ORDER BY name LIMIT ?`);
    this.putLease = db.prepare('INSERT OR REPLACE INTO container_leases VALUES (?, ?)');
    this.dropLease = db.prepare('DELETE FROM container_leases WHERE container = ?');
    this.policiesOf = db.prepare(
      'SELECT policies FROM containers JOIN container_policies ON container = id WHERE name = ?',
    );
    this.putPolicies = db.prepare('INSERT OR REPLACE INTO container_policies VALUES (?, ?)');
    this.dropPolicies = db.prepare('DELETE FROM container_policies WHERE container = ?');
    this.addGarbage = db.prepare('INSERT INTO garbage VALUES (?)');
    this.firstGarbage = db.prepare('SELECT container FROM garbage LIMIT 1');
    this.dropGarbage = db.prepare('DELETE FROM garbage WHERE container = ?');
  }

  find(name: string): ContainerRecord | undefined {
    const row = this.byName.get(name);
    return row && toContainer(row);
  }

  /** The id alone, for the many operations that need nothing else. */
  id(name: string): number | undefined {
    return this.idByName.get(name)?.['id'] as number | undefined;
  }

  insert(name: string, etag: string, modified: number, metadata: Metadata): void {
    this.insertRow.run(name, etag, modified, JSON.stringify(metadata));
  }

  update(id: number, etag: string, modified: number, metadata: Metadata): void {
    this.updateRow.run(etag, modified, JSON.stringify(metadata), id);
  }

  setLease(id: number, lease: Lease | undefined): void {
    if (lease) this.putLease.run(id, JSON.stringify(lease));
    else this.dropLease.run(id);
  }

  /** The stored access policies of a container. */
  policies(name: string): AccessPolicy[] {
    const row = this.policiesOf.get(name);
    return row ? (JSON.parse(row['policies'] as string) as AccessPolicy[]) : [];
  }

  setPolicies(id: number, policies: readonly AccessPolicy[]): void {
    this.putPolicies.run(id, JSON.stringify(policies));
  }

  /** Removes the container at once; what it held is removed later, in small steps. */
  delete(id: number): void {
    this.deleteRow.run(id);
    this.dropLease.run(id);
    this.dropPolicies.run(id);
    this.addGarbage.run(id);
  }

  /** Containers from `from` on, in order of name. */
  list(from: string, limit: number): ContainerRecord[] {
    return this.range.all(from, limit).map(toContainer);
  }

  /** A deleted container whose content is still there. */
  nextGarbage(): number | undefined {
    return this.firstGarbage.get()?.['container'] as number | undefined;
  }

  garbageRemoved(id: number): void {
    this.dropGarbage.run(id);
  }
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
