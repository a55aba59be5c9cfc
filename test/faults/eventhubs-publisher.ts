import { EventHubProducerClient } from '@azure/event-hubs';

/** What the fault test tells this process to do. */
export interface PublisherOptions {
  readonly connectionString: string;
  readonly hub: string;
  readonly partitionIds: readonly string[];
  readonly seed: number;
}

/** What this process reports: the ids of a batch, after its acknowledgement. */
export interface Acknowledged {
  readonly partitionId: string;
  readonly ids: readonly string[];
}

/** A generator of the same numbers in each run (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Sends batch after batch to a partition, each after the one before, until this process is killed. */
async function publish(
  producer: EventHubProducerClient,
  partitionId: string,
  random: () => number,
): Promise<void> {
  for (let round = 0; ; round += 1) {
    const size = 1 + Math.floor(random() * 40);
    const ids = Array.from({ length: size }, (_, index) => `${partitionId}/${round}/${index}`);
    const events = ids.map((id) => ({ body: { id, filler: 'x'.repeat(Math.floor(random() * 400)) } }));
    await producer.sendBatch(events, { partitionId });
    process.send?.({ partitionId, ids } satisfies Acknowledged);
  }
}

// A process of its own, because a client whose endpoint dies under it cannot be closed in reasonable time.
if (require.main === module) {
  process.on('disconnect', () => process.exit(0));
  process.once('message', ({ connectionString, hub, partitionIds, seed }: PublisherOptions) => {
    const producer = new EventHubProducerClient(connectionString, hub, { retryOptions: { maxRetries: 0 } });
    const random = seeded(seed);
    // The end of the endpoint ends the loops; the test ends this process.
    for (const partitionId of partitionIds) publish(producer, partitionId, random).catch(() => undefined);
  });
}
