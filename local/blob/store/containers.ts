import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { AccessPolicy } from '../access-policy';
import type { Lease } from '../lease';
import type { ContainerRecord, Metadata } from './records';

function toContainer(row: Record<string, unknown>): ContainerRecord {
  return {
    ...(row as unknown as ContainerRecord),
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
