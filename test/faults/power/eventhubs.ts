import {
  earliestEventPosition,
  type EventHubConsumerClient,
  type EventHubProducerClient,
} from '@azure/event-hubs';
import { eventHubsConnectionString, startEventHubs } from '../../../local/eventhubs/server';
import type { Random } from '../../../tools/lib/random';
import { Clients, type IdempotentProducer, receive } from '../../conformance/eventhubs/support';
import { RecordedEndpoint } from './child';
import { LIVES } from './record';
import type { NoteBook, Promises, Writes } from './promises';
import type { PowerService } from './service';

const CREDENTIAL = { keyName: 'key', key: 'c2VjcmV0' };
const PARTITIONS = ['0', '1'];
/** Small segments, so that a run goes through several. */
const OPTIONS = { ...CREDENTIAL, hubs: { log: { partitions: PARTITIONS.length } }, segmentBytes: 96 * 1024 };
/** After so many sends a producer group gets a higher owner level. */
const SENDS_PER_LEVEL = 5;
/** How many producers send to a partition side by side, so that several sends are stored by one write. */
const SENDERS = 3;

interface Body {
  readonly id: string;
  readonly filler: string;
}

function clientsAt(port: number): Clients {
  return new Clients(() => eventHubsConnectionString({ port, ...CREDENTIAL }), 'log');
}

/** A sender and its turn are in the id, by which the order can be checked. */
function eventsOf(sender: string, turn: number, random: Random): { body: Body }[] {
  return Array.from({ length: random.integer(1, 15) }, (_, index) => {
    const id = `${sender}/${turn}/${index}`;
    return { body: { id, filler: id.repeat(random.integer(0, 90)) } };
  });
}

function writesOf(partitionId: string, events: readonly { body: Body }[]): Writes {
  return Object.fromEntries(events.map(({ body }) => [`${partitionId}/${body.id}`, 'stored']));
}

async function sendPlain(
  producer: EventHubProducerClient,
  notes: NoteBook,
  random: Random,
  { partitionId, sender }: { partitionId: string; sender: string },
): Promise<never> {
  for (let turn = 0; ; turn++) {
    const events = eventsOf(sender, turn, random);
    await notes.ask(writesOf(partitionId, events), () => producer.sendBatch(events, { partitionId }));
  }
}

function groupKey(partitionId: string, group: number): string {
  return `${partitionId}/group/${group}`;
}

/** What the endpoint knows of a producer group. */
async function stateOf(producer: IdempotentProducer, partitionId: string): Promise<string> {
  const { ownerLevel, lastPublishedSequenceNumber } =
    await producer.getPartitionPublishingProperties(partitionId);
  return `level ${ownerLevel}, number ${lastPublishedSequenceNumber}`;
}

/** A producer group that is taken over by a higher level again and again. */
async function sendNumbered(
  clients: Clients,
  notes: NoteBook,
  random: Random,
  { partitionId, life }: { partitionId: string; life: number },
): Promise<never> {
  const group = life + 1;
  const key = groupKey(partitionId, group);
  for (let level = 1; ; level++) {
    const producer = clients.idempotentProducer({
      [partitionId]: { ownerLevel: level, producerGroupId: group },
    });
    await notes.ask({ [key]: `level ${level}, number 0` }, () => stateOf(producer, partitionId));
    let number = 0;
    for (let turn = 0; turn < SENDS_PER_LEVEL; turn++) {
      const events = eventsOf(`${life}/numbered-${level}`, turn, random);
      number += events.length;
      const writes = { ...writesOf(partitionId, events), [key]: `level ${level}, number ${number}` };
      await notes.ask(writes, () => producer.sendBatch(events, { partitionId }));
    }
  }
}

async function readAll(
  { producer, consumer }: Checking,
  partitionId: string,
): Promise<{ id: string; sequenceNumber: number; isWhole: boolean }[]> {
  const { lastEnqueuedSequenceNumber: last } = await producer.getPartitionProperties(partitionId);
  if (last < 0) return [];
  const { events } = await receive(consumer, partitionId, last + 1, earliestEventPosition);
  return events.map(({ body, sequenceNumber }) => {
    const { id, filler } = body as Body;
    return { id, sequenceNumber, isWhole: filler.replaceAll(id, '') === '' };
  });
}

interface Checking {
  readonly clients: Clients;
  readonly producer: EventHubProducerClient;
  readonly consumer: EventHubConsumerClient;
}

/** What is wrong with the order of a partition: a gap, an event twice, or the sends of one sender mixed up. */
function disorder(partitionId: string, events: readonly { id: string; sequenceNumber: number }[]): string[] {
  const faults: string[] = [];
  const newest = new Map<string, [number, number]>();
  for (const [index, { id, sequenceNumber }] of events.entries()) {
    if (sequenceNumber !== index) faults.push(`${partitionId}: event ${index} has number ${sequenceNumber}`);
    const parts = id.split('/');
    const [turn = 0, at = 0] = parts.slice(-2).map(Number);
    const sender = parts.slice(0, -2).join('/');
    const [lastTurn, lastAt] = newest.get(sender) ?? [0, -1];
    const follows = turn > lastTurn ? at === 0 : turn === lastTurn && at === lastAt + 1;
    if (!follows) faults.push(`${partitionId}: ${id} comes after ${sender}/${lastTurn}/${lastAt}`);
    newest.set(sender, [turn, at]);
  }
  return faults;
}

/** Event Hubs: plain sends, several at a time, and idempotent ones with owner levels, to two partitions. */
export const eventhubs: PowerService<RecordedEndpoint> = {
  name: 'eventhubs',

  start: (dataDir) => RecordedEndpoint.start('eventhubs', { dataDir, ...OPTIONS }),

  async load({ port }, notes, random, life) {
    const clients = clientsAt(port);
    await Promise.all(
      PARTITIONS.flatMap((partitionId) => [
        ...Array.from({ length: SENDERS }, (_, index) =>
          sendPlain(clients.producer(), notes, random, { partitionId, sender: `${life}/plain-${index}` }),
        ),
        sendNumbered(clients, notes, random, { partitionId, life }),
      ]),
    );
  },

  async check(dataDir: string, promises: Promises) {
    const service = await startEventHubs({ dataDir, port: 0, ...OPTIONS });
    const clients = clientsAt(service.port);
    const checking = { clients, producer: clients.producer(), consumer: clients.consumer() };
    try {
      const partitions = await Promise.all(PARTITIONS.map((id) => checkPartition(checking, id)));
      const faults = partitions.flatMap((partition) => partition.faults);
      return [...promises.faults(new Map(partitions.flatMap(({ found }) => found))), ...faults];
    } finally {
      await clients.closeClients();
      await service.dispose();
    }
  },
};

async function checkPartition(
  checking: Checking,
  partitionId: string,
): Promise<{ found: [string, string][]; faults: string[] }> {
  const { clients, producer, consumer } = checking;
  const events = await readAll(checking, partitionId);
  const found = events.map(({ id, isWhole }): [string, string] => [
    `${partitionId}/${id}`,
    isWhole ? 'stored' : 'damaged',
  ]);
  const faults = disorder(partitionId, events);
  for (let group = 1; group <= LIVES + 1; group++) {
    const key = groupKey(partitionId, group);
    const numbered = clients.idempotentProducer({ [partitionId]: { producerGroupId: group } });
    const state = await stateOf(numbered, partitionId);
    // So it answers for a group that it has never heard of.
    if (state !== 'level 0, number 0') found.push([key, state]);
  }
  await producer.sendBatch([{ body: { id: 'after', filler: '' } }], { partitionId });
  const position = { sequenceNumber: events.length - 1 };
  const { events: after } = await receive(consumer, partitionId, 1, position);
  if ((after[0]?.body as Body | undefined)?.id !== 'after') {
    faults.push(`${partitionId}: what was sent after the cut is not there`);
  }
  return { found, faults };
}
