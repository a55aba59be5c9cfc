import type { Batches, StoredBatch } from '../../src/clients/batches';
import { BlobChanged, type Blobs, type ListedBlob, type Metadata } from '../../src/clients/blobs';
import type { Documents } from '../../src/clients/documents';
import type { RecordsHub } from '../../src/clients/hub';
import type { Stored } from '../../src/domain/ingest/decide';
import { isClosed, type Batch } from '../../src/domain/ingest/batch';
import { DocumentsModel } from './documents-model';

interface StoredBlob {
  readonly content: Buffer;
  readonly etag: string;
  readonly modifiedOn: Date;
  readonly metadata: Metadata;
}

/** Bytes that a stream gives at a time: less than a record, so that it can be cut anywhere. */
const PIECE_BYTES = 150;

const copyOf = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

/**
 * What blob store, Cosmos DB and hub hold, in memory: what one process has written is there for the next one. Nothing in
 * here waits; see {@link Process} for the way to it.
 */
export class Stores {
  readonly blobs = new Map<string, StoredBlob>();
  readonly batches = new Map<string, { batch: Batch; etag: string }>();
  readonly partitions = new Map<string, DocumentsModel>();
  /** How often each event id was sent. */
  readonly events = new Map<string, number>();
  now = Date.parse('2026-03-01T12:00:00Z');
  private etags = 0;

  /** Others that hold the same: what is stored is never changed in its place. */
  fork(): Stores {
    const others = new Stores();
    others.now = this.now;
    others.etags = this.etags;
    for (const [name, blob] of this.blobs) others.blobs.set(name, blob);
    for (const [id, batch] of this.batches) others.batches.set(id, batch);
    for (const [id, times] of this.events) others.events.set(id, times);
    for (const [pk, partition] of this.partitions) others.partitions.set(pk, partition.fork());
    return others;
  }

  nextEtag(): string {
    return `"${++this.etags}"`;
  }

  putBlob(name: string, content: Buffer, metadata: Metadata = {}): void {
    const modifiedOn = new Date(this.now);
    this.blobs.set(name, { content: Buffer.from(content), etag: this.nextEtag(), modifiedOn, metadata });
  }

  /** Changes properties of a blob: only its ETag shows that. */
  touchBlob(name: string): void {
    const blob = this.blobs.get(name);
    if (blob) this.blobs.set(name, { ...blob, etag: this.nextEtag() });
  }

  partition(pk: string): DocumentsModel {
    const found = this.partitions.get(pk) ?? new DocumentsModel();
    this.partitions.set(pk, found);
    return found;
  }

  /** Blobs whose names begin with `prefix`, by name. */
  blobsUnder(prefix: string): [name: string, StoredBlob][] {
    return [...this.blobs]
      .filter(([name]) => name.startsWith(prefix))
      .toSorted(([a], [b]) => (a < b ? -1 : 1));
  }
}

/**
 * What happens to a process at one of its steps.
 * - `kill`: it is gone; whatever it had under way never goes on
 * - `fail`: this request, or its answer, is lost; the process lives
 * - `pause`: nothing of it goes on before it is released
 */
export interface Fault {
  readonly at: number;
  readonly how: 'kill' | 'fail' | 'pause';
}

const never = (): Promise<never> => new Promise(() => undefined);

/**
 * A process of the app, as the stores see it: each request is a step, and the answer to one that changes something
 * another, so that a fault can come before and after whatever takes effect.
 */
export class Process {
  steps = 0;
  readonly killed: Promise<'killed'>;
  readonly paused: Promise<'paused'>;
  private kill: (how: 'killed') => void = () => undefined;
  private pause: (how: 'paused') => void = () => undefined;
  isKilled = false;
  private gate: PromiseWithResolvers<void> | undefined;
  /** As the app does: what was written once is not read again. */
  private readonly cache = new Map<string, Buffer>();

  readonly blobs: Blobs;
  readonly batches: Batches;
  readonly documents: Documents;
  readonly hub: RecordsHub;

  constructor(
    readonly stores: Stores,
    private readonly fault?: Fault,
  ) {
    this.blobs = this.createBlobs();
    this.batches = this.createBatches();
    this.documents = this.createDocuments();
    this.hub = this.createHub();
    this.killed = new Promise((resolve) => (this.kill = resolve));
    this.paused = new Promise((resolve) => (this.pause = resolve));
  }

  /** Lets a process go on that is paused. */
  release(): void {
    this.gate?.resolve();
  }

  protected async step(): Promise<void> {
    if (this.isKilled) await never();
    await this.gate?.promise;
    if (this.steps++ !== this.fault?.at) return;
    if (this.fault.how === 'fail') throw new Error('The connection broke.');
    if (this.fault.how === 'pause') {
      this.gate = Promise.withResolvers();
      this.pause('paused');
      await this.gate.promise;
      return;
    }
    this.isKilled = true;
    this.kill('killed');
    await never();
  }

  protected async read<T>(effect: () => T): Promise<T> {
    await this.step();
    return effect();
  }

  protected async write<T>(effect: () => T): Promise<T> {
    await this.step();
    const result = effect();
    await this.step();
    return result;
  }

  private createHub(): RecordsHub {
    return {
      publish: async (events) => {
        // Partition by partition: some may have theirs when it breaks.
        const parts = [events.filter((_, at) => at % 2 === 0), events.filter((_, at) => at % 2 === 1)];
        for (const part of parts)
          await this.write(() => {
            for (const { id } of part) this.stores.events.set(id, (this.stores.events.get(id) ?? 0) + 1);
          });
        return parts.length;
      },
      close: () => Promise.resolve(),
    };
  }

  private createBlobs(): Blobs {
    const { stores } = this;
    const nameOf = (container: string, name: string): string => `${container}/${name}`;
    const found = (container: string, name: string): StoredBlob | undefined =>
      stores.blobs.get(nameOf(container, name));
    const list = async function* (this: Process, container: string, prefix: string) {
      const whole = nameOf(container, '');
      const all = await this.read(() => stores.blobsUnder(nameOf(container, prefix)));
      for (const [name, { content, modifiedOn, metadata }] of all)
        yield {
          name: name.slice(whole.length),
          bytes: content.length,
          modifiedOn,
          metadata,
        } satisfies ListedBlob;
    }.bind(this);
    return {
      create: (container, name, content, { metadata } = {}) =>
        this.write(() => {
          if (found(container, name)) return 'exists';
          stores.putBlob(nameOf(container, name), content, metadata);
          return 'created';
        }),
      put: (container, name, content, _type, metadata) =>
        this.write(() => stores.putBlob(nameOf(container, name), content, metadata)),
      read: async (container, name) => {
        const known = this.cache.get(nameOf(container, name));
        if (known) return known;
        const content = await this.read(() => found(container, name)?.content);
        if (content) this.cache.set(nameOf(container, name), Buffer.from(content));
        return this.cache.get(nameOf(container, name));
      },
      forget: (container, name) => void this.cache.delete(nameOf(container, name)),
      metadata: (container, name) => this.read(() => found(container, name)?.metadata),
      list,
      remove: (container, name, unmodifiedSince) =>
        this.write(() => {
          const modified = found(container, name)?.modifiedOn.getTime() ?? 0;
          if (modified <= (unmodifiedSince?.getTime() ?? Infinity))
            stores.blobs.delete(nameOf(container, name));
        }),
      grant: (container, name) => Promise.resolve(`https://blobs.example/${container}/${name}`),
      describe: (container, name) =>
        this.read(() => {
          const blob = found(container, name);
          return blob && { bytes: blob.content.length, etag: blob.etag, modifiedOn: blob.modifiedOn };
        }),
      stream: async (container, name, { etag } = {}) => {
        const blob = await this.read(() => found(container, name));
        if (blob && etag !== undefined && blob.etag !== etag) throw new BlobChanged(nameOf(container, name));
        return blob && this.pieces(nameOf(container, name), blob);
      },
      copy: (from, to, { etag, metadata = {} }) =>
        this.write(() => {
          if (found(to.container, to.name)) return 'exists';
          const source = found(from.container, from.name);
          if (!source) return 'missing';
          if (etag !== undefined && source.etag !== etag) return 'changed';
          stores.putBlob(nameOf(to.container, to.name), source.content, metadata);
          return 'copied';
        }),
      setMetadata: () => Promise.reject(new Error('Not used by ingest.')),
    };
  }

  /** The worst that may happen: each piece is fetched anew, under the ETag of the first. */
  private async *pieces(name: string, { content, etag }: StoredBlob): AsyncGenerator<Buffer> {
    for (let at = 0; at < content.length; at += PIECE_BYTES) {
      const now = await this.read(() => this.stores.blobs.get(name));
      if (now?.etag !== etag) throw new BlobChanged(name);
      yield content.subarray(at, at + PIECE_BYTES);
    }
  }

  private createBatches(): Batches {
    const { stores } = this;
    const read = (id: string): StoredBatch | undefined => copyOf(stores.batches.get(id) ?? null) ?? undefined;
    const all = (): StoredBatch[] => [...stores.batches.keys()].flatMap((id) => read(id) ?? []);
    const notUsed = (): Promise<never> => Promise.reject(new Error('Not used by ingest.'));
    return {
      reserve: (batch) =>
        this.write(() => {
          const existing = read(batch.id);
          if (existing) return { created: false as const, existing };
          const etag = stores.nextEtag();
          stores.batches.set(batch.id, { batch: copyOf(batch), etag });
          return { created: true as const, etag };
        }),
      read: (id) => this.read(() => read(id)),
      update: (id, etag, changes) =>
        this.write(() => {
          const known = stores.batches.get(id);
          if (known?.etag !== etag) return { type: 'conflict' as const };
          const renewed = stores.nextEtag();
          stores.batches.set(id, { batch: { ...known.batch, ...copyOf(changes) }, etag: renewed });
          return { type: 'updated' as const, etag: renewed };
        }),
      open: () => this.read(() => all().filter(({ batch }) => !isClosed(batch.status))),
      countOpen: () => this.read(() => all().filter(({ batch }) => !isClosed(batch.status)).length),
      openUploads: () =>
        this.read(() =>
          all().flatMap(({ batch: { status, dataset, upload } }) =>
            upload && !isClosed(status) ? [{ dataset, uploadId: upload.id }] : [],
          ),
        ),
      closed: (from, before, most) =>
        this.read(() =>
          all()
            .flatMap(({ batch: { id, completedAt } }) =>
              completedAt === undefined ? [] : { id, completedAt },
            )
            .filter(({ completedAt }) => completedAt >= from && completedAt < before.toISOString())
            .toSorted((a, b) => (a.completedAt < b.completedAt ? -1 : 1))
            .slice(0, most),
        ),
      redrivesOf: notUsed,
      byId: notUsed,
      recent: notUsed,
    };
  }

  private createDocuments(): Documents {
    const { stores } = this;
    const pick = (pk: string, ids: readonly string[]): Map<string, Stored> =>
      new Map(
        ids.flatMap((id) => {
          const one = stores.partition(pk).documents.get(id);
          return one ? [[id, one] as const] : [];
        }),
      );
    return {
      read: (pk, ids) => this.read(() => ({ stored: pick(pk, ids), requestCharge: 1 })),
      readAcross: (keys) =>
        this.read(() => {
          const byPartition = Map.groupBy(keys, ({ pk }) => pk);
          const stored = Array.from(byPartition, ([pk, list]): [string, Map<string, Stored>] => [
            pk,
            pick(
              pk,
              list.map(({ id }) => id),
            ),
          ]);
          return { stored: new Map(stored), requestCharge: 1 };
        }),
      commit: (marker, writes) =>
        this.write(() => stores.partition(marker.pk).transact(copyOf(marker), copyOf(writes))),
      readMarker: (pk, id) => this.read(() => stores.partition(pk).markers.get(id)),
      page: () => Promise.reject(new Error('Not used by ingest.')),
      countBySchema: () => Promise.reject(new Error('Not used by ingest.')),
    };
  }
}
