import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { CosmosClient, type Container, type OperationInput } from '@azure/cosmos';
import { EventHubProducerClient } from '@azure/event-hubs';
import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob';
import addFormats from 'ajv-formats';
import canonicalize from 'canonicalize';
import Ajv2020 from 'ajv/dist/2020';
import type { Cloud } from './cloud';
import { limiter } from './work';

/** The buckets of the app: what makes its transactional batches as full as these. */
const BUCKETS = 64;
/** With their marker they fill a transactional batch (https://learn.microsoft.com/azure/cosmos-db/concepts-limits). */
const GROUP_RECORDS = 99;
const COSMOS_LANES = 16;
/** So many are parsed before what is ready is sent on: a full send for each of four partitions. */
const SLICE_RECORDS = 2_500;

interface Line {
  readonly index: number;
  readonly bytes: Buffer;
  readonly key: string;
  readonly record: Record<string, unknown>;
}

export interface BarePipeline {
  ingest(batchId: string, body: Buffer): Promise<{ groups: number; sends: number }>;
  /** What is there in the end, told by the services. */
  count(): Promise<{ documents: number; events: number }>;
  dispose(): Promise<void>;
}

export async function openBare(cloud: Cloud, root: string): Promise<BarePipeline> {
  const archive = BlobServiceClient.fromConnectionString(cloud.blobConnectionString).getContainerClient(
    'bare',
  );
  await archive.createIfNotExists();
  const cosmos = new CosmosClient(cloud.cosmosConnectionString);
  const { database } = await cosmos.databases.createIfNotExists({ id: 'bare' });
  const { container } = await database.containers.createIfNotExists({
    id: 'documents',
    partitionKey: { paths: ['/pk'], version: 2 },
    defaultTtl: -1,
  });
  const hub = new EventHubProducerClient(cloud.eventHubsConnectionString, cloud.hub);
  const partitions = await hub.getPartitionIds();
  const validate = compile(root);
  return {
    async ingest(batchId, body) {
      const archived = put(archive, batchId, body);
      const lane = limiter(COSMOS_LANES);
      const writes: Promise<void>[] = [];
      const sends: Promise<number>[] = [];
      const flush = (bucket: number, lines: readonly Line[]): void => {
        const part = writes.length;
        keep(
          writes,
          lane(() => write(container, { batchId, bucket, part, lines })),
        );
      };
      const buckets: Line[][] = Array.from({ length: BUCKETS }, () => []);
      for (const slice of slices(body, SLICE_RECORDS)) {
        const outgoing: Line[][] = partitions.map(() => []);
        for (const raw of slice) {
          const { bucket, ...line } = checked(raw, validate);
          outgoing[bucket % partitions.length]?.push(line);
          if (buckets[bucket]?.push(line) !== GROUP_RECORDS) continue;
          flush(bucket, buckets[bucket]);
          buckets[bucket] = [];
        }
        outgoing.forEach((lines, at) => keep(sends, send(hub, batchId, partitions[at] ?? '', lines)));
        await turn();
      }
      buckets.forEach((lines, bucket) => lines.length > 0 && flush(bucket, lines));
      const [sent] = await Promise.all([Promise.all(sends), Promise.all(writes), archived]);
      return { groups: writes.length, sends: sent.reduce((sum, one) => sum + one, 0) };
    },
    async count() {
      const query = 'SELECT VALUE COUNT(1) FROM c WHERE IS_DEFINED(c.data)';
      const { resources } = await container.items.query<number>(query).fetchAll();
      const properties = await Promise.all(partitions.map((id) => hub.getPartitionProperties(id)));
      const events = properties.reduce(
        (sum, one) =>
          one.isEmpty ? sum : sum + one.lastEnqueuedSequenceNumber - one.beginningSequenceNumber + 1,
        0,
      );
      return { documents: resources[0] ?? 0, events };
    },
    async dispose() {
      cosmos.dispose();
      await hub.close();
    },
  };
}

/** Keeps a promise that is awaited only later: until then its failure must not end the process. */
function keep<T>(list: Promise<T>[], promise: Promise<T>): void {
  promise.catch(() => undefined);
  list.push(promise);
}

function compile(root: string): (record: unknown) => boolean {
  const ajv = new Ajv2020({ strict: true });
  addFormats(ajv);
  ajv.addKeyword('x-headwater');
  return ajv.compile(JSON.parse(readFileSync(join(root, 'schemas', 'products.json'), 'utf8')) as object);
}

async function put(archive: ContainerClient, batchId: string, body: Buffer): Promise<void> {
  const sha256 = createHash('sha256').update(body).digest('hex');
  await archive
    .getBlockBlobClient(`${batchId}.ndjson`)
    .upload(body, body.byteLength, { metadata: { sha256 }, conditions: { ifNoneMatch: '*' } });
}

interface Raw {
  readonly index: number;
  readonly bytes: Buffer;
}

/** The lines of an NDJSON body, so many at a time. */
function* slices(body: Buffer, size: number): Generator<Raw[]> {
  let slice: Raw[] = [];
  let index = 0;
  for (let start = 0; start < body.length; index++) {
    const end = body.indexOf(10, start);
    slice.push({ index, bytes: body.subarray(start, end) });
    start = end + 1;
    if (slice.length < size) continue;
    yield slice;
    slice = [];
  }
  if (slice.length > 0) yield slice;
}

/** @throws when the record is not valid: the bench makes only good ones. */
function checked({ index, bytes }: Raw, validate: (record: unknown) => boolean): Line & { bucket: number } {
  const record = JSON.parse(bytes.toString('utf8')) as Record<string, unknown>;
  if (!validate(record)) throw new Error(`Record ${index} is not valid.`);
  const key = String(record['productId']);
  const bucket = createHash('sha256').update(key).digest().readUInt32BE(0) % BUCKETS;
  return { index, bytes, key, record, bucket };
}

interface Group {
  readonly batchId: string;
  readonly bucket: number;
  readonly part: number;
  readonly lines: readonly Line[];
}

async function write(container: Container, { batchId, bucket, part, lines }: Group): Promise<void> {
  const pk = `products:${bucket}`;
  const marker = { id: `${batchId}:${part}`, pk, type: 'marker', ttl: 86_400 };
  const stored = await readStored(container, pk, lines);
  const newer = lines.filter(({ key, record }) => String(record['updatedAt']) > (stored.get(key) ?? ''));
  const operations: OperationInput[] = [
    { operationType: 'Create', resourceBody: marker },
    ...newer.map(({ key, index, record }): OperationInput => ({
      operationType: 'Upsert',
      resourceBody: { id: key, pk, data: record, _hw: headOf({ batchId, key, index, record }) } as never,
    })),
  ];
  const { result = [] } = await container.items.batch(operations, pk, {
    contentResponseOnWriteEnabled: false,
  });
  const failed = result.find(({ statusCode }) => statusCode >= 400);
  if (failed) throw new Error(`A transactional batch was answered with ${failed.statusCode}.`);
}

/** What the app keeps beside a document's data. */
function headOf({
  batchId,
  key,
  index,
  record,
}: Pick<Group, 'batchId'> & Pick<Line, 'key' | 'index' | 'record'>): object {
  const { updatedAt, ...content } = record;
  const hash = createHash('sha256')
    .update(canonicalize(content) ?? '')
    .digest('hex');
  const newest = { eventTime: Date.parse(String(updatedAt)), receivedAt: 0, batchId, index };
  return { key, version: 1, maker: { batchId, index, schemaVersion: '1' }, newest, hash, deleted: false };
}

/** The event times of the documents that are there: newest wins, so an upsert has to look. */
async function readStored(
  container: Container,
  pk: string,
  lines: readonly Line[],
): Promise<Map<string, string>> {
  const parameters = lines.map(({ key }, at) => ({ name: `@k${at}`, value: key }));
  const query = `SELECT c.id, c.data.updatedAt FROM c WHERE c.id IN (${parameters.map(({ name }) => name).join(', ')})`;
  const options = { partitionKey: pk, maxItemCount: lines.length };
  const { resources } = await container.items
    .query<{ id: string; updatedAt: string }>({ query, parameters }, options)
    .fetchAll();
  return new Map(resources.map(({ id, updatedAt }) => [id, updatedAt]));
}

/** Sends one event a line to one partition; resolves with the number of sends. */
async function send(
  hub: EventHubProducerClient,
  batchId: string,
  partitionId: string,
  lines: readonly Line[],
): Promise<number> {
  const pending: Promise<void>[] = [];
  let batch = await hub.createBatch({ partitionId });
  for (const { bytes, key, index, record } of lines) {
    const properties = {
      dataset: 'products',
      key,
      schemaVersion: '1',
      eventTime: Date.parse(String(record['updatedAt'])),
      deleted: false,
    };
    const event = {
      body: bytes,
      messageId: `${batchId}/${index}`,
      contentType: 'application/json',
      properties,
    };
    if (batch.tryAdd(event)) continue;
    pending.push(hub.sendBatch(batch));
    batch = await hub.createBatch({ partitionId });
    if (!batch.tryAdd(event)) throw new Error('A record is larger than the hub allows.');
  }
  if (batch.count > 0) pending.push(hub.sendBatch(batch));
  await Promise.all(pending);
  return pending.length;
}
