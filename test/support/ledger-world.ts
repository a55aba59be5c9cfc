import { storeVerdicts } from '../../src/activities/ingest/verdictFile';
import type { LedgerDeps } from '../../src/activities/ledger/deps';
import type { Blobs, ListedBlob } from '../../src/clients/blobs';
import type { StoredDocument } from '../../src/domain/egress/document';
import type { Batch, Chunk } from '../../src/domain/ingest/batch';
import { tally, type GroupVerdict, type RecordVerdict } from '../../src/domain/ingest/verdict';
import { bucketOf, documentId, partitionKey } from '../../src/domain/keys';

/** Keys of one chunk's records. */
export type Plan = readonly (readonly string[])[];

/** A record whose verdict says upserted and that is never written. */
export interface Skip {
  readonly batch: number;
  readonly key: string;
}

const idOf = (batch: number): string => `${'0123456789abcdef'[(batch * 7) % 16]}-batch-${batch}`;
const TIME = '2026-01-01T00:00:00.000Z';

/**
 * Batches that are on their way at different speeds, and the stores that the ledger reads them from. Every read of a store
 * lets some of them move on first.
 */
export class LedgerWorld {
  readonly batches = new Map<string, Batch>();
  readonly files = new Map<string, { content: Buffer; metadata: Record<string, string> }>();
  readonly documents = new Map<string, { version: number; batchId: string; index: number }>();
  private readonly runs: AsyncGenerator<void>[];
  private reads = 0;
  /** How often something seemed wrong. */
  pauses = 0;

  /**
   * @param pace which batch moves on at each read, over and over; one that does not exist: none
   */
  constructor(
    plans: readonly Plan[],
    private readonly pace: readonly number[],
    private readonly skips: readonly Skip[] = [],
  ) {
    this.runs = plans.map((plan, number) => this.run(plan, number));
  }

  static readonly idOf = idOf;

  /** Lets everything come to its end. */
  async finish(): Promise<void> {
    for (const batch of this.runs.keys()) await this.move(batch, Infinity);
  }

  /** Lets one batch take so many steps: reserved, split, one for each record and each verdict file, closed. */
  async move(batch: number, steps: number): Promise<void> {
    for (let step = 0; step < steps; step++) if ((await this.runs[batch]?.next())?.done !== false) return;
  }

  private async *run(plan: Plan, number: number): AsyncGenerator<void> {
    const id = idOf(number);
    const accepted = plan.flat().length;
    const batch = { id, dataset: 'things', accepted, receivedAt: TIME, status: 'accepted' } as Batch;
    this.batches.set(id, batch);
    yield;
    const chunks = plan.map((keys): Chunk => {
      const groups = keys.map((key) => ({ bucket: bucketOf(key), records: 1 }));
      return { records: keys.length, bytes: 0, groups };
    });
    this.batches.set(id, { ...batch, status: 'running', chunks });
    yield;
    const all: GroupVerdict[] = [];
    let index = 0;
    for (const [chunk, keys] of plan.entries()) {
      const valid = keys.map((key, at) => ({ key, index: index + at }));
      const verdicts: GroupVerdict[] = [];
      for (const { key } of valid) {
        verdicts.push(this.write(number, key, index++));
        yield;
      }
      const results = [{ verdicts, requestCharge: 1 }];
      await storeVerdicts(this.blobs, { batchId: id, chunk, valid, quarantined: 0, results });
      all.push(...verdicts);
      yield;
    }
    this.batches.set(id, { ...batch, status: 'completed', chunks, counts: tally(all as RecordVerdict[]) });
  }

  private write(batch: number, key: string, index: number): GroupVerdict {
    const version = (this.documents.get(key)?.version ?? 0) + 1;
    if (!this.skips.some((skip) => skip.batch === batch && skip.key === key))
      this.documents.set(key, { version, batchId: idOf(batch), index });
    return { index, verdict: 'upserted', version };
  }

  private async moveOn(): Promise<void> {
    const chosen = this.pace[this.reads++ % Math.max(1, this.pace.length)];
    if (chosen !== undefined) await this.runs[chosen]?.next();
  }

  private readonly blobs = {
    create: (_container: string, name: string, content: Buffer, { metadata = {} } = {}) => {
      if (this.files.has(name)) return Promise.resolve('exists');
      this.files.set(name, { content, metadata });
      return Promise.resolve('created');
    },
    read: async (_container: string, name: string) => this.files.get(name)?.content,
    metadata: async (_container: string, name: string) => this.files.get(name)?.metadata,
    list: (_container: string, prefix: string) => this.list(prefix),
  } as unknown as Blobs;

  /** As the service does: in the order of the names, and blind for what comes before the place it has reached. */
  private async *list(prefix: string): AsyncGenerator<ListedBlob> {
    for (let last = ''; ;) {
      await this.moveOn();
      const after = last;
      const name = [...this.files.keys()].toSorted().find((one) => one > after && one.startsWith(prefix));
      const file = name === undefined ? undefined : this.files.get(name);
      if (name === undefined || !file) return;
      yield { name, bytes: file.content.length, modifiedOn: new Date(TIME), metadata: file.metadata };
      last = name;
    }
  }

  private inBucket(pk: string): StoredDocument[] {
    return Array.from(this.documents)
      .filter(([key]) => partitionKey('things', bucketOf(key)) === pk)
      .map(([key, { version, batchId, index }]) => {
        const _hw = { key, version, maker: { batchId, index, schemaVersion: '1' } };
        return { id: documentId(key), pk, data: {}, _ts: 0, _hw } as unknown as StoredDocument;
      });
  }

  private pageOfBatches(matches: (batch: Batch) => boolean, after: string, most: number) {
    return Array.from(this.batches.values())
      .filter((batch) => batch.id > after && matches(batch))
      .toSorted((a, b) => (a.id < b.id ? -1 : 1))
      .slice(0, most)
      .map((batch) => ({ batch, etag: '' }));
  }

  readonly deps: LedgerDeps = {
    hub: {
      partitions: () => Promise.resolve([]),
      createdOn: () => Promise.resolve(new Date(0)),
      extent: () => Promise.resolve({ begin: 0, last: -1 }),
      read: () => Promise.resolve([]),
    },
    claims: { all: () => Promise.resolve([]) },
    blobs: this.blobs,
    batches: {
      read: async (id) => {
        await this.moveOn();
        const batch = this.batches.get(id);
        return batch && { batch, etag: '' };
      },
      byId: async (after, upTo, most) => {
        await this.moveOn();
        return this.pageOfBatches(({ id }) => upTo === undefined || id <= upTo, after, most);
      },
      recent: async (_since, after, most) => {
        await this.moveOn();
        return this.pageOfBatches(() => true, after, most);
      },
    },
    documents: {
      read: async (pk, ids) => {
        await this.moveOn();
        const found = this.inBucket(pk).filter(({ id }) => ids.includes(id));
        const stored = new Map(found.map((envelope) => [envelope.id, { envelope, etag: '', ts: 0 }]));
        return { stored, requestCharge: 0 };
      },
      page: async (pk) => {
        await this.moveOn();
        return { documents: this.inBucket(pk), continuation: undefined };
      },
    },
    versions: {
      sums: async (pk) => {
        await this.moveOn();
        const found = this.inBucket(pk);
        return { documents: found.length, versions: found.reduce((sum, { _hw }) => sum + _hw.version, 0) };
      },
      lastWrites: async () => ({ range: undefined, lsns: new Map() }),
    },
    rows: {
      page: async () => ({ rows: [], continuation: undefined }),
      progress: async () => new Map(),
    },
    subscriptions: { all: async () => [] },
    leases: { all: async () => [] },
    datasets: ['things'],
    now: () => new Date(TIME),
    pause: () => {
      this.pauses++;
      return this.moveOn();
    },
  };
}
