import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventHubProducerClient } from '@azure/event-hubs';
import { eventHubsConnectionString } from '../../../local/eventhubs/server';
import { random } from '../../../tools/lib/random';
import { faultOf, hostileConversation } from './amqp-bytes';
import { Peer } from './amqp-peer';
import { hostileAddress, hostileMessage, hostileRequest, hostileToken } from './amqp-messages';
import { Chance, ChildEndpoint, SEED } from './child-endpoint';

const REQUESTS = 2_000;
const LANES = 4;
const STEP = 25;
const CREDENTIAL = { keyName: 'owner', key: 'c2VjcmV0LWZvci10ZXN0cw==' };

let dataDir: string;
let endpoint: ChildEndpoint;
let producer: EventHubProducerClient;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'hostile-eventhubs-'));
  endpoint = await ChildEndpoint.start('eventhubs', {
    dataDir,
    ...CREDENTIAL,
    hubs: { orders: { partitions: 1 } },
  });
  producer = new EventHubProducerClient(
    eventHubsConnectionString({ port: endpoint.port, ...CREDENTIAL }),
    'orders',
    { retryOptions: { maxRetries: 0, timeoutInMs: 5_000 } },
  );
});
afterAll(async () => {
  await producer.close();
  await endpoint.stop();
  await rm(dataDir, { recursive: true, force: true });
});

/** What comes back until the endpoint closes the connection. */
function sendBytes(bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve) => {
    const socket = connect(endpoint.port, '127.0.0.1');
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(Buffer.concat(chunks)));
    socket.end(bytes);
  });
}

/** One malformed request, and what is wrong with its answer, if anything. */
async function attack(chance: Chance, good: Peer, bad: Peer): Promise<string | undefined> {
  const kind = chance.below(8);
  if (kind < 4) {
    const conversation = hostileConversation(chance);
    const answer = await sendBytes(conversation.bytes);
    const found = faultOf(conversation, answer);
    return found && `${conversation.what}: ${found}: ${conversation.bytes.toString('hex').slice(0, 2_000)}`;
  }
  if (kind === 4) {
    const token = hostileToken(chance, { ...CREDENTIAL, port: endpoint.port });
    const status = await bad.putToken(token);
    const condition = await bad.attach('orders');
    const isRefused = status >= 400 && status < 502 && status !== 500;
    return isRefused && condition === 'amqp:unauthorized-access'
      ? undefined
      : `${JSON.stringify(token)}: ${status} ${condition}`;
  }
  if (kind === 5) {
    const address = hostileAddress(chance);
    const condition = await good.attach(address);
    return /^(amqp|com\.microsoft):/.test(condition) && condition !== 'amqp:internal-error'
      ? undefined
      : `${address}: ${condition}`;
  }
  if (kind === 6) {
    const request = hostileRequest(chance);
    const status = await good.manage(request);
    return status >= 400 && status < 502 && status !== 500
      ? undefined
      : `${JSON.stringify(request)}: ${status}`;
  }
  const message = hostileMessage(chance);
  const outcome = await good.publish(message.bytes, message.format);
  return /^(amqp|com\.microsoft):/.test(outcome)
    ? undefined
    : `${message.bytes.toString('hex').slice(0, 500)}: ${outcome}`;
}

test(`${REQUESTS} malformed requests are refused, and cost nobody else anything (seed ${SEED})`, async () => {
  let sent = 0;
  const lane = async (index: number): Promise<void> => {
    const chance = new Chance(random(SEED + index));
    const [good, bad] = [await Peer.open(endpoint.port), await Peer.open(endpoint.port)];
    expect(await good.authorize(CREDENTIAL)).toBe(202);
    for (let count = 0; count < REQUESTS / LANES; count += 1) {
      const found = await attack(chance, good, bad);
      if (found !== undefined) throw new Error(`Seed ${SEED}: ${found}`);
      if (count % STEP > 0) continue;
      await producer.sendBatch([{ body: 'good' }]);
      sent += 1;
    }
    await good.close();
    await bad.close();
  };
  await Promise.all(Array.from({ length: LANES }, (_, index) => lane(index)));
  expect(endpoint.isAlive).toBe(true);
  const { lastEnqueuedSequenceNumber } = await producer.getPartitionProperties('0');
  expect(lastEnqueuedSequenceNumber).toBe(sent - 1);
});
