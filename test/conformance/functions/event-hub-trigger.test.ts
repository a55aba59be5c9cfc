import type { ChildProcess } from 'node:child_process';
import { EventHubProducerClient, type EventData } from '@azure/event-hubs';
import { BlobCheckpointStore } from '@azure/eventhubs-checkpointstore-blob';
import { BlobServiceClient } from '@azure/storage-blob';
import { blobConnectionString, startBlob } from '../../../local/blob/server';
import { eventHubsConnectionString, startEventHubs } from '../../../local/eventhubs/server';
import type { Service } from '../../../local/shared/child';
import {
  copySampleApp,
  removeTemporaryFolders,
  startSampleHost,
  temporaryFolder,
} from '../../support/functions-host';
import { until } from '../../support/until';
import { forkSampleHost, killHost } from '../../support/host-process';
import { Sink } from '../../support/sink';

interface Report {
  name: string;
  batch: unknown;
  bytes: boolean;
  retry?: { retryCount: number };
  metadata: Record<string, unknown>;
}

const CREDENTIAL = { keyName: 'RootManageSharedAccessKey', key: 'c2VjcmV0LWZvci10ZXN0cw==' };
const ACCOUNT = { account: 'devstoreaccount1', key: CREDENTIAL.key };
const HUBS = { feed: { partitions: 2, consumerGroups: ['events', 'eachEvent', 'asBytes'] } };

let hubs: Service;
let blobs: Service;
let blobDir: string;
let hubDir: string;
let producers: EventHubProducerClient[];
let sink: Sink<Report>;
let sinkUrl: string;
let host: Awaited<ReturnType<typeof startSampleHost>> | undefined;
let child: ChildProcess | undefined;

const openHubs = (port: number): Promise<Service> =>
  startEventHubs({ dataDir: hubDir, port, ...CREDENTIAL, hubs: HUBS });
const openBlobs = (port: number): Promise<Service> => startBlob({ dataDir: blobDir, port, ...ACCOUNT });

beforeEach(async () => {
  hubDir = temporaryFolder();
  blobDir = temporaryFolder();
  hubs = await openHubs(0);
  blobs = await openBlobs(0);
  producers = [];
  sink = new Sink();
  sinkUrl = await sink.start();
});

afterEach(async () => {
  if (child) await killHost(child);
  child = undefined;
  await stopHost();
  await Promise.all(producers.map((producer) => producer.close()));
  sink.close();
  await hubs.dispose();
  await blobs.dispose();
});

afterAll(removeTemporaryFolders);

const environment = (further: Record<string, string> = {}): Record<string, string> => ({
  EventHubs: eventHubsConnectionString({ port: hubs.port, ...CREDENTIAL }),
  AzureWebJobsStorage: blobConnectionString({ port: blobs.port, ...ACCOUNT }),
  FEED_HUB: 'feed',
  SINK: sinkUrl,
  ...further,
});

async function startHost(further: Record<string, string> = {}, appDir?: string): Promise<void> {
  host = await startSampleHost({ environment: environment(further), ...(appDir ? { appDir } : {}) });
}

async function stopHost(): Promise<void> {
  await host?.dispose();
  host = undefined;
}

async function send(events: EventData[], partitionId = '0'): Promise<void> {
  const producer = new EventHubProducerClient(environment()['EventHubs'] ?? '', 'feed');
  producers.push(producer);
  await producer.sendBatch(events, { partitionId });
}

const numbered = (from: number, count: number): EventData[] =>
  Array.from({ length: count }, (_, index) => ({ body: { n: from + index } }));

const reports = (name: string): Report[] => sink.reports.filter((report) => report.name === name);
const seen = (name: string): unknown[] => reports(name).flatMap(({ batch }) => batch);
const numbersSeen = (name: string): number[] =>
  (seen(name) as { n: number }[]).map(({ n }) => n).toSorted((a, b) => a - b);
const untilSeen = (name: string, count: number): Promise<void> =>
  until(() => new Set(numbersSeen(name)).size >= count);

/** The checkpoints of a consumer group, as the SDK's own store reads them. */
async function checkpoints(group: string): Promise<Record<string, number>> {
  const service = BlobServiceClient.fromConnectionString(environment()['AzureWebJobsStorage'] ?? '');
  const container = service.getContainerClient('azure-webjobs-eventhub');
  const stored = await new BlobCheckpointStore(container)
    .listCheckpoints(`127.0.0.1:${hubs.port}`, 'feed', group)
    .catch(() => []);
  return Object.fromEntries(stored.map(({ partitionId, sequenceNumber }) => [partitionId, sequenceNumber]));
}

const untilCheckpoint = (group: string, partitionId: string, sequenceNumber: number): Promise<void> =>
  until(async () => (await checkpoints(group))[partitionId] === sequenceNumber);

test('events arrive with their bodies and metadata, as an array or one by one', async () => {
  await startHost();
  const events = [
    { body: { n: 1 }, properties: { kind: 'a' }, messageId: 'm-1' },
    { body: Buffer.from('text') },
  ];
  await send(events, '1');
  await until(() => seen('events').length === 2 && reports('eachEvent').length === 2);
  expect(seen('events')).toEqual([{ n: 1 }, 'text']);
  expect(reports('events')[0]?.metadata).toEqual({
    sys: expect.objectContaining({ methodName: 'events' }),
    partitionContext: {
      fullyQualifiedNamespace: expect.stringContaining('127.0.0.1'),
      eventHubName: 'feed',
      consumerGroup: 'events',
      partitionId: '1',
      isCheckpointingAfterInvocation: true,
    },
    partitionKeyArray: ['', ''],
    offsetArray: [0, expect.any(Number)],
    sequenceNumberArray: [0, 1],
    enqueuedTimeUtcArray: [expect.stringMatching(/Z$/), expect.stringMatching(/Z$/)],
    propertiesArray: [{ kind: 'a' }, {}],
    systemPropertiesArray: [
      expect.objectContaining({ 'message-id': 'm-1', sequenceNumber: 0, offset: '0', partitionKey: null }),
      expect.objectContaining({ sequenceNumber: 1 }),
    ],
  });
  expect(reports('eachEvent').map(({ batch }) => batch)).toEqual([{ n: 1 }, 'text']);
  expect(reports('eachEvent')[0]?.metadata).toMatchObject({
    partitionContext: { partitionId: '1' },
    offset: 0,
    sequenceNumber: 0,
    enqueuedTimeUtc: expect.stringMatching(/Z$/),
    properties: { kind: 'a' },
    systemProperties: { sequenceNumber: 0 },
  });
  await until(() => seen('asBytes').length === 2);
  expect(reports('asBytes').every(({ bytes }) => bytes)).toBe(true);
  await untilCheckpoint('events', '1', 1);
});

test('when the function throws the checkpoint stays, and another host goes on there', async () => {
  await send(numbered(0, 3));
  await startHost({ FEEDS_FAIL: 'events' });
  await sink.wait('events', 3);
  expect(numbersSeen('events')).toEqual([0, 0, 0, 1, 1, 1, 2, 2, 2]);
  await stopHost();
  expect(await checkpoints('events')).toEqual({});

  const before = reports('events').length;
  await startHost();
  await untilCheckpoint('events', '0', 2);
  expect(reports('events')[before]?.batch).toEqual([{ n: 0 }, { n: 1 }, { n: 2 }]);
  await stopHost();
  await send(numbered(3, 1));
  await startHost();
  await untilSeen('events', 4);
  expect(reports('events').at(-1)?.batch).toEqual([{ n: 3 }]);
});

test('a retry policy runs the same event again, and the next one only then', async () => {
  await send(numbered(0, 2));
  await startHost({ FEEDS_FAIL: 'eachEvent' });
  const runs = await sink.wait('eachEvent', 6);
  expect(runs.map(({ batch, retry }) => [batch, retry?.retryCount ?? 0])).toEqual(
    [0, 1].flatMap((n) => [0, 1, 2].map((retry) => [{ n }, retry])),
  );
  await untilCheckpoint('eachEvent', '0', 1);
});

test('a partition that fails does not hold up the other', async () => {
  await startHost();
  await send([{ body: 'poison' }], '0');
  await sink.wait('events', 1);
  await send(numbered(0, 2), '1');
  await untilCheckpoint('events', '1', 1);
  expect(await checkpoints('events')).toEqual({ '1': 1 });
});

test('a host killed in the middle of its events loses none, and does not begin anew', async () => {
  await send(numbered(0, 30));
  child = await forkSampleHost(temporaryFolder(), environment());
  await untilCheckpoint('events', '0', 29);
  await sink.wait('eachEvent', 3);
  const sending = (async () => {
    for (let from = 30; from < 60; from += 3) await send(numbered(from, 3), String(from % 2));
  })();
  await untilSeen('events', 36);
  await killHost(child);
  child = undefined;
  const before = reports('events').length;
  await sending;
  await startHost();
  await untilSeen('events', 60);
  await untilSeen('eachEvent', 60);
  const again = new Set(
    (
      reports('events')
        .slice(before)
        .flatMap(({ batch }) => batch) as { n: number }[]
    ).map(({ n }) => n),
  );
  expect([...again].filter((n) => n < 30)).toEqual([]);
});

test('hub and blob store may be restarted, or be down at the start', async () => {
  const [hubPort, blobPort] = [hubs.port, blobs.port];
  await hubs.dispose();
  await blobs.dispose();
  await startHost();
  hubs = await openHubs(hubPort);
  await send(numbered(0, 1));
  blobs = await openBlobs(blobPort);
  await untilSeen('events', 1);
  await hubs.dispose();
  hubs = await openHubs(hubPort);
  await send(numbered(1, 1));
  await untilSeen('events', 2);
  await untilCheckpoint('events', '0', 1);
  await blobs.dispose();
  await send(numbered(2, 1));
  await untilSeen('events', 3);
  blobs = await openBlobs(blobPort);
  await untilCheckpoint('events', '0', 2);
});

test('a checkpoint of an earlier hub of the same name is not used', async () => {
  await send(numbered(0, 2));
  await startHost();
  await untilCheckpoint('events', '0', 1);
  await stopHost();
  const { port } = hubs;
  await hubs.dispose();
  hubDir = temporaryFolder();
  hubs = await openHubs(port);
  await send(numbered(10, 3));
  await startHost();
  await until(() => numbersSeen('events').includes(12));
  expect(numbersSeen('events')).toEqual([0, 1, 10, 11, 12]);
});

test('host.json: the size of batches, and a beginning at the end', async () => {
  await send(numbered(0, 2));
  const eventHubs = { maxEventBatchSize: 2, initialOffsetOptions: { type: 'fromEnd' } };
  await startHost({}, copySampleApp({ extensions: { eventHubs } }));
  await untilCheckpoint('events', '0', 1);
  await send(numbered(2, 5));
  await untilSeen('events', 5);
  expect(numbersSeen('events')).toEqual([2, 3, 4, 5, 6]);
  expect(reports('events').every(({ batch }) => (batch as unknown[]).length <= 2)).toBe(true);
});

test('host.json: a function that takes many events waits until there are enough', async () => {
  const eventHubs = { maxEventBatchSize: 4, minEventBatchSize: 3, maxWaitTime: '00:10:00' };
  await startHost({}, copySampleApp({ extensions: { eventHubs } }));
  await send(numbered(0, 2));
  // One that takes them singly does not wait.
  await untilSeen('eachEvent', 2);
  expect(reports('events')).toEqual([]);
  await send(numbered(2, 1));
  await untilCheckpoint('events', '0', 2);
  expect(reports('events').map(({ batch }) => batch)).toEqual([[{ n: 0 }, { n: 1 }, { n: 2 }]]);
  await send(numbered(3, 2));
  await untilSeen('eachEvent', 5);
  // What waits is not lost with the host.
  await stopHost();
  expect(await checkpoints('events')).toEqual({ '0': 2 });
  await startHost();
  await untilSeen('events', 5);
  expect(numbersSeen('events')).toEqual([0, 1, 2, 3, 4]);
});

test('host.json: it does not wait for longer than was said', async () => {
  const eventHubs = { minEventBatchSize: 50, maxWaitTime: '00:00:00.1' };
  await startHost({}, copySampleApp({ extensions: { eventHubs } }));
  await send(numbered(0, 2));
  await untilSeen('events', 2);
  expect(numbersSeen('events')).toEqual([0, 1]);
});

test.each([
  [{ maxEventBatchSize: 0 }, 'maxEventBatchSize'],
  [{ minEventBatchSize: 101 }, 'minEventBatchSize'],
  [{ initialOffsetOptions: { type: 'somewhere' } }, 'initialOffsetOptions'],
  [{ initialOffsetOptions: { type: 'fromEnqueuedTime' } }, 'enqueuedTimeUtc'],
])('host.json with %j is refused at the start', async (eventHubs, cause) => {
  await expect(startHost({}, copySampleApp({ extensions: { eventHubs } }))).rejects.toThrow(cause);
});
