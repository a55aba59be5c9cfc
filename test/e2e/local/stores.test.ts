import { CosmosClient } from '@azure/cosmos';
import { EventHubProducerClient } from '@azure/event-hubs';
import { BlobServiceClient } from '@azure/storage-blob';
import { type LocalCloud, type ServiceName } from '../../../local/start';
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

async function killAndAwait(name: ServiceName): Promise<void> {
  const before = cloud.children.find((child) => child.name === name)?.pid;
  cloud.kill(name, 'SIGKILL');
  await until(() => cloud.children.some((child) => child.name === name && child.pid !== before));
  await cloud.ready(name);
}

test.each([
  'AzureWebJobsStorage',
  'EventHubs',
  'Cosmos',
  'FUNCTIONS_WORKER_RUNTIME',
  'FUNCTIONS_EXTENSION_VERSION',
  'WEBSITE_HOSTNAME',
])('the app sees the setting %s', async (name) => {
  expect(setting(name)).not.toBe('');
  expect(await (await fetch(`${cloud.url}/api/environment?name=${name}`)).text()).toBe(setting(name));
});

test('blobs outlive the death of their service, behind the same connection string', async () => {
  const container = BlobServiceClient.fromConnectionString(setting('AzureWebJobsStorage')).getContainerClient(
    'kept',
  );
  await container.create();
  await container.getBlockBlobClient('blob').upload('content', 7);
  await killAndAwait('blob');
  expect((await container.getBlockBlobClient('blob').downloadToBuffer()).toString()).toBe('content');
});

test('events outlive the death of their service', async () => {
  const producer = new EventHubProducerClient(setting('EventHubs'), 'records');
  await producer.sendBatch([{ body: 1 }, { body: 2 }], { partitionId: '0' });
  await producer.close();
  await killAndAwait('eventhubs');
  const again = new EventHubProducerClient(setting('EventHubs'), 'records');
  expect((await again.getPartitionProperties('0')).lastEnqueuedSequenceNumber).toBe(1);
  await again.close();
});

test('documents outlive the death of their service', async () => {
  const client = new CosmosClient(setting('Cosmos'));
  const { database } = await client.databases.createIfNotExists({ id: 'db' });
  const { container } = await database.containers.createIfNotExists({
    id: 'c',
    partitionKey: { paths: ['/pk'] },
  });
  await container.items.create({ id: 'one', pk: 'a', value: 1 });
  await killAndAwait('cosmos');
  expect((await container.item('one', 'a').read<{ value: number }>()).resource?.value).toBe(1);
  client.dispose();
});

test('while a store is away the app serves on', async () => {
  cloud.kill('cosmos', 'SIGKILL');
  expect((await fetch(`${cloud.url}/api/hello?name=x`)).status).toBe(200);
  await cloud.ready('cosmos');
});
