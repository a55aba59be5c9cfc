import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CosmosClient, type Container, type OperationInput } from '@azure/cosmos';
import { EventHubProducerClient } from '@azure/event-hubs';
import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob';
import addFormats from 'ajv-formats';
import Ajv2020 from 'ajv/dist/2020';
import type { Cloud } from './cloud';
import { inLanes } from './work';

/** The buckets of the app: what makes its transactional batches as full as these. */
const BUCKETS = 64;
/** With their marker they fill a transactional batch (https://learn.microsoft.com/azure/cosmos-db/concepts-limits). */
const GROUP_RECORDS = 99;
const COSMOS_LANES = 8;

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
      const buckets = intoBuckets(body, validate);
      const [groups, sends] = await Promise.all([
        writeAll(container, batchId, buckets),
        sendAll(hub, partitions, buckets),
        archived,
      ]);
      return { groups, sends };
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

/** @throws on the first record that is not valid: the bench makes only good ones. */
function intoBuckets(body: Buffer, validate: (record: unknown) => boolean): Line[][] {
  const buckets: Line[][] = Array.from({ length: BUCKETS }, () => []);
  let index = 0;
  for (let start = 0; start < body.length; index++) {
    const end = body.indexOf(10, start);
    const bytes = body.subarray(start, end);
    start = end + 1;
    const record = JSON.parse(bytes.toString('utf8')) as Record<string, unknown>;
    if (!validate(record)) throw new Error(`Record ${index} is not valid.`);
    const key = String(record['productId']);
    buckets[createHash('sha256').update(key).digest().readUInt32BE(0) % BUCKETS]?.push({
      index,
      bytes,
      key,
      record,
    });
  }
  return buckets;
}

async function writeAll(container: Container, batchId: string, buckets: readonly Line[][]): Promise<number> {
  const groups = buckets.flatMap((lines, bucket) => {
    const parts = [];
    for (let at = 0; at < lines.length; at += GROUP_RECORDS) {
      parts.push({ pk: `products:${bucket}`, part: at, lines: lines.slice(at, at + GROUP_RECORDS) });
    }
    return parts;
  });
  await inLanes(COSMOS_LANES, groups, async ({ pk, part, lines }) => {
    const marker = { id: `${batchId}:${pk}:${part}`, pk, type: 'marker', ttl: 86_400 };
    const operations: OperationInput[] = [
      { operationType: 'Create', resourceBody: marker },
      ...lines.map(({ key, index, record }): OperationInput => ({
        operationType: 'Upsert',
        resourceBody: { id: key, pk, data: record, _hw: { version: 1, maker: { batchId, index } } } as never,
      })),
    ];
    const { result = [] } = await container.items.batch(operations, pk);
    const failed = result.find(({ statusCode }) => statusCode >= 400);
    if (failed) throw new Error(`A transactional batch was answered with ${failed.statusCode}.`);
  });
  return groups.length;
}

async function sendAll(
  hub: EventHubProducerClient,
  partitions: readonly string[],
  buckets: readonly Line[][],
): Promise<number> {
  const sends = partitions.map(async (partitionId, position) => {
    const lines = buckets.filter((_, bucket) => bucket % partitions.length === position).flat();
    const pending: Promise<void>[] = [];
    let batch = await hub.createBatch({ partitionId });
    for (const { bytes } of lines) {
      if (batch.tryAdd({ body: bytes })) continue;
      pending.push(hub.sendBatch(batch));
      batch = await hub.createBatch({ partitionId });
      if (!batch.tryAdd({ body: bytes })) throw new Error('A record is larger than the hub allows.');
    }
    if (batch.count > 0) pending.push(hub.sendBatch(batch));
    await Promise.all(pending);
    return pending.length;
  });
  return (await Promise.all(sends)).reduce((sum, one) => sum + one, 0);
}
