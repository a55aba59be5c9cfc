import type { Container, ItemDefinition, PatchOperation, RequestOptions } from '@azure/cosmos';
import type { Batch } from '../domain/ingest/batch';
import { ownMembers, statusOf } from './cosmos';

/** A batch as read, with the ETag that its replacement must name. */
export interface StoredBatch {
  readonly batch: Batch;
  readonly etag: string;
}

export interface OpenUpload {
  readonly dataset: string;
  readonly uploadId: string;
}

/** A batch that is closed, and when it was. */
export interface ClosedBatch {
  readonly id: string;
  /** ISO 8601 */
  readonly completedAt: string;
}

export type Updated = { readonly type: 'updated'; readonly etag: string } | { readonly type: 'conflict' };

/** The `batches` container. */
export interface Batches {
  /** Creates the document, unless there is one with its id: that one is given back then. */
  reserve(batch: Batch): Promise<{ created: true; etag: string } | { created: false; existing: StoredBatch }>;
  read(id: string): Promise<StoredBatch | undefined>;
  /** Sets members of the document, if nobody has changed it since it was read: at most ten of them. */
  update(id: string, etag: string, changes: Partial<Batch>): Promise<Updated>;
  /** Batches that are not closed and were received after `after` (ISO 8601, '' for all) and before `before`, oldest first. */
  open(after: string, before: Date, most: number): Promise<StoredBatch[]>;
  countOpen(): Promise<number>;
  /** Batches that were closed at or after `from` (ISO 8601, '' for all) and before `before`, in the order of that time. */
  closed(from: string, before: Date, most: number): Promise<ClosedBatch[]>;
  /** The uploads that batches are made of which are not closed. */
  openUploads(): Promise<OpenUpload[]>;
  /** Batches by id: those after `after`, up to and with `upTo` (undefined: to the last). */
  byId(after: string, upTo: string | undefined, most: number): Promise<StoredBatch[]>;
  /** The batches in which records of this one were re-driven, oldest first. */
  redrivesOf(id: string): Promise<string[]>;
  /** Batches received at or after `since`, by id: those after `after`. */
  recent(since: Date, after: string, most: number): Promise<StoredBatch[]>;
}

type Item = Batch & { _etag: string };

function toStored(item: Item): StoredBatch {
  return { batch: ownMembers<Batch>(item), etag: item._etag };
}

export function createBatches(container: () => Promise<Container>): Batches {
  const read: Batches['read'] = async (id) => {
    const { resource } = await (await container()).item(id, id).read<ItemDefinition & Item>();
    return resource ? toStored(resource) : undefined;
  };
  return {
    read,

    async reserve(batch) {
      try {
        const { etag } = await (await container()).items.create(batch);
        return { created: true, etag };
      } catch (error) {
        if (statusOf(error) !== 409) throw error;
        const existing = await read(batch.id);
        if (!existing) throw error;
        return { created: false, existing };
      }
    },

    async update(id, etag, changes) {
      try {
        const operations = Object.entries(changes).map(([name, value]): PatchOperation => ({
          op: 'set',
          path: `/${name}`,
          value,
        }));
        const options: RequestOptions = {
          accessCondition: { type: 'IfMatch', condition: etag },
        };
        const updated = await (await container()).item(id, id).patch(operations, options);
        return { type: 'updated', etag: updated.etag };
      } catch (error) {
        if (statusOf(error) === 412) return { type: 'conflict' };
        throw error;
      }
    },

    async open(after, before, most) {
      const query = {
        query: `SELECT TOP @most * FROM c WHERE c.status IN ('accepted', 'running') AND c.receivedAt > @after AND c.receivedAt < @before ORDER BY c.receivedAt`,
        parameters: [
          { name: '@most', value: most },
          { name: '@after', value: after },
          { name: '@before', value: before.toISOString() },
        ],
      };
      const { resources } = await (await container()).items.query<Item>(query).fetchAll();
      return resources.map(toStored);
    },

    async closed(from, before, most) {
      const query = {
        query: `SELECT TOP @most c.id, c.completedAt FROM c WHERE c.completedAt >= @from AND c.completedAt < @before ORDER BY c.completedAt`,
        parameters: [
          { name: '@most', value: most },
          { name: '@from', value: from },
          { name: '@before', value: before.toISOString() },
        ],
      };
      return (await (await container()).items.query<ClosedBatch>(query).fetchAll()).resources;
    },

    async byId(after, upTo, most) {
      const end = upTo === undefined ? '' : ' AND c.id <= @upTo';
      const query = {
        query: `SELECT TOP @most * FROM c WHERE c.id > @after${end} AND IS_DEFINED(c.accepted) ORDER BY c.id`,
        parameters: [
          { name: '@most', value: most },
          { name: '@after', value: after },
          ...(upTo === undefined ? [] : [{ name: '@upTo', value: upTo }]),
        ],
      };
      const { resources } = await (await container()).items.query<Item>(query).fetchAll();
      return resources.map(toStored);
    },

    async redrivesOf(id) {
      const query = {
        query: 'SELECT c.id, c.receivedAt FROM c WHERE c.redriveOf = @id',
        parameters: [{ name: '@id', value: id }],
      };
      const { resources } = await (
        await container()
      ).items
        .query<Pick<Batch, 'id' | 'receivedAt'>>(query)
        .fetchAll();
      return resources.toSorted((a, b) => (a.receivedAt < b.receivedAt ? -1 : 1)).map((batch) => batch.id);
    },

    async recent(since, after, most) {
      const query = {
        query: `SELECT TOP @most * FROM c WHERE c.receivedAt >= @since AND c.id > @after AND IS_DEFINED(c.accepted) ORDER BY c.id`,
        parameters: [
          { name: '@most', value: most },
          { name: '@since', value: since.toISOString() },
          { name: '@after', value: after },
        ],
      };
      const { resources } = await (await container()).items.query<Item>(query).fetchAll();
      return resources.map(toStored);
    },

    async openUploads() {
      const query = `SELECT c.dataset, c.upload.id AS uploadId FROM c WHERE c.status IN ('accepted', 'running') AND IS_DEFINED(c.upload)`;
      const { resources } = await (await container()).items.query<OpenUpload>(query).fetchAll();
      return resources;
    },

    async countOpen() {
      const query = `SELECT VALUE COUNT(1) FROM c WHERE c.status IN ('accepted', 'running')`;
      const { resources } = await (await container()).items.query<number>(query).fetchAll();
      return resources[0] ?? 0;
    },
  };
}
