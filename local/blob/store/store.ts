import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { Database } from '../../shared/database';
import { DiskFullError, type Files } from '../../shared/files';
import type { AccessPolicy } from '../access-policy';
import { failed, type Failure } from '../errors';
import { UNCOMMITTED_BLOCK_LIFE_MS } from '../limits';
import { Blobs } from './blobs';
import { Blocks } from './blocks';
import { Containers } from './containers';
import { ContentFolder, type Received } from './content';
import { ContentReader, slicesOf } from './reader';
import type { Part } from './records';
import { openDatabase } from './schema';
import { Segments } from './segments';

/** Blobs of a deleted container that are removed in one transaction. */
const GARBAGE_STEP = 200;

/** What a transaction gets: the tables, and a place to note files that are to be removed once it is committed. */
export interface Transaction {
  readonly freed: string[];
}

/**
 * Containers and blobs, durable: every promise of {@link mutate} resolves after the commit is on disk.
 * Reads are synchronous and see what is committed.
 */
export class Store {
  readonly containers: Containers;
  readonly blobs: Blobs;
  readonly blocks: Blocks;
  readonly segments: Segments;
  private readonly etagPrefix = randomBytes(4).toString('hex');
  private etagCount = 0;
  private closing = false;
  private cleaning: Promise<void> = Promise.resolve();

  private constructor(
    private readonly database: Database,
    readonly content: ContentFolder,
  ) {
    const db: DatabaseSync = database.db;
    this.containers = new Containers(db);
    this.blobs = new Blobs(db);
    this.blocks = new Blocks(db);
    this.segments = new Segments(db);
  }

  /**
   * Opens the store in `folder`, creating it when missing, and removes what unfinished requests have left.
   * @throws when the database is damaged or in use; nothing is changed then.
   */
  static async open(folder: string, files: Files): Promise<Store> {
    const database = openDatabase(join(folder, 'blobs.sqlite'));
    try {
      const store = new Store(database, new ContentFolder(files, join(folder, 'content')));
      await store.mutate((tx) => {
        store.segments.removeUnreferenced(tx.freed);
        const expired = store.now() - UNCOMMITTED_BLOCK_LIFE_MS;
        for (const { container, blob } of store.blocks.stagedBefore(expired)) {
          store.dropStaged(tx, container, blob);
        }
      });
      await store.content.prepare(store.segments.knownFiles());
      store.collectGarbage();
      return store;
    } catch (error) {
      database.close();
      throw error;
    }
  }

  /** Milliseconds since the epoch. */
  now(): number {
    return Date.now();
  }

  /** An etag, without quotes, that no earlier state of any blob has had. */
  newEtag(): string {
    this.etagCount = (this.etagCount + 1) % 0x10000000;
    return `0x${this.etagPrefix}${this.etagCount.toString(16).padStart(7, '0')}`
      .toUpperCase()
      .replace('0X', '0x');
  }

  /**
   * Runs `apply` in the next group commit. It may run more than once, must check before its first write, and returns
   * refusals. Content that was received for it and is refused is removed, and so are files that it sets free.
   */
  async mutate<T>(apply: (tx: Transaction) => T | Failure, received?: Received): Promise<T | Failure> {
    const file = received && 'file' in received ? received.file : undefined;
    try {
      const { result, freed } = await this.database.write(() => {
        const tx: Transaction = { freed: [] };
        return { result: apply(tx), freed: tx.freed };
      });
      if (file !== undefined && failed(result)) freed.push(file);
      if (freed.length > 0) void this.content.discard(freed);
      return result;
    } catch (error) {
      // After any other failed commit the row may still turn up in the log: the next start decides about the file.
      if (file !== undefined && error instanceof DiskFullError) await this.content.discard([file]);
      throw error;
    }
  }

  /** A stored access policy of a container. */
  findPolicy(container: string, id: string): AccessPolicy | undefined {
    return this.containers.policies(container).find((policy) => policy.id === id);
  }

  /** Stores received content as a segment. */
  addSegment(received: Received): number {
    return this.segments.insert(received.size, received);
  }

  /** Takes the references that a blob's parts hold. */
  release(tx: Transaction, parts: readonly Part[]): void {
    this.segments.release(new Set(parts.map(([segment]) => segment)), tx.freed);
  }

  /** Forgets the blocks staged for a blob. */
  dropStaged(tx: Transaction, container: number, blob: string): void {
    const staged = this.blocks.list(container, blob);
    if (staged.length === 0) return;
    this.segments.release(
      staged.map(({ segment }) => segment),
      tx.freed,
    );
    this.blocks.deleteFor(container, blob);
  }

  /** Reads `length` bytes from `offset` of the blob's content: at once when they are in the database as one piece. */
  read(container: number, name: string, offset: number, length: number): Uint8Array | ContentReader {
    const slices = slicesOf(this.blobs.parts(container, name), offset, length);
    const inline = ContentReader.inline(this.segments, slices);
    if (inline) return inline;
    return new ContentReader(this.segments, this.content, slices, length, () => this.collectUnreferenced());
  }

  /** Removes the content of deleted containers in the background, in small steps. */
  collectGarbage(): void {
    this.cleaning = this.cleaning
      .then(async () => {
        while (!this.closing && (await this.mutate((tx) => this.removeSomeGarbage(tx))) === true);
      })
      .catch(() => undefined); // The list of garbage is stored; the next deletion or start goes on.
  }

  private collectUnreferenced(): void {
    if (this.closing) return;
    this.cleaning = this.cleaning
      .then(async () => {
        await this.mutate((tx) => this.segments.removeUnreferenced(tx.freed));
      })
      .catch(() => undefined);
  }

  /** @returns whether something may be left. */
  private removeSomeGarbage(tx: Transaction): boolean {
    const container = this.containers.nextGarbage();
    if (container === undefined) return false;
    const names = this.blobs.someNames(container, GARBAGE_STEP);
    for (const name of names) {
      this.release(tx, this.blobs.parts(container, name));
      this.blobs.delete(container, name);
    }
    const staged = this.blocks.someBlobOf(container);
    if (staged !== undefined) this.dropStaged(tx, container, staged);
    if (names.length === 0 && staged === undefined) this.containers.garbageRemoved(container);
    return true;
  }

  /** Commits what is queued and closes the database. */
  async close(): Promise<void> {
    this.closing = true;
    await this.cleaning;
    this.database.close();
  }
}
