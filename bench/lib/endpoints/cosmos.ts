import { randomUUID } from 'node:crypto';
import { CosmosClient, type Container } from '@azure/cosmos';
import { inLanes } from '../work';
import { perSecond, type Amount } from './rate';

const UPSERT_LANES = 64;
const BATCH_LANES = 8;
const BATCH = 90;

export interface CosmosRates {
  readonly upserts: number;
  /** null: the endpoint has no transactional batch. */
  readonly batchWrites: number | null;
}

/** Items a second that the SDK writes: one by one, and in transactional batches of 90. */
export async function cosmosRates(connectionString: string, amount: Amount): Promise<CosmosRates> {
  // The peer tells a place with HTTPS, whatever it serves.
  const client = new CosmosClient({ connectionString, connectionPolicy: { enableEndpointDiscovery: false } });
  try {
    const { database } = await client.databases.createIfNotExists({ id: `bench-${randomUUID()}` });
    const { container } = await database.containers.createIfNotExists({
      id: 'items',
      partitionKey: { paths: ['/pk'], version: 2 },
    });
    const rates = {
      upserts: await perSecond(amount(6_000), (count) => upsert(container, count)),
      batchWrites: await perSecond(amount(60_000), (count) => batches(container, count)).catch(() => null),
    };
    await database.delete();
    return rates;
  } finally {
    client.dispose();
  }
}

const item = (at: number, pk: string) => ({ id: `item-${at}`, pk, number: at, text: 'x'.repeat(400) });

async function upsert(container: Container, count: number): Promise<void> {
  await inLanes(UPSERT_LANES, Array(count).keys(), async (at) => {
    await container.items.upsert(item(at, `pk-${at % 64}`));
  });
}

/** @throws when a batch is not as a whole applied */
async function batches(container: Container, count: number): Promise<void> {
  await inLanes(BATCH_LANES, Array(Math.ceil(count / BATCH)).keys(), async (number) => {
    const pk = `batch-${number % 64}`;
    const operations = Array.from({ length: BATCH }, (_, at) => ({
      operationType: 'Upsert' as const,
      resourceBody: item(number * BATCH + at, pk),
    }));
    const { result } = await container.items.batch(operations, pk, { contentResponseOnWriteEnabled: false });
    if (result?.length !== BATCH || result.some(({ statusCode }) => statusCode >= 300))
      throw new Error('A transactional batch was not applied.');
  });
}
