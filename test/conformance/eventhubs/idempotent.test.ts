import { cp, mkdtemp, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { earliestEventPosition } from '@azure/event-hubs';
import { powerLossFiles } from '../../../local/shared/files';
import { onEachBackend } from './backends';
import { bodies, Endpoint, failure, receive, stateOf } from './support';

const AT = { partitionId: '0' };

onEachBackend('idempotent producers', (context) => {
  test('get a group, level 0 and number 0, for each partition', async () => {
    const producer = context().idempotentProducer();
    const [first, second] = [
      await producer.getPartitionPublishingProperties('0'),
      await producer.getPartitionPublishingProperties('1'),
    ];
    for (const properties of [first, second]) {
      expect(properties).toMatchObject({
        isIdempotentPublishingEnabled: true,
        ownerLevel: 0,
        lastPublishedSequenceNumber: 0,
      });
    }
    expect(first.producerGroupId).toBeGreaterThan(0);
    const other = await context().idempotentProducer().getPartitionPublishingProperties('0');
    expect(other.producerGroupId).not.toBe(first.producerGroupId);
    const plain = context().idempotentProducer();
    plain._enableIdempotentRetries = false;
    expect(await plain.getPartitionPublishingProperties('0')).toEqual({
      isIdempotentPublishingEnabled: false,
      partitionId: '0',
    });
  });

  test('number their events from 1 on, in events and in batches', async () => {
    const start = await context().end('0');
    const producer = context().idempotentProducer();
    const events = ['a', 'b'].map((body): { body: string; _publishedSequenceNumber?: number } => ({ body }));
    await producer.sendBatch(events, AT);
    expect(events.map(({ _publishedSequenceNumber }) => _publishedSequenceNumber)).toEqual([1, 2]);
    const batch = await producer.createBatch(AT);
    for (const body of ['c', 'd', 'e']) batch.tryAdd({ body });
    await producer.sendBatch(batch);
    expect(await stateOf(producer)).toMatchObject({ startingSequenceNumber: 5 });
    const received = await receive(context().consumer(), '0', 5, start);
    expect(bodies(received)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  test('are acknowledged for an exact repeat, which is stored once', async () => {
    const start = await context().end('0');
    const producer = context().idempotentProducer();
    await producer.sendBatch([{ body: 1 }], AT);
    const before = await stateOf(producer);
    await producer.sendBatch([{ body: 2 }, { body: 3 }], AT);
    // What a retry after a lost acknowledgement looks like.
    const again = context().idempotentProducer({ '0': before });
    await again.sendBatch([{ body: 2 }, { body: 3 }], AT);
    await again.sendBatch([{ body: 4 }], AT);
    expect(bodies(await receive(context().consumer(), '0', 4, start))).toEqual([1, 2, 3, 4]);
  });

  test.each([
    ['an older number', -4],
    ['a part of the newest send', -1],
    ['a number ahead of its turn', 1],
  ])('are refused for %s', async (_, distance) => {
    const producer = context().idempotentProducer();
    await producer.sendBatch([{ body: 1 }, { body: 2 }, { body: 3 }], AT);
    await producer.sendBatch([{ body: 4 }, { body: 5 }], AT);
    const { startingSequenceNumber: last = 0, ...group } = await stateOf(producer);
    expect(last).toBe(5);
    const other = context().idempotentProducer({
      '0': { ...group, startingSequenceNumber: last + distance },
    });
    expect(await stateOf(other)).toMatchObject({ startingSequenceNumber: last + distance });
    const refused = await failure(other.sendBatch([{ body: 'wrong' }], AT));
    expect(refused.code).toBe('SequenceOutOfOrderError');
    await producer.sendBatch([{ body: 6 }], AT);
  });

  test('take over with a higher owner level', async () => {
    const start = await context().end('0');
    const first = context().idempotentProducer();
    await first.sendBatch([{ body: 'one' }], AT);
    const { producerGroupId, startingSequenceNumber } = await stateOf(first);
    const second = context().idempotentProducer({
      '0': { ownerLevel: 1, producerGroupId, startingSequenceNumber },
    });
    await second.sendBatch([{ body: 'two' }], AT);
    const refused = await failure(first.sendBatch([{ body: 'no' }], AT));
    expect(refused.code).toBe('ProducerDisconnectedError');
    expect(refused.message).toContain('Received:0 Current:1');
    expect(await stateOf(second)).toEqual({ ownerLevel: 1, producerGroupId, startingSequenceNumber: 2 });
    // Without a number a new level begins anew.
    const third = context().idempotentProducer({ '0': { ownerLevel: 2, producerGroupId } });
    expect(await stateOf(third)).toEqual({ ownerLevel: 2, producerGroupId, startingSequenceNumber: 0 });
    await third.sendBatch([{ body: 'three' }], AT);
    expect(bodies(await receive(context().consumer(), '0', 3, start))).toEqual(['one', 'two', 'three']);
  });

  test('can give a part of their state', async () => {
    const producer = context().idempotentProducer({ '0': { ownerLevel: 1 } });
    const state = await stateOf(producer);
    expect(state).toMatchObject({ ownerLevel: 1, startingSequenceNumber: 0 });
    expect(state.producerGroupId).toBeDefined();
    await producer.sendBatch([{ body: 1 }], AT);
    const next = context().idempotentProducer({ '0': { producerGroupId: state.producerGroupId } });
    expect(await stateOf(next)).toEqual({ ...state, startingSequenceNumber: 1 });
  });

  test.each([{ ownerLevel: -1 }, { producerGroupId: -1 }, { startingSequenceNumber: -1 }])(
    'are refused for %j',
    async (options) => {
      const producer = context().idempotentProducer({ '0': options });
      const refused = await failure(producer.sendBatch([{ body: 1 }], AT));
      expect(refused.code).toBe('ArgumentOutOfRangeError');
      expect(refused.message).toContain('Invalid range for idempotent producer state');
    },
  );

  test('go on after their connection broke', async () => {
    const start = await context().end('0');
    const producer = context().idempotentProducer();
    await producer.sendBatch([{ body: 1 }], AT);
    const before = await stateOf(producer);
    const internals = producer as unknown as { _context: { connection: { _connection: { idle(): void } } } };
    internals._context.connection._connection.idle();
    await producer.sendBatch([{ body: 2 }], AT);
    expect(await stateOf(producer)).toEqual({ ...before, startingSequenceNumber: 2 });
    expect(bodies(await receive(context().consumer(), '0', 2, start))).toEqual([1, 2]);
  });
});

describe('the state of a producer group (local only)', () => {
  let endpoint: Endpoint;
  beforeEach(async () => {
    endpoint = await Endpoint.start();
  });
  afterEach(() => endpoint.dispose());

  test('is as durable as the events', async () => {
    const producer = endpoint.idempotentProducer();
    await producer.sendBatch([{ body: 1 }], AT);
    const before = await stateOf(producer);
    await producer.sendBatch([{ body: 2 }, { body: 3 }], AT);
    await endpoint.restart();
    const again = endpoint.idempotentProducer({ '0': before });
    await again.sendBatch([{ body: 2 }, { body: 3 }], AT);
    const old = endpoint.idempotentProducer({ '0': before });
    expect(await failure(old.sendBatch([{ body: 2 }], AT))).toMatchObject({
      code: 'SequenceOutOfOrderError',
    });
    await again.sendBatch([{ body: 4 }], AT);
    expect(bodies(await receive(endpoint.consumer(), '0', 4, earliestEventPosition))).toEqual([1, 2, 3, 4]);
  });

  test('goes with a send that a crash cut off: its retry is stored, once', async () => {
    const producer = endpoint.idempotentProducer();
    await producer.sendBatch([{ body: 1 }], AT);
    const before = await stateOf(producer);
    const send = ['a', 'b', 'c'].map((letter) => ({ body: letter.repeat(50) }));
    await producer.sendBatch(send, AT);
    await endpoint.stop();
    const folder = join(endpoint.dataDir, 'orders', '0');
    const log = join(folder, '0000000000000000.log');
    await rm(join(folder, 'acknowledged'));
    // Two of the three events are whole.
    await truncate(log, (await stat(log)).size - 60);
    await endpoint.start();
    const { lastEnqueuedSequenceNumber } = await endpoint.producer().getPartitionProperties('0');
    expect(lastEnqueuedSequenceNumber).toBe(0);
    await endpoint.idempotentProducer({ '0': before }).sendBatch(
      send.map(({ body }) => ({ body })),
      AT,
    );
    expect(bodies(await receive(endpoint.consumer(), '0', 4, earliestEventPosition))).toEqual([
      1,
      ...send.map(({ body }) => body),
    ]);
  });

  test('holds an owner level before the first event of that level', async () => {
    const producer = endpoint.idempotentProducer();
    await producer.sendBatch([{ body: 1 }], AT);
    const before = await stateOf(producer);
    for (const ownerLevel of [1, 2]) {
      await stateOf(endpoint.idempotentProducer({ '0': { ...before, ownerLevel } }));
    }
    const other = await stateOf(endpoint.idempotentProducer({ '0': { ownerLevel: 5 } }));
    for (let restarts = 0; restarts < 2; restarts += 1) {
      await endpoint.restart();
      for (const ownerLevel of [0, 1]) {
        const late = endpoint.idempotentProducer({ '0': { ...before, ownerLevel } });
        const refused = await failure(late.sendBatch([{ body: 'late' }], AT));
        expect(refused.message).toContain(`Received:${ownerLevel} Current:2`);
      }
    }
    expect(
      await stateOf(endpoint.idempotentProducer({ '0': { producerGroupId: other.producerGroupId } })),
    ).toEqual(other);
    await endpoint.idempotentProducer({ '0': { ...before, ownerLevel: 2 } }).sendBatch([{ body: 2 }], AT);
    expect(bodies(await receive(endpoint.consumer(), '0', 2, earliestEventPosition))).toEqual([1, 2]);
  });

  test('survives a power cut, with what was acknowledged', async () => {
    // What was written and not synced is in memory only: a copy of the folder is what a cut would leave.
    const powered = await Endpoint.start({ files: powerLossFiles() });
    const producer = powered.idempotentProducer();
    await producer.sendBatch([{ body: 1 }], AT);
    const before = await stateOf(producer);
    await producer.sendBatch([{ body: 2 }, { body: 3 }], AT);
    const claimed = await stateOf(powered.idempotentProducer({ '1': { ownerLevel: 4 } }), '1');
    const dataDir = await mkdtemp(join(tmpdir(), 'eventhubs-cut-'));
    await cp(powered.dataDir, dataDir, { recursive: true });
    const after = await Endpoint.start({ dataDir });
    await after.idempotentProducer({ '0': before }).sendBatch([{ body: 2 }, { body: 3 }], AT);
    expect(bodies(await receive(after.consumer(), '0', 3, earliestEventPosition))).toEqual([1, 2, 3]);
    expect((await after.producer().getPartitionProperties('0')).lastEnqueuedSequenceNumber).toBe(2);
    const { producerGroupId } = claimed;
    const late = after.idempotentProducer({ '1': { producerGroupId, ownerLevel: 3 } });
    const refused = await failure(late.sendBatch([{ body: 'late' }], { partitionId: '1' }));
    expect(refused.message).toContain('Received:3 Current:4');
    await Promise.all([powered, after].map((one) => one.dispose()));
    await rm(dataDir, { recursive: true });
  });

  test('is forgotten when the events have expired', async () => {
    const producer = endpoint.idempotentProducer();
    await producer.sendBatch([{ body: 1 }], AT);
    const before = await stateOf(producer);
    await producer.sendBatch([{ body: 2 }], AT);
    const { lastEnqueuedOnUtc } = await endpoint.producer().getPartitionProperties('0');
    while (Date.now() <= lastEnqueuedOnUtc.getTime() + 1)
      await new Promise((resolve) => setImmediate(resolve));
    await endpoint.restart({ retentionMs: 1 });
    const again = endpoint.idempotentProducer({ '0': { ...before, startingSequenceNumber: 7 } });
    await again.sendBatch([{ body: 8 }], AT);
    expect(bodies(await receive(endpoint.consumer(), '0', 1, earliestEventPosition))).toEqual([8]);
  });
});
