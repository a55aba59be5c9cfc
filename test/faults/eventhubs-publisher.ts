import type { EventData, EventHubProducerClient, SendBatchOptions } from '@azure/event-hubs';
import { type Random, random as seeded } from '../../tools/lib/random';
import {
  Clients,
  failure,
  type IdempotentProducer,
  type PublishingOptions,
  stateOf,
} from '../conformance/eventhubs/support';

/** What the fault test tells this process: a new life begins at each start of the endpoint. */
export type ToPublisher =
  | {
      readonly type: 'publish';
      readonly connectionString: string;
      readonly hub: string;
      readonly life: number;
      /** The store is new: what the idempotent producers knew of another one is forgotten. */
      readonly isNew: boolean;
      readonly seed: number;
    }
  | { readonly type: 'stop' };

/** A send, and what each of its events carries. */
export interface Batch {
  readonly stream: string;
  readonly life: number;
  readonly turn: number;
  readonly size: number;
  /** Bytes in each of its events. */
  readonly filler: number;
}

/** What this process reports. */
export type FromPublisher =
  | { readonly type: 'sending' | 'acknowledged'; readonly batch: Batch }
  /** What the idempotent producer did in its former life holds, and it has gone on from there. */
  | { readonly type: 'resumed'; readonly stream: string }
  | { readonly type: 'failed'; readonly life: number; readonly message: string }
  | { readonly type: 'stopped' };

/** Where the streams of plain batches go. */
export const ROUTES: Readonly<Record<string, SendBatchOptions>> = {
  'partition 0': { partitionId: '0' },
  'partition 1': { partitionId: '1' },
  'key north': { partitionKey: 'north' },
  'key south': { partitionKey: 'south' },
  'in turn': {},
};
/** The streams of idempotent producers: one is always sending, one has its answers when the endpoint ends. */
export const NUMBERED = ['numbered 0', 'numbered 1', 'claims'];

/** So few that they are answered before the endpoint ends. */
const ANSWERED_BATCHES = 3;

function report(message: FromPublisher): void {
  process.send?.(message);
}

function eventsOf(batch: Batch): EventData[] {
  const filler = 'x'.repeat(batch.filler);
  return Array.from({ length: batch.size }, (_, index) => ({ body: { ...batch, index, filler } }));
}

/** The time between two starts of the endpoint. */
class Life {
  isOver = false;
  constructor(
    readonly clients: Clients,
    readonly number: number,
    private readonly random: Random,
  ) {}

  /** A batch of at least two events; one in twelve is larger than a segment. */
  batch(stream: string, turn: number): Batch {
    const { random } = this;
    const size = random.integer(2, 30);
    const filler = random.integer(1, 12) === 1 ? Math.ceil(200_000 / size) : random.integer(0, 400);
    return { stream, life: this.number, turn, size, filler };
  }

  async send(
    producer: Pick<EventHubProducerClient, 'sendBatch'>,
    batch: Batch,
    to: SendBatchOptions,
  ): Promise<void> {
    report({ type: 'sending', batch });
    await producer.sendBatch(eventsOf(batch), to);
    report({ type: 'acknowledged', batch });
  }

  /** Sends batch after batch, each after the one before, until the endpoint ends. */
  async publish(stream: string, producer: EventHubProducerClient, to: SendBatchOptions): Promise<void> {
    for (let turn = 0; !this.isOver; turn += 1) await this.send(producer, this.batch(stream, turn), to);
  }
}

/** Sends an event that must be refused, and never be stored. */
async function expectRefusal(producer: IdempotentProducer, partitionId: string, code: string): Promise<void> {
  const refused = await failure(producer.sendBatch([{ body: 'refused' }], { partitionId }));
  if (refused.code !== code) throw new Error(`Instead of ${code}: ${refused.code}: ${refused.message}`);
}

/** An application with an idempotent producer, that keeps the producer's state and its newest batch. */
class NumberedStream {
  /** The state that the newest batch was sent from, and the batch. */
  private newest: { readonly from: PublishingOptions; readonly batch: Batch } | undefined;

  constructor(
    private readonly name: string,
    private readonly partitionId: string,
    private readonly batches: number,
  ) {}

  async run(life: Life): Promise<void> {
    const { name, partitionId } = this;
    const at = { partitionId };
    const producer = await this.goOn(life);
    for (let turn = 0; turn < this.batches && !life.isOver; turn += 1) {
      const batch = life.batch(name, turn);
      this.newest = { from: await stateOf(producer, partitionId), batch };
      await life.send(producer, batch, at);
      if (turn === 0) report({ type: 'resumed', stream: name });
    }
  }

  /** The producer of this life: a new one, or one of the next level, after the one before has got its answer. */
  private async goOn({ clients }: Life): Promise<IdempotentProducer> {
    const { newest, partitionId } = this;
    if (!newest) return clients.idempotentProducer();
    const { from, batch } = newest;
    const before = clients.idempotentProducer({ [partitionId]: from });
    // Acknowledged or not, and stored or not: afterwards it is there once.
    await before.sendBatch(eventsOf(batch), { partitionId });
    report({ type: 'acknowledged', batch });
    const {
      ownerLevel = 0,
      startingSequenceNumber = 0,
      producerGroupId,
    } = await stateOf(before, partitionId);
    const behind = { ownerLevel, producerGroupId, startingSequenceNumber: startingSequenceNumber - 1 };
    const late = clients.idempotentProducer({ [partitionId]: behind });
    await expectRefusal(late, partitionId, 'SequenceOutOfOrderError');
    const next = { ownerLevel: ownerLevel + 1, producerGroupId, startingSequenceNumber };
    const producer = clients.idempotentProducer({ [partitionId]: next });
    await stateOf(producer, partitionId);
    await expectRefusal(before, partitionId, 'ProducerDisconnectedError');
    return producer;
  }
}

/** Takes owner levels of a producer group, one after the other, and sends nothing. */
class ClaimStream {
  private asked = 0;
  private given = 0;
  private producerGroupId: number | undefined;

  constructor(
    private readonly name: string,
    private readonly partitionId: string,
  ) {}

  async run(life: Life): Promise<void> {
    const { name, partitionId } = this;
    const { clients } = life;
    if (this.given > 0) {
      const lower = { producerGroupId: this.producerGroupId, ownerLevel: this.given - 1 };
      const late = clients.idempotentProducer({ [partitionId]: lower });
      await expectRefusal(late, partitionId, 'ProducerDisconnectedError');
    }
    for (let claims = 0; !life.isOver; claims += 1) {
      // One that was asked for and not given may have been stored.
      this.asked += 1;
      const { producerGroupId } = this;
      const producer = clients.idempotentProducer({
        [partitionId]: { producerGroupId, ownerLevel: this.asked },
      });
      this.producerGroupId = (await stateOf(producer, partitionId)).producerGroupId;
      this.given = this.asked;
      await producer.close();
      if (claims === 0) report({ type: 'resumed', stream: name });
    }
  }
}

function numberedStreams(): readonly { run(life: Life): Promise<void> }[] {
  const [endless = '', answered = '', claims = ''] = NUMBERED;
  return [
    new NumberedStream(endless, '0', Infinity),
    new NumberedStream(answered, '1', ANSWERED_BATCHES),
    new ClaimStream(claims, '0'),
  ];
}

// A process of its own, because a client whose endpoint dies under it cannot be closed in reasonable time.
if (require.main === module) {
  let life: Life | undefined;
  let numbered = numberedStreams();
  process.on('disconnect', () => process.exit(0));
  process.on('message', (message: ToPublisher) => {
    if (message.type === 'stop') {
      if (life) life.isOver = true;
      report({ type: 'stopped' });
      return;
    }
    const { connectionString, hub, life: number, isNew, seed } = message;
    if (isNew) numbered = numberedStreams();
    const clients = new Clients(() => connectionString, hub);
    const begun = new Life(clients, number, seeded(seed));
    life = begun;
    const plain = Object.entries(ROUTES).map(([stream, to]) => begun.publish(stream, clients.producer(), to));
    // The end of the endpoint ends the loops.
    for (const run of [...plain, ...numbered.map((stream) => stream.run(begun))]) {
      run.catch((error: unknown) => report({ type: 'failed', life: number, message: String(error) }));
    }
  });
}
