import { createHmac } from 'node:crypto';
import { earliestEventPosition } from '@azure/event-hubs';
import { CREDENTIAL, Endpoint, failure, HUBS, receive } from './support';

let endpoint: Endpoint;
beforeAll(async () => {
  endpoint = await Endpoint.start();
});
afterAll(() => endpoint.dispose());

describe('properties', () => {
  test('of a hub', async () => {
    const properties = await endpoint.producer('ORDERS').getEventHubProperties();
    expect(properties).toMatchObject({ name: 'orders', partitionIds: ['0', '1', '2', '3'] });
    expect(Math.abs(Date.now() - properties.createdOn.getTime())).toBeLessThan(60_000);
  });

  test('of an empty partition, and of one with events', async () => {
    const producer = endpoint.producer();
    expect(await producer.getPartitionProperties('3')).toMatchObject({
      isEmpty: true,
      beginningSequenceNumber: 0,
      lastEnqueuedSequenceNumber: -1,
      lastEnqueuedOffset: '-1',
    });
    await producer.sendBatch([{ body: 1 }, { body: 2 }], { partitionId: '3' });
    const { events } = await receive(endpoint.consumer(), '3', 2, earliestEventPosition);
    expect(await producer.getPartitionProperties('3')).toMatchObject({
      partitionId: '3',
      eventHubName: 'orders',
      isEmpty: false,
      lastEnqueuedSequenceNumber: 1,
      lastEnqueuedOffset: events[1]?.offset,
      lastEnqueuedOnUtc: events[1]?.enqueuedTimeUtc,
    });
  });
});

describe('what does not exist', () => {
  test('a hub', async () => {
    const producer = endpoint.producer('nowhere');
    const answers = [
      () => producer.getEventHubProperties(),
      () => producer.sendBatch([{ body: 1 }]),
      () => receive(endpoint.consumer('$Default', 'nowhere'), '0', 1, earliestEventPosition),
    ];
    for (const answer of answers) {
      expect(await failure(answer())).toMatchObject({ code: 'MessagingEntityNotFoundError' });
    }
  });

  test('a consumer group', async () => {
    const refused = await failure(receive(endpoint.consumer('nobody'), '0', 1, earliestEventPosition));
    expect(refused.code).toBe('MessagingEntityNotFoundError');
  });

  test.each(['4', '-1', '00', 'x', '1e0'])('the partition %p', async (partitionId) => {
    const answers = [
      () => endpoint.producer().getPartitionProperties(partitionId),
      () => endpoint.producer().sendBatch([{ body: 1 }], { partitionId }),
      () => receive(endpoint.consumer(), partitionId, 1, earliestEventPosition),
    ];
    for (const answer of answers) {
      const refused = await failure(answer());
      expect(refused.code).toBe('ArgumentOutOfRangeError');
      expect(refused.message).toContain('The specified partition is invalid');
    }
  });

  test('a blank partition', async () => {
    const refused = await failure(endpoint.producer().sendBatch([{ body: 1 }], { partitionId: ' ' }));
    expect(refused.message).toContain('Invalid EventHub address. It must be either of the following');
  });
});

/** A connection string with a token made by hand. */
function withToken(resource: string, expiry: number): string {
  const encoded = encodeURIComponent(resource);
  const signature = createHmac('sha256', CREDENTIAL.key).update(`${encoded}\n${expiry}`).digest('base64');
  const token = `SharedAccessSignature sr=${encoded}&sig=${encodeURIComponent(signature)}&se=${expiry}&skn=${CREDENTIAL.keyName}`;
  return `Endpoint=sb://127.0.0.1:${endpoint.port};SharedAccessSignature=${token};UseDevelopmentEmulator=true`;
}

describe('authorisation', () => {
  const soon = Math.floor(Date.now() / 1000) + 600;

  test.each([
    ['key', { ...CREDENTIAL, key: 'bm90LXRoZS1rZXk=' }],
    ['key name', { ...CREDENTIAL, keyName: 'Somebody' }],
  ])('a wrong %s opens nothing', async (_, credential) => {
    const connectionString = endpoint.connectionString(credential);
    const producer = endpoint.producer('orders', connectionString);
    const answers = [
      () => producer.getEventHubProperties(),
      () => producer.sendBatch([{ body: 1 }]),
      () => receive(endpoint.consumer('$Default', 'orders', connectionString), '0', 1, earliestEventPosition),
    ];
    for (const answer of answers)
      expect(await failure(answer())).toMatchObject({ code: 'UnauthorizedError' });
  });

  test('an expired token opens nothing', async () => {
    const connectionString = withToken(`sb://127.0.0.1:${endpoint.port}/orders`, soon - 1_200);
    const refused = await failure(endpoint.producer('orders', connectionString).sendBatch([{ body: 1 }]));
    expect(refused.code).toBe('UnauthorizedError');
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

describe('options', () => {
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
