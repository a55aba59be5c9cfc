import {
  type EventHubConsumerClient,
  type EventPosition,
  latestEventPosition,
  type Subscription,
} from '@azure/event-hubs';
import { type Context, onEachBackend } from './backends';
import { bodies, failure, receive } from './support';

/** Publishes to partition 0 and gives the position before the first of these events. */
async function publishTo(context: Context, values: readonly unknown[]): Promise<EventPosition> {
  const before = await context.end('0');
  const producer = context.producer();
  for (const body of values) await producer.sendBatch([{ body }], { partitionId: '0' });
  return before;
}

/** Subscribes, and resolves with the error that ends it. */
function ending(
  client: EventHubConsumerClient,
  startPosition: EventPosition,
  ownerLevel?: number,
): {
  subscription: Subscription;
  error: Promise<{ code?: string; message: string }>;
  received: Promise<unknown>;
} {
  let fail: (error: Error) => void = () => undefined;
  let arrive: (body: unknown) => void = () => undefined;
  const error = new Promise<Error>((resolve) => (fail = resolve));
  const received = new Promise<unknown>((resolve) => (arrive = resolve));
  const subscription = client.subscribe(
    '0',
    {
      processEvents: async ([first]) => {
        if (first) arrive(first.body);
      },
      processError: async (reason) => fail(reason),
    },
    { startPosition, ...(ownerLevel === undefined ? {} : { ownerLevel }) },
  );
  return { subscription, error, received };
}

onEachBackend('receiving', (context) => {
  const publish = (values: readonly unknown[]) => publishTo(context(), values);

  describe('start positions', () => {
    test('by sequence number and by offset, with and without the event itself', async () => {
      const start = await publish(['a', 'b', 'c', 'd']);
      const consumer = context().consumer();
      const all = await receive(consumer, '0', 4, start);
      const { sequenceNumber, offset } = all.events[1] ?? { sequenceNumber: Number.NaN, offset: '' };
      for (const position of [{ sequenceNumber }, { offset }]) {
        expect(bodies(await receive(consumer, '0', 2, position))).toEqual(['c', 'd']);
        expect(bodies(await receive(consumer, '0', 3, { ...position, isInclusive: true }))).toEqual([
          'b',
          'c',
          'd',
        ]);
      }
    });

    test('by time: events enqueued later than that', async () => {
      const start = await publish(['a', 'b']);
      const consumer = context().consumer();
      const { events } = await receive(consumer, '0', 2, start);
      const time = events[1]?.enqueuedTimeUtc.getTime() ?? Number.NaN;
      while (Date.now() <= time) await new Promise((resolve) => setImmediate(resolve));
      await publish(['c', 'd']);
      expect(bodies(await receive(consumer, '0', 2, { enqueuedOn: time }))).toEqual(['c', 'd']);
    });

    test('latest gives only what comes after the link was opened', async () => {
      await publish(['old']);
      const received: unknown[] = [];
      const producer = context().producer();
      await new Promise<void>((resolve, reject) => {
        const subscription = context()
          .consumer()
          .subscribe(
            '0',
            {
              // Called with no events first: the link is open then.
              processEvents: async (events) => {
                received.push(...events.map(({ body }) => body as unknown));
                if (events.length === 0) await producer.sendBatch([{ body: 'new' }], { partitionId: '0' });
                else await subscription.close().then(resolve, reject);
              },
              processError: async (error) => reject(error),
            },
            { startPosition: latestEventPosition, maxWaitTimeInSeconds: 0.1 },
          );
      });
      expect(received).toEqual(['new']);
    });

    test('beyond the end is refused, with the end in the message', async () => {
      await publish(['a', 'b']);
      const properties = await context().producer().getPartitionProperties('0');
      const last = properties.lastEnqueuedSequenceNumber;
      const refused = await failure(receive(context().consumer(), '0', 1, { sequenceNumber: last + 1_000 }));
      expect(refused.message).toContain(`The last sequence number in the system is '${last}'`);
      const beyond = String(Number(properties.lastEnqueuedOffset) + 10_000_000);
      const offset = await failure(receive(context().consumer(), '0', 1, { offset: beyond }));
      expect(offset.message).toContain(`The supplied offset '${beyond}' is invalid`);
    });

    test('an offset that is none is refused', async () => {
      const refused = await failure(receive(context().consumer(), '0', 1, { offset: 'x' }));
      expect(refused.message).toContain("The supplied offset 'x' is invalid");
    });
  });

  test('a reader of all partitions gets all events', async () => {
    const producer = context().producer();
    const startPosition: Record<string, EventPosition> = {};
    for (const partitionId of ['0', '1', '2', '3']) {
      startPosition[partitionId] = await context().end(partitionId);
      await producer.sendBatch([{ body: partitionId }], { partitionId });
    }
    const seen = new Set<unknown>();
    await new Promise<void>((resolve, reject) => {
      const subscription = context()
        .consumer()
        .subscribe(
          {
            processEvents: async (events, { partitionId }) => {
              for (const { body } of events) if (body === partitionId) seen.add(body);
              if (seen.size === 4) await subscription.close().then(resolve, reject);
            },
            processError: async (error) => reject(error),
          },
          { startPosition },
        );
    });
    expect([...seen].map(String).sort((a, b) => a.localeCompare(b))).toEqual(['0', '1', '2', '3']);
  });

  test('readers are told where the partition ends, when they ask', async () => {
    const start = await publish(['a', 'b', 'c']);
    const { last } = await receive(context().consumer(), '0', 3, start, {
      trackLastEnqueuedEventProperties: true,
    });
    const { lastEnqueuedSequenceNumber, lastEnqueuedOffset, lastEnqueuedOnUtc } = await context()
      .producer()
      .getPartitionProperties('0');
    expect(last).toMatchObject({
      sequenceNumber: lastEnqueuedSequenceNumber,
      offset: lastEnqueuedOffset,
      enqueuedOn: lastEnqueuedOnUtc,
    });
  });

  test('more events than any window are all delivered in order, with little credit', async () => {
    const producer = context().producer();
    const total = 6_000;
    const start = await context().end('0');
    for (let sent = 0; sent < total; sent += 1_000) {
      const events = Array.from({ length: 1_000 }, (_, index) => ({ body: sent + index }));
      await producer.sendBatch(events, { partitionId: '0' });
    }
    const received = await receive(context().consumer(), '0', total, start, {
      maxBatchSize: 500,
      prefetchCount: 700,
    });
    expect(bodies(received).slice(0, total)).toEqual(Array.from({ length: total }, (_, index) => index));
  });

  describe('owner levels', () => {
    test('an equal or higher level takes the partition over', async () => {
      const start = await publish(['a']);
      const first = ending(context().consumer(), start, 1);
      await first.received;
      const second = ending(context().consumer(), start, 1);
      expect(await first.error).toMatchObject({ code: 'ReceiverDisconnectedError' });
      await second.received;
      const third = ending(context().consumer(), start, 2);
      expect(await second.error).toMatchObject({ code: 'ReceiverDisconnectedError' });
      expect(await third.received).toBe('a');
      await Promise.all([first, second, third].map(({ subscription }) => subscription.close()));
    });

    test('a lower level, or none, is refused while the owner lives', async () => {
      const start = await publish(['a']);
      const owner = ending(context().consumer(), start, 2);
      await owner.received;
      for (const level of [1, undefined]) {
        const other = ending(context().consumer(), start, level);
        expect(await other.error).toMatchObject({ code: 'ReceiverDisconnectedError' });
        await other.subscription.close();
      }
      await owner.subscription.close();
      const after = ending(context().consumer(), start);
      expect(await after.received).toBe('a');
      await after.subscription.close();
    });

    test('an owner ends readers without a level', async () => {
      const start = await publish(['a']);
      const shared = ending(context().consumer(), start);
      await shared.received;
      const owner = ending(context().consumer(), start, 1);
      expect(await shared.error).toMatchObject({ code: 'ReceiverDisconnectedError' });
      await Promise.all([shared.subscription.close(), owner.subscription.close()]);
    });

    test('five readers without a level share a partition of a group, a sixth is refused', async () => {
      const start = await publish(['a']);
      const readers = Array.from({ length: 5 }, () => ending(context().consumer(), start));
      expect(await Promise.all(readers.map(({ received }) => received))).toEqual(Array(5).fill('a'));
      const sixth = ending(context().consumer(), start);
      expect(await sixth.error).toMatchObject({ code: 'QuotaExceededError' });
      await Promise.all([...readers, sixth].map(({ subscription }) => subscription.close()));
    });
  });

  test('subscriptions that come and go on one connection do not disturb each other', async () => {
    const events = Array.from({ length: 2_000 }, (_, body) => ({ body }));
    const start = await context().end('0');
    await context().producer().sendBatch(events, { partitionId: '0' });
    const consumer = context().consumer();
    for (let round = 0; round < 10; round += 1) {
      // Closed while events are still on their way: frames for the ended session follow.
      const { events: first } = await receive(consumer, '0', 1, start, {
        maxBatchSize: 1,
        prefetchCount: 2_000,
      });
      expect(first[0]?.body).toBe(0);
    }
    expect((await receive(consumer, '0', 2_000, start)).events).toHaveLength(2_000);
  });
});

onEachBackend(
  'consumer groups of the local endpoint',
  (context) => {
    const publish = (values: readonly unknown[]) => publishTo(context(), values);

    test('each consumer group reads everything; groups ignore case', async () => {
      const start = await publish([1, 2, 3]);
      for (const group of ['$Default', '$default', 'audit', 'AUDIT']) {
        expect(bodies(await receive(context().consumer(group), '0', 3, start))).toEqual([1, 2, 3]);
      }
    });

    test('a group that is full does not keep readers of another one out', async () => {
      const start = await publish(['a']);
      const readers = Array.from({ length: 5 }, () => ending(context().consumer(), start));
      await Promise.all(readers.map(({ received }) => received));
      const elsewhere = ending(context().consumer('audit'), start);
      expect(await elsewhere.received).toBe('a');
      await Promise.all([...readers, elsewhere].map(({ subscription }) => subscription.close()));
    });
  },
  ['local'],
);
