import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { earliestEventPosition } from '@azure/event-hubs';
import {
  type Connection,
  create_container,
  type Delivery,
  type EventContext,
  type Receiver,
  type Sender,
} from 'rhea';
import { bodies, CREDENTIAL, Endpoint, receive } from './support';

let endpoint: Endpoint;
beforeAll(async () => {
  endpoint = await Endpoint.start();
});
afterAll(() => endpoint.dispose());
// Whatever a peer did before, others are served.
afterEach(async () => {
  const { partitionIds } = await endpoint.producer().getEventHubProperties();
  expect(partitionIds).toHaveLength(4);
});

const HEADER = Buffer.from('AMQP\x00\x01\x00\x00', 'latin1');

/** A frame with a body of our own. */
function frame(body: Buffer, size = body.length + 8): Buffer {
  const head = Buffer.from([0, 0, 0, 0, 2, 0, 0, 0]);
  head.writeUInt32BE(size);
  return Buffer.concat([head, body]);
}

test.each<[string, Buffer, 'we end' | 'it ends']>([
  ['another protocol', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), 'it ends'],
  ['noise after the header', Buffer.concat([HEADER, Buffer.alloc(64, 0xff)]), 'it ends'],
  ['a frame of impossible size', Buffer.concat([HEADER, frame(Buffer.alloc(0), 3)]), 'it ends'],
  ['a frame of 4 GiB', Buffer.concat([HEADER, frame(Buffer.alloc(16), 0xffff_ffff)]), 'it ends'],
  [
    'an array of 4 billion empty values',
    Buffer.concat([
      HEADER,
      frame(Buffer.from([0, 0x53, 0x10, 0xf0, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0x40])),
    ]),
    'it ends',
  ],
  [
    'a transfer without a session',
    Buffer.concat([HEADER, frame(Buffer.from([0, 0x53, 0x13, 0x45]))]),
    'we end',
  ],
])('%s costs its own connection at most', async (_, bytes, end) => {
  const socket = connect(endpoint.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.on('error', () => undefined);
  socket.resume();
  const closed = once(socket, 'close');
  socket.write(bytes);
  if (end === 'we end') socket.end();
  await closed;
});

async function open(options: object = {}): Promise<Connection> {
  const container = create_container();
  container.on('error', () => undefined);
  container.on('disconnected', () => undefined);
  const connection = container.connect({
    port: endpoint.port,
    host: '127.0.0.1',
    reconnect: false,
    ...options,
  });
  await once(connection, 'connection_open');
  return connection;
}

async function refusal(connection: Connection, attach: (connection: Connection) => void): Promise<string> {
  const errors = ['sender_error', 'receiver_error'].map((name) => once(connection, name));
  attach(connection);
  const [context] = (await Promise.race(errors)) as [
    { sender?: { error: unknown }; receiver?: { error: unknown } },
  ];
  connection.close();
  const error = context.sender?.error ?? context.receiver?.error;
  return (error as { condition: string } | undefined)?.condition ?? 'no error';
}

test('without a token nothing can be opened', async () => {
  expect(await refusal(await open(), (connection) => void connection.open_sender('orders'))).toBe(
    'amqp:unauthorized-access',
  );
  const source = 'orders/ConsumerGroups/$Default/Partitions/0';
  expect(await refusal(await open(), (connection) => void connection.open_receiver(source))).toBe(
    'amqp:unauthorized-access',
  );
});

/** Puts a token for the hub, signed with `key`, on a connection. Gives the status. */
async function putToken(connection: Connection, key = CREDENTIAL.key): Promise<unknown> {
  const reply = `reply-${(replies += 1)}`;
  const receiver = connection.open_receiver({ source: '$cbs', name: reply, target: reply });
  const requests = connection.open_sender('$cbs');
  await Promise.all([once(receiver, 'receiver_open'), once(requests, 'sendable')]);
  const name = `sb://127.0.0.1:${endpoint.port}/orders`;
  const expiry = Math.floor(Date.now() / 1000) + 60;
  const sr = encodeURIComponent(name);
  const signature = createHmac('sha256', key).update(`${sr}\n${expiry}`).digest('base64');
  const answer = once(receiver, 'message') as Promise<
    [{ message: { application_properties: Record<string, unknown> } }]
  >;
  requests.send({
    message_id: key,
    reply_to: reply,
    application_properties: { operation: 'put-token', type: 'servicebus.windows.net:sastoken', name },
    body: `SharedAccessSignature sr=${sr}&sig=${encodeURIComponent(signature)}&se=${expiry}&skn=${CREDENTIAL.keyName}`,
  });
  const [{ message }] = await answer;
  return message.application_properties['status-code'];
}

let replies = 0;

test('a token that is refused can be corrected on the same connection', async () => {
  const connection = await open();
  expect(await putToken(connection, 'wrong')).toBe(401);
  expect(await putToken(connection)).toBe(202);
  const publisher = connection.open_sender('orders');
  await once(publisher, 'sendable');
  expect(await putToken(connection, 'wrong')).toBe(401);
  expect(await refusal(connection, () => void connection.open_sender('orders'))).toBe(
    'amqp:unauthorized-access',
  );
});

describe('clients other than the SDK', () => {
  let connection: Connection;
  beforeEach(async () => {
    connection = await open();
    await putToken(connection);
  });
  afterEach(() => connection.close());

  async function sender(partition: string, options: object = {}): Promise<Sender> {
    const opened = connection.open_sender({ target: `orders/Partitions/${partition}`, ...options });
    await once(opened, 'sendable');
    return opened;
  }

  function receiver(partition: string, options: object = {}): Receiver {
    const source = `orders/ConsumerGroups/$Default/Partitions/${partition}`;
    return connection.open_receiver({ source, credit_window: 0, autoaccept: false, ...options });
  }

  test('send messages one by one, and are told of each', async () => {
    const publisher = await sender('0');
    const plain = { body: 'plain', application_properties: { kind: 'plain' }, message_id: 'm-1' };
    publisher.send({ ...plain, message_annotations: { 'x-opt-mine': 1, 'x-opt-sequence-number': 99 } });
    await once(publisher, 'accepted');
    const [event] = (await receive(endpoint.consumer(), '0', 1, earliestEventPosition)).events;
    expect(event).toMatchObject({
      body: 'plain',
      properties: { kind: 'plain' },
      messageId: 'm-1',
      sequenceNumber: 0,
      systemProperties: { 'x-opt-mine': 1 },
    });
  });

  test('may send without waiting for an answer', async () => {
    const publisher = await sender('1', { snd_settle_mode: 1 });
    for (let body = 0; body < 3; body += 1) publisher.send({ body });
    expect(bodies(await receive(endpoint.consumer(), '1', 3, earliestEventPosition))).toEqual([0, 1, 2]);
  });

  test('may settle what they receive, as far as their credit goes, and are told when there is no more', async () => {
    await endpoint.producer().sendBatch([{ body: 1 }, { body: 2 }, { body: 3 }], { partitionId: '2' });
    const reader = receiver('2', { snd_settle_mode: 0 });
    const deliveries: Delivery[] = [];
    const two = new Promise<void>((resolve) => {
      reader.on('message', ({ delivery }: EventContext) => {
        if (delivery) deliveries.push(delivery);
        if (deliveries.length === 2) resolve();
      });
    });
    reader.add_credit(2);
    await two;
    expect(deliveries.map(({ settled }) => settled)).toEqual([false, false]);
    for (const delivery of deliveries) delivery.accept();
    reader.add_credit(5);
    const drained = once(reader, 'receiver_drained');
    reader.drain_credit();
    await drained;
    expect(deliveries).toHaveLength(3);
  });
});

test('without a token $management tells nothing', async () => {
  const connection = await open();
  const receiver = connection.open_receiver({
    source: '$management',
    name: 'reply',
    target: 'reply',
  });
  const sender = connection.open_sender('$management');
  await Promise.all([once(receiver, 'receiver_open'), once(sender, 'sendable')]);
  const answer = once(receiver, 'message') as Promise<
    [{ message: { application_properties: Record<string, unknown> } }]
  >;
  sender.send({
    message_id: 'one',
    reply_to: 'reply',
    application_properties: { operation: 'READ', type: 'com.microsoft:eventhub', name: 'orders' },
    body: null,
  });
  const [{ message }] = await answer;
  expect(message.application_properties['status-code']).toBe(401);
  connection.close();
});

test('a disposition for 4 billion deliveries ends the connection', async () => {
  const connection = await open();
  connection.open_sender('$cbs');
  await once(connection, 'sendable');
  const ended = once(connection, 'connection_error') as Promise<[{ error: unknown }]>;
  const internals = connection as unknown as { _write_frame(channel: number, frame: unknown): void };
  const frames = jest.requireActual<{ disposition(fields: object): unknown }>('rhea/lib/frames.js');
  internals._write_frame(0, frames.disposition({ role: true, first: 0, last: 0xffff_fff0, settled: true }));
  const [{ error }] = await ended;
  expect(error).toMatchObject({ condition: 'amqp:connection:framing-error' });
});

test('a peer that takes only tiny frames is turned away', async () => {
  const container = create_container();
  container.on('error', () => undefined);
  container.on('disconnected', () => undefined);
  const options = { port: endpoint.port, host: '127.0.0.1', reconnect: false, max_frame_size: 64 };
  const connection = container.connect(options);
  await once(connection, 'connection_close');
});
