import { createIngressHub, type IngressHub } from '../../../src/clients/ingressHub';
import { packetOf, recordLine, type Packet } from '../../../src/domain/ingress/packet';
import { Endpoint } from '../../conformance/eventhubs/support';

const HUBS = { ingress: { partitions: 2, consumerGroups: ['gaps'] } };

let endpoint: Endpoint;
let hub: IngressHub;

const connect = (to = endpoint): IngressHub =>
  createIngressHub({
    type: 'connectionString',
    connectionString: to.connectionString(),
    hub: 'ingress',
    readGroup: 'gaps',
  });

beforeAll(async () => {
  endpoint = await Endpoint.start({ hubs: HUBS });
  hub = connect();
});
afterAll(async () => {
  await hub.close();
  await endpoint.dispose();
});

function packet(id: string, bytes = 2): Packet {
  const json = JSON.stringify('x'.repeat(bytes - 2));
  return {
    body: Buffer.from(recordLine(id, '2026-03-01T12:00:00.000Z', json)),
    properties: {
      dataset: 'readings',
      schemaVersion: '1+0123abcd',
      records: 1,
      from: 1_772_366_400_000,
      to: 1_772_366_400_001,
    },
  };
}

const read = async (from: number, to: number, partition = '0'): Promise<string[]> =>
  (await hub.read(partition, from, to)).map(
    ({ sequenceNumber, body }) => `${sequenceNumber} ${/"batchId":"(\w*)"/.exec(body.toString())?.[1]}`,
  );

test('a hub begins with number 0, and what is sent is received as it was', async () => {
  expect(await hub.partitions()).toEqual(['0', '1']);
  expect(await hub.extent('0')).toEqual({ begin: 0, last: -1 });
  const before = Date.now() - 1_000;
  await hub.send('0', [packet('a'), packet('b'), packet('c')]);
  expect(await hub.extent('0')).toEqual({ begin: 0, last: 2 });
  const events = await hub.read('0', 0, 2);
  expect(events.map(packetOf)).toEqual([packet('a'), packet('b'), packet('c')]);
  expect(events.map(({ sequenceNumber }) => sequenceNumber)).toEqual([0, 1, 2]);
  // By these two it is told whether an event is of the hub that there is.
  const createdOn = (await hub.createdOn()).getTime();
  for (const { enqueuedAt } of events) expect(enqueuedAt).toBeGreaterThanOrEqual(Math.max(before, createdOn));
});

test('a range is read, and no more, also beside the reader of a trigger', async () => {
  const received = Promise.withResolvers<void>();
  const trigger = endpoint.consumer('$Default', 'ingress').subscribe(
    '0',
    {
      processEvents: async (events) => void (events.length > 0 && received.resolve()),
      processError: async (error) => received.reject(error),
    },
    { ownerLevel: 0, startPosition: { sequenceNumber: 0, isInclusive: true } },
  );
  await received.promise;
  expect(await read(1, 1)).toEqual(['1 b']);
  expect(await read(1, 2)).toEqual(['1 b', '2 c']);
  await trigger.close();
});

test('more than one send takes is sent nevertheless, and read in as many pieces as it comes in', async () => {
  const big = Array.from({ length: 12 }, (_, at) => packet(`p${at}`, 900_000));
  await hub.send('1', big);
  const pieces: string[][] = [];
  for (let next = 0; next < 12; next += pieces.at(-1)?.length ?? 12) pieces.push(await read(next, 11, '1'));
  expect(pieces.flat()).toEqual(big.map((_, at) => `${at} p${at}`));
});

test('a packet that is too large fails, and says so', async () => {
  await expect(hub.send('0', [packet('x', 1_100_000)])).rejects.toThrow(/too large/);
});

test('a hub is the same after a restart, and another one when it was made again', async () => {
  const first = await hub.createdOn();
  await hub.close();
  await endpoint.restart();
  hub = connect();
  expect(await hub.createdOn()).toEqual(first);
  expect(await hub.extent('0')).toEqual({ begin: 0, last: 2 });
  const again = await Endpoint.start({ hubs: HUBS });
  const other = connect(again);
  expect((await other.createdOn()).getTime()).toBeGreaterThan(first.getTime());
  await other.close();
  await again.dispose();
});
