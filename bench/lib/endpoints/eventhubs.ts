import { EventHubConsumerClient, EventHubProducerClient, earliestEventPosition } from '@azure/event-hubs';
import { inLanes } from '../work';
import { perSecond, type Amount } from './rate';

const BATCH = 100;
const BATCH_LANES = 8;
const SINGLE_LANES = 64;
const BYTES = 1_024;
const RECEIVED_AT_ONCE = 500;

export interface HubRates {
  /** In batches of 100, 8 of them on the way. */
  readonly published: number;
  /** One by one, 64 on the way. */
  readonly singles: number;
  /** By one consumer of all partitions, from the beginning. */
  readonly consumed: number;
}

/** Events of 1 KB a second that the SDK publishes and consumes. */
export async function hubRates(connectionString: string, hub: string, amount: Amount): Promise<HubRates> {
  const producer = new EventHubProducerClient(connectionString, hub);
  try {
    const event = { body: Buffer.alloc(BYTES, 'x') };
    let sent = 0;
    const published = await perSecond(amount(60_000), (count) =>
      inLanes(BATCH_LANES, Array(Math.ceil(count / BATCH)).keys(), async () => {
        const batch = await producer.createBatch();
        while (batch.count < BATCH)
          if (!batch.tryAdd(event)) throw new Error('A batch does not hold 100 KB.');
        await producer.sendBatch(batch);
        sent += BATCH;
      }),
    );
    const singles = await perSecond(amount(20_000), (count) =>
      inLanes(SINGLE_LANES, Array(count).keys(), async () => {
        await producer.sendBatch([event]);
        sent++;
      }),
    );
    return { published, singles, consumed: await consumedPerSecond(connectionString, hub, sent) };
  } finally {
    await producer.close();
  }
}

/** @throws when more come than were sent */
async function consumedPerSecond(connectionString: string, hub: string, sent: number): Promise<number> {
  const consumer = new EventHubConsumerClient('$Default', connectionString, hub);
  const done = Promise.withResolvers<number>();
  let received = 0;
  let begin = Number.NaN;
  const subscription = consumer.subscribe(
    {
      async processEvents(events) {
        if (received === 0) begin = performance.now();
        received += events.length;
        if (received === sent) done.resolve((sent * 1_000) / (performance.now() - begin));
        if (received > sent) done.reject(new Error(`${received} events came of ${sent}.`));
      },
      async processError(error) {
        done.reject(error);
      },
    },
    {
      startPosition: earliestEventPosition,
      maxBatchSize: RECEIVED_AT_ONCE,
      prefetchCount: 2 * RECEIVED_AT_ONCE,
      maxWaitTimeInSeconds: 1,
      skipParsingBodyAsJson: true,
    },
  );
  try {
    return await done.promise;
  } finally {
    await subscription.close();
    await consumer.close();
  }
}
