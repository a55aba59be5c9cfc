import { earliestEventPosition } from '@azure/event-hubs';
import { bodies, Endpoint, failure, receive } from './support';

let endpoint: Endpoint;
beforeEach(async () => {
  // Small segments: a few kilobytes make several.
  endpoint = await Endpoint.start({ segmentBytes: 20_000 });
});
afterEach(() => endpoint.dispose());

async function publish(from: number, count: number, size = 1_200): Promise<void> {
  const producer = endpoint.producer();
  for (let sent = 0; sent < count; sent += 10) {
    const events = Array.from({ length: 10 }, (_, index) => ({
      body: String(from + sent + index).padEnd(size, '.'),
    }));
    await producer.sendBatch(events, { partitionId: '0' });
  }
}

const numbers = (received: Awaited<ReturnType<typeof receive>>): number[] =>
  bodies(received).map((body) => Number(String(body).replace(/\.+$/, '')));
const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, index) => from + index);

test('events, numbers, offsets, times and the creation time survive a restart', async () => {
  await publish(0, 60);
  const before = await receive(endpoint.consumer(), '0', 60, earliestEventPosition);
  const hub = await endpoint.producer().getEventHubProperties();
  const partition = await endpoint.producer().getPartitionProperties('0');
  await endpoint.restart();
  const after = await receive(endpoint.consumer(), '0', 60, earliestEventPosition);
  const facts = ({ events }: typeof before): unknown[] =>
    events.map(({ body, sequenceNumber, offset, enqueuedTimeUtc }) => [
      body,
      sequenceNumber,
      offset,
      enqueuedTimeUtc,
    ]);
  expect(facts(after)).toEqual(facts(before));
  expect(await endpoint.producer().getEventHubProperties()).toEqual(hub);
  expect(await endpoint.producer().getPartitionProperties('0')).toEqual(partition);
  await publish(60, 10);
  const all = await receive(endpoint.consumer(), '0', 70, earliestEventPosition);
  expect(all.events.map(({ sequenceNumber }) => sequenceNumber)).toEqual(range(0, 70));
});

test.each([false, true])(
  'every start position works across segments (after a restart: %p)',
  async (isRestarted) => {
    await publish(0, 60);
    if (isRestarted) await endpoint.restart();
    const consumer = endpoint.consumer();
    const { events } = await receive(consumer, '0', 60, earliestEventPosition);
    for (const index of [0, 13, 14, 15, 16, 31, 45, 58]) {
      const { sequenceNumber = 0, offset = '' } = events[index] ?? {};
      const left = 59 - index;
      expect(numbers(await receive(consumer, '0', left, { sequenceNumber }))).toEqual(range(index + 1, 60));
      expect(numbers(await receive(consumer, '0', left, { offset }))).toEqual(range(index + 1, 60));
      const time = events[index]?.enqueuedTimeUtc.getTime() ?? 0;
      const later = events.filter(({ enqueuedTimeUtc }) => enqueuedTimeUtc.getTime() > time).length;
      if (later > 0) {
        const received = await receive(consumer, '0', later, { enqueuedOn: time });
        expect(numbers(received)).toEqual(range(60 - later, 60));
      }
    }
  },
);

test('events older than the retention time go, and numbering goes on', async () => {
  await publish(0, 60);
  const before = await endpoint.producer().getPartitionProperties('0');
  while (Date.now() <= before.lastEnqueuedOnUtc.getTime() + 1)
    await new Promise((resolve) => setImmediate(resolve));
  await endpoint.restart({ retentionMs: 1 });
  await endpoint.restart({ retentionMs: 60_000 });
  const producer = endpoint.producer();
  expect(await producer.getPartitionProperties('0')).toMatchObject({
    isEmpty: true,
    beginningSequenceNumber: 60,
    lastEnqueuedSequenceNumber: 59,
    lastEnqueuedOffset: before.lastEnqueuedOffset,
    lastEnqueuedOnUtc: before.lastEnqueuedOnUtc,
  });
  await publish(60, 10);
  // A checkpoint from before leads to the oldest event that is still there.
  for (const position of [
    { sequenceNumber: 3 },
    { offset: '10' },
    { enqueuedOn: 0 },
    earliestEventPosition,
  ]) {
    const received = await receive(endpoint.consumer(), '0', 10, position);
    expect(numbers(received)).toEqual(range(60, 70));
    expect(received.events[0]?.sequenceNumber).toBe(60);
  }
});

test('a reader far behind the newest events gets all of them from disk', async () => {
  // More than what a partition keeps in memory.
  await publish(0, 200, 90_000);
  const received = await receive(endpoint.consumer(), '0', 200, earliestEventPosition, { prefetchCount: 40 });
  expect(numbers(received)).toEqual(range(0, 200));
}, 60_000);

test('the end of the log is a valid position, also right after the start', async () => {
  await publish(0, 10);
  await endpoint.restart();
  const refused = await failure(receive(endpoint.consumer(), '0', 1, { sequenceNumber: 11 }));
  expect(refused.message).toContain("'9'");
  const pending = receive(endpoint.consumer(), '0', 1, { sequenceNumber: 9 });
  await publish(10, 10);
  expect(numbers(await pending)[0]).toBe(10);
});
