import { createHmac } from 'node:crypto';
import { earliestEventPosition } from '@azure/event-hubs';
import { onEachBackend } from './backends';
import { CREDENTIAL, Endpoint, failure, HUBS, receive } from './support';

onEachBackend('properties', (context) => {
  test('of a hub', async () => {
    const properties = await context().producer(context().hub.toUpperCase()).getEventHubProperties();
    expect(properties.name.toLowerCase()).toBe(context().hub.toLowerCase());
    expect(properties.partitionIds).toEqual(['0', '1', '2', '3']);
    expect(properties.createdOn.getTime()).toBeLessThan(Date.now() + 60_000);
  });

  test('of a partition with events', async () => {
    const producer = context().producer();
    const start = await context().end('3');
    await producer.sendBatch([{ body: 1 }, { body: 2 }], { partitionId: '3' });
    const { events } = await receive(context().consumer(), '3', 2, start);
    expect(await producer.getPartitionProperties('3')).toMatchObject({
      partitionId: '3',
      isEmpty: false,
      lastEnqueuedSequenceNumber: events[1]?.sequenceNumber,
      lastEnqueuedOffset: events[1]?.offset,
      lastEnqueuedOnUtc: events[1]?.enqueuedTimeUtc,
    });
  });
});

onEachBackend('what does not exist', (context) => {
  test('a hub', async () => {
    const nowhere = 'headwater-nowhere';
    const producer = context().producer(nowhere);
    const answers = [
      () => producer.getEventHubProperties(),
      () => producer.sendBatch([{ body: 1 }]),
      () => receive(context().consumer('$Default', nowhere), '0', 1, earliestEventPosition),
    ];
    for (const answer of answers) {
      expect(await failure(answer())).toMatchObject({ code: 'MessagingEntityNotFoundError' });
    }
  });

  test('a consumer group', async () => {
    const refused = await failure(receive(context().consumer('nobody'), '0', 1, earliestEventPosition));
    expect(refused.code).toBe('MessagingEntityNotFoundError');
  });

  test.each(['4', '-1', '00', 'x', '1e0'])('the partition %p', async (partitionId) => {
    const answers = [
      () => context().producer().getPartitionProperties(partitionId),
      () =>
        context()
          .producer()
          .sendBatch([{ body: 1 }], { partitionId }),
      () => receive(context().consumer(), partitionId, 1, earliestEventPosition),
    ];
    for (const answer of answers) {
      const refused = await failure(answer());
      expect(refused.code).toBe('ArgumentOutOfRangeError');
      expect(refused.message).toContain('The specified partition is invalid');
    }
  });

  test('a blank partition', async () => {
    const wrongForm = 'Invalid EventHub address. It must be either of the following';
    const sent = await failure(
      context()
        .producer()
        .sendBatch([{ body: 1 }], { partitionId: ' ' }),
    );
    expect(sent.message).toContain(wrongForm);
    const received = await failure(receive(context().consumer(), ' ', 1, earliestEventPosition));
    expect(received.message).toContain(wrongForm);
  });
});

onEachBackend('authorisation', (context) => {
  test.each([
    ['key', /SharedAccessKey=[^;]+/, 'SharedAccessKey=bm90LXRoZS1rZXk='],
    ['key name', /SharedAccessKeyName=[^;]+/, 'SharedAccessKeyName=Somebody'],
  ])('a wrong %s opens nothing', async (_, right, wrong) => {
    const { hub } = context();
    const connectionString = context().connectionString().replace(right, wrong);
    const producer = context().producer(hub, connectionString);
    const consumer = context().consumer('$Default', hub, connectionString);
    const answers = [
      () => producer.getEventHubProperties(),
      () => producer.sendBatch([{ body: 1 }]),
      () => receive(consumer, '0', 1, earliestEventPosition),
    ];
    for (const answer of answers)
      expect(await failure(answer())).toMatchObject({ code: 'UnauthorizedError' });
  });
});

let endpoint: Endpoint;
beforeAll(async () => {
  endpoint = await Endpoint.start();
});
afterAll(() => endpoint.dispose());

test('a hub was created when it was first opened, an empty partition has no events (local only)', async () => {
  const producer = endpoint.producer();
  const { createdOn } = await producer.getEventHubProperties();
  expect(Math.abs(Date.now() - createdOn.getTime())).toBeLessThan(60_000);
  expect(await producer.getPartitionProperties('3')).toMatchObject({
    eventHubName: 'orders',
    isEmpty: true,
    beginningSequenceNumber: 0,
    lastEnqueuedSequenceNumber: -1,
    lastEnqueuedOffset: '-1',
  });
});

/** A connection string with a token made by hand. */
function withToken(resource: string, expiry: number): string {
  const encoded = encodeURIComponent(resource);
  const signature = createHmac('sha256', CREDENTIAL.key).update(`${encoded}\n${expiry}`).digest('base64');
  const token = `SharedAccessSignature sr=${encoded}&sig=${encodeURIComponent(signature)}&se=${expiry}&skn=${CREDENTIAL.keyName}`;
  return `Endpoint=sb://127.0.0.1:${endpoint.port};SharedAccessSignature=${token};UseDevelopmentEmulator=true`;
}

describe('tokens (local only)', () => {
  const soon = Math.floor(Date.now() / 1000) + 600;

  test('an expired token opens nothing', async () => {
    const connectionString = withToken(`sb://127.0.0.1:${endpoint.port}/orders`, soon - 1_200);
    const producer = endpoint.producer('orders', connectionString);
    const consumer = endpoint.consumer('$Default', 'orders', connectionString);
    const answers = [
      () => producer.getEventHubProperties(),
      () => producer.sendBatch([{ body: 1 }]),
      () => receive(consumer, '0', 1, earliestEventPosition),
    ];
    for (const answer of answers)
      expect(await failure(answer())).toMatchObject({ code: 'UnauthorizedError' });
  });

  test('a link does not outlive its token', async () => {
    const next = Math.ceil(Date.now() / 1000) + 1;
    const connectionString = withToken(`sb://127.0.0.1:${endpoint.port}/orders`, next);
    const consumer = endpoint.consumer('audit', 'orders', connectionString);
    const refused = await failure(receive(consumer, '2', 1, earliestEventPosition));
    expect(refused.code).toBe('UnauthorizedError');
    expect(Date.now()).toBeGreaterThanOrEqual(next * 1000);
  });

  test('a token for one hub opens that hub only', async () => {
    const connectionString = withToken(`sb://127.0.0.1:${endpoint.port}/orders`, soon);
    await endpoint.producer('orders', connectionString).sendBatch([{ body: 1 }]);
    const other = await failure(endpoint.producer('orders2', connectionString).getEventHubProperties());
    expect(other.code).toBe('UnauthorizedError');
  });
});

describe('options (local only)', () => {
  test('the port must be free', async () => {
    const { port } = endpoint;
    await expect(Endpoint.start({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  test.each([
    [{ 'bad/name': { partitions: 1 } }, 'no valid name'],
    [{ '..': { partitions: 1 } }, 'no valid name'],
    [{ orders: { partitions: 0 } }, 'partitions'],
    [{ orders: { partitions: 1, consumerGroups: ['a b'] } }, 'no valid name'],
  ])('%j is refused', async (hubs, message) => {
    await expect(Endpoint.start({ hubs })).rejects.toThrow(message);
  });

  test('partitions can be added, not removed', async () => {
    const grown = await Endpoint.start();
    await grown.restart({ hubs: { orders: { partitions: 6 } } });
    const { partitionIds } = await grown.producer().getEventHubProperties();
    expect(partitionIds).toHaveLength(6);
    await expect(grown.restart({ hubs: HUBS })).rejects.toThrow('6 partitions on disk');
    await grown.dispose();
  });
});
