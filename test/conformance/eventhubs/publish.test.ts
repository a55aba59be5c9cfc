import { type Context, onEachBackend } from './backends';
import { bodies, failure, receive } from './support';

const LIMIT = 1_048_576;
/** How far the clock of a real namespace may be off. */
const CLOCK_SKEW_MS = 60_000;

async function countsIn(context: Context): Promise<number[]> {
  const producer = context.producer();
  const ids = ['0', '1', '2', '3'];
  const properties = await Promise.all(ids.map((id) => producer.getPartitionProperties(id)));
  return properties.map(({ lastEnqueuedSequenceNumber }) => lastEnqueuedSequenceNumber + 1);
}

onEachBackend('publishing', (context) => {
  const counts = () => countsIn(context());

  test('an event keeps its body, properties and message properties', async () => {
    const body = { text: 'ü☃', list: [1, 2.5, null, true], nested: { a: 'b' } };
    const sent = [
      {
        body,
        properties: { kind: 'object', size: 3, flag: true },
        contentType: 'application/json',
        messageId: 'm-1',
      },
      { body: 'text', correlationId: 'c-1', messageId: 7 },
      { body: Buffer.from([0, 1, 254, 255]) },
      { body: [1, 'two', { three: 3 }] },
      { body: null },
    ];
    const start = await context().end('0');
    await context().producer().sendBatch(sent, { partitionId: '0' });
    const { events } = await receive(context().consumer(), '0', sent.length, start);
    expect(events.map((event) => event.body as unknown)).toEqual(sent.map((event) => event.body));
    expect(events[0]).toMatchObject({
      properties: { kind: 'object', size: 3, flag: true },
      contentType: 'application/json',
      messageId: 'm-1',
    });
    expect(events[1]).toMatchObject({ correlationId: 'c-1', messageId: 7 });
  });

  test('annotations that belong to the service cannot be forged', async () => {
    const start = (await counts())[0] ?? 0;
    const forged = {
      'x-opt-sequence-number': 999,
      'x-opt-offset': 'nowhere',
      'x-opt-enqueued-time': 0,
      'x-opt-publisher': 'somebody',
      mine: 'kept',
    };
    const before = Date.now();
    await context()
      .producer()
      .sendBatch([{ body: Buffer.from('x'), bodyType: 'data', messageAnnotations: forged }], {
        partitionId: '0',
      });
    const { events } = await receive(context().consumer(), '0', 1, {
      sequenceNumber: start,
      isInclusive: true,
    });
    expect(events[0]?.sequenceNumber).toBe(start);
    expect(events[0]?.offset).toMatch(/^\d+$/);
    expect(events[0]?.enqueuedTimeUtc.getTime()).toBeGreaterThan(before - CLOCK_SKEW_MS);
    expect(events[0]?.systemProperties).toMatchObject({ mine: 'kept' });
    expect(events[0]?.systemProperties).not.toHaveProperty('x-opt-publisher');
  });

  // What the service's own hash gives for four partitions (`mapPartitionKeyToId` of the SDK).
  test.each([
    ['a', 0],
    ['order-17', 1],
    ['0123456789ab', 2],
    ['Zürich', 1],
    ['a key of more than twelve bytes', 0],
  ])('the partition key %p always goes to the same partition', async (partitionKey, partition) => {
    const before = await counts();
    await context()
      .producer()
      .sendBatch([{ body: 'keyed' }], { partitionKey });
    const after = await counts();
    expect(after.map((count, id) => count - (before[id] ?? 0)).indexOf(1)).toBe(partition);
    const place = { sequenceNumber: before[partition] ?? 0, isInclusive: true };
    const { events } = await receive(context().consumer(), String(partition), 1, place);
    expect(events[0]?.partitionKey).toBe(partitionKey);
  });

  test('a publisher sends under its name, which is its partition key', async () => {
    const before = await counts();
    const publisher = context().producer(`${context().hub}/Publishers/device-17`);
    await publisher.sendBatch([{ body: 'one' }]);
    await publisher.sendBatch([{ body: 'two' }], { partitionKey: 'device-17' });
    const after = await counts();
    const partition = after.findIndex((count, id) => count > (before[id] ?? 0));
    const start = { sequenceNumber: before[partition] ?? 0, isInclusive: true };
    const { events } = await receive(context().consumer(), String(partition), 2, start);
    for (const event of events) {
      expect(event.partitionKey).toBe('device-17');
      expect(event.systemProperties).toMatchObject({ 'x-opt-publisher': 'device-17' });
    }
    const refused = await failure(publisher.sendBatch([{ body: 'no' }], { partitionKey: 'another' }));
    expect(refused.message).toContain('partition key');
  });

  test('a batch takes up to the limit of the service, and arrives whole', async () => {
    const producer = context().producer();
    const batch = await producer.createBatch({ partitionId: '1' });
    expect(batch.maxSizeInBytes).toBe(LIMIT);
    const sent: string[] = [];
    for (let body = 'e0'; batch.tryAdd({ body: body.padEnd(1_200, '.') }); body = `e${batch.count}`)
      sent.push(body);
    expect(sent.length).toBeGreaterThan(800);
    const start = (await counts())[1] ?? 0;
    await producer.sendBatch(batch);
    const received = await receive(context().consumer(), '1', sent.length, {
      sequenceNumber: start,
      isInclusive: true,
    });
    expect(bodies(received).map((body) => String(body).replace(/\.+$/, ''))).toEqual(sent);
  });

  test('too large a message is refused, and its link goes on', async () => {
    const producer = context().producer();
    const before = await counts();
    for (const size of [LIMIT, 3 * LIMIT]) {
      const refused = await failure(producer.sendBatch([{ body: Buffer.alloc(size) }], { partitionId: '2' }));
      expect(refused.code).toBe('MessageTooLargeError');
    }
    await producer.sendBatch([{ body: 'after' }], { partitionId: '2' });
    const after = await counts();
    expect(after[2]).toBe((before[2] ?? 0) + 1);
  });

  test('one event of nearly the limit arrives', async () => {
    const start = (await counts())[3] ?? 0;
    const body = Buffer.alloc(LIMIT - 1_000, 7);
    await context().producer().sendBatch([{ body }], { partitionId: '3' });
    const { events } = await receive(context().consumer(), '3', 1, {
      sequenceNumber: start,
      isInclusive: true,
    });
    expect(body.equals(events[0]?.body as Buffer)).toBe(true);
  });

  test('many small sends at once each get their own sequence number, also beyond the first credit of the link', async () => {
    const producer = context().producer();
    const start = (await counts())[0] ?? 0;
    // A link has 2,000 sends to begin with.
    const [rounds, atOnce] = [9, 256];
    for (let round = 0; round < rounds; round += 1) {
      const values = Array.from({ length: atOnce }, (_, index) => round * atOnce + index);
      await Promise.all(values.map((body) => producer.sendBatch([{ body }], { partitionId: '0' })));
    }
    const { events } = await receive(context().consumer(), '0', rounds * atOnce, {
      sequenceNumber: start,
      isInclusive: true,
    });
    expect(events.map(({ sequenceNumber }) => sequenceNumber)).toEqual(
      events.map((_, index) => start + index),
    );
    expect(new Set(events.map(({ body }) => body as unknown)).size).toBe(rounds * atOnce);
  });
});

onEachBackend(
  'the local endpoint',
  (context) => {
    const counts = () => countsIn(context());

    test('events without partition or key go to all partitions in turn', async () => {
      const before = await counts();
      const producer = context().producer();
      for (let index = 0; index < 8; index += 1) await producer.sendBatch([{ body: index }]);
      const after = await counts();
      expect(after.map((count, id) => count - (before[id] ?? 0))).toEqual([2, 2, 2, 2]);
    });
  },
  ['local'],
);
