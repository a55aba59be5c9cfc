import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { type Connection, create_container } from 'rhea';
import { CREDENTIAL, Endpoint } from './support';

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

test('a token that is refused can be corrected on the same connection', async () => {
  const connection = await open();
  const replies = connection.open_receiver({ source: '$cbs', name: 'reply', target: 'reply' });
  const requests = connection.open_sender('$cbs');
  await Promise.all([once(replies, 'receiver_open'), once(requests, 'sendable')]);
  const name = `sb://127.0.0.1:${endpoint.port}/orders`;
  const expiry = Math.floor(Date.now() / 1000) + 60;
  const put = async (key: string): Promise<unknown> => {
    const sr = encodeURIComponent(name);
    const signature = createHmac('sha256', key).update(`${sr}\n${expiry}`).digest('base64');
    const answer = once(replies, 'message') as Promise<
      [{ message: { application_properties: Record<string, unknown> } }]
    >;
    requests.send({
      message_id: key,
      reply_to: 'reply',
      application_properties: { operation: 'put-token', type: 'servicebus.windows.net:sastoken', name },
      body: `SharedAccessSignature sr=${sr}&sig=${encodeURIComponent(signature)}&se=${expiry}&skn=${CREDENTIAL.keyName}`,
    });
    const [{ message }] = await answer;
    return message.application_properties['status-code'];
  };
  expect(await put('wrong')).toBe(401);
  expect(await put(CREDENTIAL.key)).toBe(202);
  const publisher = connection.open_sender('orders');
  await once(publisher, 'sendable');
  expect(await put('wrong')).toBe(401);
  expect(await refusal(connection, () => void connection.open_sender('orders'))).toBe(
    'amqp:unauthorized-access',
  );
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
