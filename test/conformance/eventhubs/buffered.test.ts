import { onEachBackend } from './backends';
import { bodies, receive } from './support';

const IDS = ['0', '1', '2', '3'];
const KEYS = Array.from({ length: 12 }, (_, index) => `key-${index}`);

onEachBackend('the buffered producer', (context) => {
  /** What each partition got since the events before `starts`. */
  async function receivedSince(starts: readonly number[]): Promise<string[][]> {
    const ends = await lastNumbers();
    return Promise.all(
      IDS.map(async (id, index) => {
        const start = starts[index] ?? 0;
        const count = (ends[index] ?? 0) - start;
        if (count === 0) return [];
        return bodies(await receive(context().consumer(), id, count, { sequenceNumber: start })).map(String);
      }),
    );
  }

  async function lastNumbers(): Promise<number[]> {
    const producer = context().producer();
    const properties = await Promise.all(IDS.map((id) => producer.getPartitionProperties(id)));
    return properties.map(({ lastEnqueuedSequenceNumber }) => lastEnqueuedSequenceNumber);
  }

  test('sends what it was given, in order, by the same hash as the service', async () => {
    const starts = await lastNumbers();
    for (const key of KEYS)
      await context()
        .producer()
        .sendBatch([{ body: key }], { partitionKey: key });
    const plain = await receivedSince(starts);
    const middle = await lastNumbers();
    const failed: unknown[] = [];
    let confirmed = 0;
    const producer = context().bufferedProducer({
      maxWaitTimeInMs: 20,
      onSendEventsErrorHandler: ({ error }) => void failed.push(error),
      onSendEventsSuccessHandler: ({ events }) => void (confirmed += events.length),
    });
    for (const key of KEYS) await producer.enqueueEvent({ body: key }, { partitionKey: key });
    await producer.flush();
    expect(failed).toEqual([]);
    expect(confirmed).toBe(KEYS.length);
    expect(await receivedSince(middle)).toEqual(plain);
  });

  test('numbers what it sends when its retries are idempotent', async () => {
    const starts = await lastNumbers();
    const failed: unknown[] = [];
    const producer = context().bufferedProducer({
      maxWaitTimeInMs: 20,
      enableIdempotentRetries: true,
      onSendEventsErrorHandler: ({ error }) => void failed.push(error),
    });
    for (let index = 0; index < 100; index += 1) {
      await producer.enqueueEvent({ body: index }, { partitionId: IDS[index % 4]! });
      // Several sends, not one.
      if (index % 40 === 39) await producer.flush();
    }
    await producer.flush();
    expect(failed).toEqual([]);
    const all = Array.from({ length: 100 }, (_, index) => index);
    expect(await receivedSince(starts)).toEqual(
      IDS.map((_, id) => all.filter((index) => index % 4 === id).map(String)),
    );
  });
});
