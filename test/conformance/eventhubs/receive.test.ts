import {
  earliestEventPosition,
  type EventHubConsumerClient,
  latestEventPosition,
  type Subscription,
} from '@azure/event-hubs';
import { bodies, Endpoint, failure, receive } from './support';

let endpoint: Endpoint;
beforeEach(async () => {
  endpoint = await Endpoint.start();
});
afterEach(() => endpoint.dispose());

async function publish(values: readonly unknown[], partitionId = '0'): Promise<void> {
  const producer = endpoint.producer();
  for (const body of values) await producer.sendBatch([{ body }], { partitionId });
}

/** Subscribes, and resolves with the error that ends it. */
function ending(
  client: EventHubConsumerClient,
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
    { startPosition: earliestEventPosition, ...(ownerLevel === undefined ? {} : { ownerLevel }) },
  );
  return { subscription, error, received };
}

describe('start positions', () => {
  test('by sequence number and by offset, with and without the event itself', async () => {
    await publish(['a', 'b', 'c', 'd']);
    const consumer = endpoint.consumer();
    const all = await receive(consumer, '0', 4, earliestEventPosition);
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
    await publish(['a', 'b']);
    const consumer = endpoint.consumer();
    const { events } = await receive(consumer, '0', 2, earliestEventPosition);
    const time = events[1]?.enqueuedTimeUtc.getTime() ?? Number.NaN;
    while (Date.now() <= time) await new Promise((resolve) => setImmediate(resolve));
    await publish(['c', 'd']);
    expect(bodies(await receive(consumer, '0', 2, { enqueuedOn: time }))).toEqual(['c', 'd']);
    expect(bodies(await receive(consumer, '0', 4, { enqueuedOn: 0 }))).toEqual(['a', 'b', 'c', 'd']);
  });

  test('latest gives only what comes after the link was opened', async () => {
    await publish(['old']);
    const received: unknown[] = [];
    const producer = endpoint.producer();
    await new Promise<void>((resolve, reject) => {
      const subscription = endpoint.consumer().subscribe(
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
    const refused = await failure(receive(endpoint.consumer(), '0', 1, { sequenceNumber: 1_000 }));
    expect(refused.message).toContain("The last sequence number in the system is '1'");
    const offset = await failure(receive(endpoint.consumer(), '0', 1, { offset: '99999' }));
    expect(offset.message).toContain("The supplied offset '99999' is invalid");
  });

  test('an offset that is none is refused', async () => {
    const refused = await failure(receive(endpoint.consumer(), '0', 1, { offset: 'x' }));
    expect(refused.message).toContain("The supplied offset 'x' is invalid");
  });
});

test('each consumer group reads everything; groups ignore case', async () => {
  await publish([1, 2, 3]);
  for (const group of ['$Default', '$default', 'audit', 'AUDIT']) {
    expect(bodies(await receive(endpoint.consumer(group), '0', 3, earliestEventPosition))).toEqual([1, 2, 3]);
  }
});

test('a reader of all partitions gets all events', async () => {
  const producer = endpoint.producer();
  for (const partitionId of ['0', '1', '2', '3']) {
    await producer.sendBatch([{ body: partitionId }], { partitionId });
  }
  const seen = new Set<unknown>();
  await new Promise<void>((resolve, reject) => {
    const subscription = endpoint.consumer().subscribe(
      {
        processEvents: async (events, { partitionId }) => {
          for (const { body } of events) if (body === partitionId) seen.add(body);
          if (seen.size === 4) await subscription.close().then(resolve, reject);
        },
        processError: async (error) => reject(error),
      },
      { startPosition: earliestEventPosition },
    );
  });
  expect([...seen].map(String).sort((a, b) => a.localeCompare(b))).toEqual(['0', '1', '2', '3']);
});

test('readers are told where the partition ends, when they ask', async () => {
  await publish(['a', 'b', 'c']);
  const { last } = await receive(endpoint.consumer(), '0', 3, earliestEventPosition, {
    trackLastEnqueuedEventProperties: true,
  });
  const { lastEnqueuedOffset, lastEnqueuedOnUtc } = await endpoint.producer().getPartitionProperties('0');
  expect(last).toMatchObject({
    sequenceNumber: 2,
    offset: lastEnqueuedOffset,
    enqueuedOn: lastEnqueuedOnUtc,
  });
});

test('more events than any window are all delivered in order, with little credit', async () => {
  const producer = endpoint.producer();
  const total = 6_000;
  for (let sent = 0; sent < total; sent += 1_000) {
    const events = Array.from({ length: 1_000 }, (_, index) => ({ body: sent + index }));
    await producer.sendBatch(events, { partitionId: '0' });
  }
  const received = await receive(endpoint.consumer(), '0', total, earliestEventPosition, {
    maxBatchSize: 500,
    prefetchCount: 700,
  });
  expect(bodies(received).slice(0, total)).toEqual(Array.from({ length: total }, (_, index) => index));
});

describe('owner levels', () => {
  test('an equal or higher level takes the partition over', async () => {
    await publish(['a']);
    const first = ending(endpoint.consumer(), 1);
    await first.received;
    const second = ending(endpoint.consumer(), 1);
    expect(await first.error).toMatchObject({ code: 'ReceiverDisconnectedError' });
    await second.received;
    const third = ending(endpoint.consumer(), 2);
    expect(await second.error).toMatchObject({ code: 'ReceiverDisconnectedError' });
    expect(await third.received).toBe('a');
    await Promise.all([first, second, third].map(({ subscription }) => subscription.close()));
  });

  test('a lower level, or none, is refused while the owner lives', async () => {
    await publish(['a']);
    const owner = ending(endpoint.consumer(), 2);
    await owner.received;
    for (const level of [1, undefined]) {
      const other = ending(endpoint.consumer(), level);
      expect(await other.error).toMatchObject({ code: 'ReceiverDisconnectedError' });
      await other.subscription.close();
    }
    await owner.subscription.close();
    const after = ending(endpoint.consumer());
    expect(await after.received).toBe('a');
    await after.subscription.close();
  });

  test('an owner ends readers without a level', async () => {
    await publish(['a']);
    const shared = ending(endpoint.consumer());
    await shared.received;
    const owner = ending(endpoint.consumer(), 1);
    expect(await shared.error).toMatchObject({ code: 'ReceiverDisconnectedError' });
    await Promise.all([shared.subscription.close(), owner.subscription.close()]);
  });

  test('five readers without a level share a partition of a group, a sixth is refused', async () => {
    await publish(['a']);
    const readers = Array.from({ length: 5 }, () => ending(endpoint.consumer()));
    expect(await Promise.all(readers.map(({ received }) => received))).toEqual(Array(5).fill('a'));
    const sixth = ending(endpoint.consumer());
    expect(await sixth.error).toMatchObject({ code: 'QuotaExceededError' });
    const elsewhere = ending(endpoint.consumer('audit'));
    expect(await elsewhere.received).toBe('a');
    await Promise.all([...readers, sixth, elsewhere].map(({ subscription }) => subscription.close()));
  });
});

test('subscriptions that come and go on one connection do not disturb each other', async () => {
  const events = Array.from({ length: 2_000 }, (_, body) => ({ body }));
  await endpoint.producer().sendBatch(events, { partitionId: '0' });
  const consumer = endpoint.consumer();
  for (let round = 0; round < 10; round += 1) {
    // Closed while events are still on their way: frames for the ended session follow.
    const { events: first } = await receive(consumer, '0', 1, earliestEventPosition, {
      maxBatchSize: 1,
      prefetchCount: 2_000,
    });
    expect(first[0]?.body).toBe(0);
  }
  expect((await receive(consumer, '0', 2_000, earliestEventPosition)).events).toHaveLength(2_000);
});
