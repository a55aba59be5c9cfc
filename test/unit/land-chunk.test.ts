import { createLandChunk } from '../../src/activities/ingest/landChunk';
import { knownAs, lineWith } from '../../src/activities/ingest/lines';
import { createPublishChunk } from '../../src/activities/ingest/publishChunk';
import { createUpsertChunk } from '../../src/activities/ingest/upsertChunk';
import type { Blobs } from '../../src/clients/blobs';
import type { Documents } from '../../src/clients/documents';
import type { RecordEvent, RecordsHub } from '../../src/clients/hub';
import type { BatchHeader } from '../../src/domain/ingest/batch';
import type { Stored } from '../../src/domain/ingest/decide';
import { chunkName } from '../../src/domain/ingest/names';
import type { ValidRecord } from '../../src/domain/ingest/validation';
import { noVerdicts } from '../../src/domain/ingest/verdict';
import { bucketOf, documentId, partitionKey } from '../../src/domain/keys';
import { DocumentsModel } from '../support/documents-model';
import { validRecord } from './builders';

const batch: BatchHeader = {
  id: '0123456789abcdef0123456789abcdef',
  dataset: 'readings',
  schemaVersion: '1+a',
  format: 'ndjson',
  onInvalid: 'quarantine',
  contentHash: 'content',
  bodySha256: 'body',
  bytes: 1,
  accepted: 1,
  receivedAt: '2026-03-01T12:00:00.000Z',
};
const task = { batch, chunk: 0, chunks: 1, quarantined: 0 };

/** Groups of so many records each, every group of one bucket, and no two of the same. */
function groups(count: number, size: number): ValidRecord[] {
  const buckets = new Map<number, string[]>();
  for (let n = 0; [...buckets.values()].filter((keys) => keys.length >= size).length < count; n++) {
    const bucket = bucketOf(`key ${n}`);
    buckets.set(bucket, [...(buckets.get(bucket) ?? []), `key ${n}`]);
  }
  const full = [...buckets.values()].filter((keys) => keys.length >= size).slice(0, count);
  return full.flatMap((keys, group) =>
    keys
      .slice(0, size)
      .map((key, at) => validRecord({ key, group, index: group * size + at, eventTime: 100 })),
  );
}

/** Blobs in memory; what is not needed here is missing. */
function memory(): Pick<Blobs, 'create' | 'read' | 'metadata'> & Blobs {
  const stored = new Map<string, Buffer>();
  return {
    create: (container, name, content) => {
      stored.set(`${container}/${name}`, content);
      return Promise.resolve('created' as const);
    },
    read: (container, name) => Promise.resolve(stored.get(`${container}/${name}`)),
    forget: () => undefined,
  } as Partial<Blobs> as Blobs;
}

/** The store, one model for each partition. */
class Store implements Pick<Documents, 'read' | 'readAcross' | 'commit' | 'readMarker'> {
  readonly reads: string[] = [];
  away = false;
  private readonly partitions = new Map<string, DocumentsModel>();

  of(pk: string): DocumentsModel {
    const known = this.partitions.get(pk) ?? new DocumentsModel();
    this.partitions.set(pk, known);
    return known;
  }

  put({ key }: ValidRecord, eventTime: number): void {
    const pk = partitionKey(batch.dataset, bucketOf(key));
    const newest = { eventTime, receivedAt: 0, batchId: 'earlier', index: 0 };
    const maker = { batchId: 'earlier', index: 0, schemaVersion: '1+a' };
    const _hw = { key, version: 1, maker, newest, hash: 'other', deleted: false };
    const envelope = { id: documentId(key), pk, data: null, _hw };
    this.of(pk).force('earlier', [{ type: 'create', index: 0, envelope }]);
  }

  read(pk: string, ids: readonly string[]) {
    if (this.away) return Promise.reject(new Error('The store is away.'));
    this.reads.push(pk);
    const found = ids.flatMap((id): [string, Stored][] => {
      const one = this.of(pk).documents.get(id);
      return one ? [[id, one]] : [];
    });
    return Promise.resolve({ stored: new Map(found), requestCharge: 1 });
  }

  async readAcross(keys: readonly { readonly pk: string; readonly id: string }[]) {
    this.reads.push('several');
    const stored = new Map<string, Map<string, Stored>>();
    for (const { pk, id } of keys) {
      const one = this.of(pk).documents.get(id);
      if (one) stored.set(pk, (stored.get(pk) ?? new Map<string, Stored>()).set(id, one));
    }
    return Promise.resolve({ stored, requestCharge: 1 });
  }

  commit: Documents['commit'] = (marker, writes) =>
    Promise.resolve(this.of(marker.pk).transact(marker, writes));
  readMarker: Documents['readMarker'] = (pk, id) => Promise.resolve(this.of(pk).markers.get(id));
}

/** A chunk as validation writes it. */
function validated(records: readonly ValidRecord[]): Buffer {
  const lines = records.map(({ data, ...head }) => lineWith(head, 'data', JSON.stringify(data)));
  return knownAs(Buffer.from(lines.join('')), records);
}

async function world(records: readonly ValidRecord[]) {
  const blobs = memory();
  const store = new Store();
  await blobs.create('validated', chunkName(batch.id, 0), validated(records));
  const upsert = createUpsertChunk({
    blobs,
    documents: store as never,
    groupConcurrency: 1,
    markerTtlSeconds: 60,
  });
  return { blobs, store, upsert };
}

describe('upserting a chunk', () => {
  test('of new keys reads the documents of its first group only', async () => {
    const { store, upsert } = await world(groups(4, 30));
    expect((await upsert(task)).counts).toEqual({ ...noVerdicts(), upserted: 120 });
    expect(store.reads).toHaveLength(1);
  });

  test('of known keys reads those of every group', async () => {
    const records = groups(4, 30);
    const { store, upsert } = await world(records);
    for (const record of records) store.put(record, 1);
    expect((await upsert(task)).counts).toEqual({ ...noVerdicts(), upserted: 120 });
    expect(store.reads).toHaveLength(4);
  });

  test('that has small groups reads them together, and then knows what to expect of the others', async () => {
    const small = groups(2, 3);
    const records = [...groups(6, 30).filter(({ group }) => group >= 2), ...small];
    const { store, upsert } = await world(records);
    expect((await upsert(task)).counts.upserted).toBe(records.length);
    expect(store.reads).toEqual(['several']);
  });

  test('finds a document that it did not expect, and reads what comes after it', async () => {
    const records = groups(4, 30);
    const [older, newer] = records.filter(({ group }) => group === 1);
    const { store, upsert } = await world(records);
    store.put(older!, 1);
    store.put(newer!, 1_000);
    expect((await upsert(task)).counts).toEqual({ ...noVerdicts(), upserted: 119, stale: 1 });
    // The first one, the one with the surprise, and all that follow.
    expect(store.reads).toHaveLength(4);
    const { documents } = store.of(partitionKey(batch.dataset, bucketOf(older!.key)));
    expect(documents.get(documentId(older!.key))?.envelope._hw.version).toBe(2);
    expect(documents.get(documentId(newer!.key))?.envelope._hw.maker.batchId).toBe('earlier');
  });

  test('takes no record for refused that turns out to be stale', async () => {
    const records = groups(2, 30).map((record) =>
      record.index === 45 ? { ...record, data: { refusal: 'named' } } : record,
    );
    const { store, upsert } = await world(records);
    store.put(records[45]!, 1_000);
    expect((await upsert(task)).counts).toEqual({ ...noVerdicts(), upserted: 59, stale: 1 });
  });

  test('dead-letters one that the store refuses, alone', async () => {
    const records = groups(2, 30).map((record) =>
      record.index === 45 ? { ...record, data: { refusal: 'nameless' } } : record,
    );
    const { upsert } = await world(records);
    expect((await upsert(task)).counts).toEqual({ ...noVerdicts(), upserted: 59, deadLettered: 1 });
  });
});

/** A hub that remembers. */
function hub(): RecordsHub & { readonly events: RecordEvent[] } {
  const events: RecordEvent[] = [];
  return {
    events,
    publish: (list) => Promise.resolve(events.push(...list)),
    close: () => Promise.resolve(),
  };
}

test('a chunk is published with the text that was validated', async () => {
  const data = { text: 'a "data": b', inner: { data: 1 }, list: ['å', '😀'] };
  const records = groups(1, 3).map((record) => ({ ...record, data }));
  const { blobs } = await world(records);
  const sink = hub();
  await createPublishChunk({ blobs, hub: sink })(task);
  expect(sink.events.map(({ body }) => body.toString())).toEqual(records.map(() => JSON.stringify(data)));
  expect(sink.events.map(({ id }) => id)).toEqual(records.map(({ index }) => `${batch.id}/${index}`));
});

describe('landing a chunk', () => {
  const landing = (deps: { blobs: Blobs; documents: unknown; hub: RecordsHub }) =>
    createLandChunk({ ...deps, schemas: {} as never, groupConcurrency: 1, markerTtlSeconds: 60 } as never);

  test('that failed after it was published publishes nothing again', async () => {
    const { blobs, store } = await world(groups(2, 30));
    const sink = hub();
    store.away = true;
    const land = landing({ blobs, documents: store, hub: sink });
    await expect(land(task)).rejects.toThrow('away');
    expect(sink.events).toHaveLength(60);
    store.away = false;
    expect((await land(task)).counts.upserted).toBe(60);
    expect(sink.events).toHaveLength(60);
  });
});
