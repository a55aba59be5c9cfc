import { CosmosClient } from '@azure/cosmos';
import { EventHubProducerClient } from '@azure/event-hubs';
import { BlobServiceClient } from '@azure/storage-blob';
import { type Counters, type LocalCloud, type ServiceName } from '../../../local/start';
import { removeTemporaryFolders, startSampleCloud } from '../../support/functions-host';
import { until } from '../../support/until';

let cloud: LocalCloud;

beforeAll(async () => {
  cloud = await startSampleCloud();
});

afterAll(async () => {
  await cloud.dispose();
  removeTemporaryFolders();
});

const setting = (name: string): string => cloud.settings[name] ?? '';

async function countersOf(name: ServiceName): Promise<Counters> {
  return (await cloud.counters())[name] ?? {};
}

/** By how much the counters of a service grow while something is done. */
async function growth(name: ServiceName, work: () => Promise<unknown>): Promise<Counters> {
  const before = await countersOf(name);
  await work();
  const after = await countersOf(name);
  return Object.fromEntries(
    Object.entries(after).map(([counter, value]) => [
      counter,
      Number((value - (before[counter] ?? 0)).toFixed(2)),
    ]),
  );
}

/** The status of an instance, asked for until it has ended. */
async function ended(instanceId: string): Promise<string> {
  const { system } = cloud.keys.functions;
  const url = `${cloud.url}/runtime/webhooks/durabletask/instances/${instanceId}?code=${system}`;
  for (;;) {
    const { runtimeStatus } = (await (await fetch(url)).json()) as { runtimeStatus: string };
    if (!['Pending', 'Running'].includes(runtimeStatus)) return runtimeStatus;
  }
}

async function durable(path: string, body?: unknown): Promise<void> {
  const url = `${cloud.url}/runtime/webhooks/durabletask/${path}`;
  const reply = await fetch(url, {
    method: 'POST',
    headers: { 'x-functions-key': cloud.keys.functions.system, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  expect(reply.status).toBe(202);
}

test('Blob Storage counts every request, also a refused one', async () => {
  const service = BlobServiceClient.fromConnectionString(setting('AzureWebJobsStorage'));
  const container = service.getContainerClient('counted');
  const grown = await growth('blob', async () => {
    await container.create();
    await container.getBlockBlobClient('blob').upload('content', 7);
    await expect(container.getBlobClient('none').getProperties()).rejects.toThrow();
  });
  expect(grown).toEqual({ transactions: 3 });
});

test('Event Hubs counts sends and their events', async () => {
  const producer = new EventHubProducerClient(setting('EventHubs'), 'records');
  const grown = await growth('eventhubs', async () => {
    await producer.getPartitionIds();
    await producer.sendBatch([{ body: 1 }, { body: 2 }, { body: 3 }]);
    await producer.sendBatch([{ body: 4 }], { partitionId: '1' });
  });
  expect(grown).toEqual({ operations: 2, events: 4 });
  await producer.close();
});

test('Cosmos DB counts requests and what they were said to cost', async () => {
  const client = new CosmosClient(setting('Cosmos'));
  const { database } = await client.databases.create({ id: 'counted' });
  const { container } = await database.containers.create({ id: 'items', partitionKey: '/pk' });
  // The client's first write reads the container, too.
  await container.items.create({ id: 'first', pk: 'a' });
  let charge = 0;
  const grown = await growth('cosmos', async () => {
    charge += (await container.items.create({ id: 'x', pk: 'a', text: 'y'.repeat(5_000) })).requestCharge;
    charge += (await container.item('x', 'a').read()).requestCharge;
    const refused: unknown = await container.items.create({ id: 'x', pk: 'a' }).catch((error) => error);
    expect(refused).toMatchObject({ code: 409 });
    charge += Number((refused as { headers: Record<string, string> }).headers['x-ms-request-charge']);
  });
  expect(charge).toBeGreaterThan(3);
  expect(grown).toEqual({ requests: 3, requestUnits: Number(charge.toFixed(2)) });
  client.dispose();
});

test('the Functions host counts activities, episodes and rows of history', async () => {
  const grown = await growth('functions', async () => {
    await durable('orchestrators/greetings/three', ['a', 'b', 'c']);
    expect(await ended('three')).toBe('Completed');
  });
  // Each episode has a start and an end, each activity is scheduled and completed, the execution starts and ends.
  expect(grown).toEqual({ episodes: 4, activities: 3, historyEvents: 4 * 2 + 3 * 2 + 2 });
});

test('a terminated instance has rows for its end', async () => {
  const before = await countersOf('functions');
  const grown = await growth('functions', async () => {
    await durable('orchestrators/waits/stopped', null);
    await until(async () => (await countersOf('functions'))['episodes'] === (before['episodes'] ?? 0) + 2);
    await durable('instances/stopped/terminate?reason=enough');
    expect(await ended('stopped')).toBe('Terminated');
  });
  expect(grown).toEqual({ episodes: 3, activities: 1, historyEvents: 3 * 2 + 2 + 2 + 1 });
});

test('a process that ends takes its counters with it', async () => {
  expect(await countersOf('blob')).not.toEqual({ transactions: 0 });
  cloud.kill('blob', 'SIGKILL');
  await expect(cloud.counters()).rejects.toThrow('blob ended before it told its counters.');
  expect(await countersOf('blob')).toEqual({ transactions: 0 });
});
