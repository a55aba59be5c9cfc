import { setTimeout as sleep } from 'node:timers/promises';
import { createPackets, packed, PACKET_BYTES, type OutgoingRecord } from '../../../src/clients/packets';
import { packetOf, recordLine, type Packet } from '../../../src/domain/ingress/packet';
import { fc } from '../../support/properties';

const record = (id: string, more: Partial<OutgoingRecord> = {}): OutgoingRecord => ({
  partition: '0',
  dataset: 'readings',
  schemaVersion: '1+0123abcd',
  receivedAt: 1,
  line: recordLine(id, '2026-03-01T12:00:00.000Z', '{}'),
  ...more,
});

interface Send {
  readonly partition: string;
  readonly packets: readonly Packet[];
  readonly ids: readonly string[];
  resolve(): void;
  reject(error: Error): void;
}

const idsIn = (text: string): string[] =>
  Array.from(text.matchAll(/"batchId":"([^"]*)"/g), ([, id = '']) => id);

/** A hub that answers when it is told to. */
class SlowHub {
  readonly sends: Send[] = [];
  private waiting: (() => void)[] = [];

  readonly send = (partition: string, packets: readonly Packet[]): Promise<void> =>
    new Promise((resolve, reject) => {
      const ids = packets.flatMap(({ body }) => idsIn(body.toString()));
      this.sends.push({ partition, packets, ids, resolve, reject });
      for (const arrived of this.waiting.splice(0)) arrived();
    });

  async until(count: number): Promise<void> {
    while (this.sends.length < count) await new Promise<void>((arrived) => this.waiting.push(arrived));
  }
}

/** Publishes records; tells which were answered, in order. */
function publisher(hub: SlowHub, pauseMs: number) {
  const packets = createPackets(hub, pauseMs);
  const answers: string[] = [];
  const publish = (...records: OutgoingRecord[]): void => {
    for (const one of records) {
      const [id = ''] = idsIn(one.line);
      packets.publish(one).then(
        () => answers.push(id),
        (error: Error) => answers.push(`${id}: ${error.message}`),
      );
    }
  };
  return { packets, publish, answers };
}

const settled = (): Promise<void> => new Promise(setImmediate);

test('records that come together travel together, and are answered when the hub has them', async () => {
  const hub = new SlowHub();
  const { packets, publish, answers } = publisher(hub, 1);
  publish(record('a'), record('b'), record('c'));
  await hub.until(1);
  // Those that come while it is on its way need not wait for its answer.
  publish(record('d'));
  publish(record('e'));
  await hub.until(2);
  expect(hub.sends.map(({ ids }) => ids)).toEqual([
    ['a', 'b', 'c'],
    ['d', 'e'],
  ]);
  expect([answers, packets.waiting]).toEqual([[], 5 * record('a').line.length]);
  hub.sends[1]?.resolve();
  await settled();
  expect([answers, packets.waiting]).toEqual([['d', 'e'], 3 * record('a').line.length]);
  hub.sends[0]?.resolve();
  await settled();
  expect([answers, packets.waiting]).toEqual([['d', 'e', 'a', 'b', 'c'], 0]);
});

test('between two sends is a pause, after which an idle partition need not wait', async () => {
  const hub = new SlowHub();
  const { publish } = publisher(hub, 40);
  publish(record('a'));
  await hub.until(1);
  publish(record('b'));
  await sleep(1);
  publish(record('c'));
  await settled();
  expect(hub.sends).toHaveLength(1);
  await hub.until(2);
  expect(hub.sends[1]?.ids).toEqual(['b', 'c']);
});

test('a send that fails is answered to those whose records it had, and to nobody else', async () => {
  const hub = new SlowHub();
  const { packets, publish, answers } = publisher(hub, 0);
  publish(record('a'), record('b', { partition: '1' }));
  await hub.until(2);
  publish(record('c'));
  await hub.until(3);
  expect(hub.sends.map(({ partition, ids }) => [partition, ...ids])).toEqual([
    ['0', 'a'],
    ['1', 'b'],
    ['0', 'c'],
  ]);
  hub.sends[0]?.reject(new Error('The hub is gone.'));
  hub.sends[1]?.resolve();
  hub.sends[2]?.resolve();
  await settled();
  expect(answers.toSorted()).toEqual(['a: The hub is gone.', 'b', 'c']);
  expect(packets.waiting).toBe(0);
});

describe('packets', () => {
  const sizes = fc.oneof({ weight: 5, arbitrary: fc.nat(1_000) }, fc.integer({ min: 50_000, max: 400_000 }));
  const outgoing = fc.record({
    size: sizes,
    dataset: fc.constantFrom('readings', 'orders'),
    schemaVersion: fc.constantFrom('1+0123abcd', '2+0123abcd'),
    receivedAt: fc.nat(1_000),
  });

  test('hold every record once, those of a data set in order, and are not too large', () => {
    fc.assert(
      fc.property(fc.array(outgoing, { minLength: 1, maxLength: 30 }), (list) => {
        const records = list.map(({ size, ...one }, at) => {
          // In UTF-8 twice as long as it seems.
          const json = JSON.stringify({ text: 'é'.repeat(size / 2) });
          return record('', { ...one, line: recordLine(String(at), '2026-03-01T12:00:00.000Z', json) });
        });
        const packets = packed(records);
        const found = packets.flatMap(({ body, properties }) => {
          const read = packetOf({ sequenceNumber: 0, enqueuedAt: 0, body, properties: { ...properties } });
          expect(read).toEqual({ body, properties });
          expect(body.length <= PACKET_BYTES || properties.records === 1).toBe(true);
          const ids = idsIn(body.toString()).map(Number);
          const times = ids.map((id) => records[id]?.receivedAt ?? 0);
          expect([Math.min(...times), Math.max(...times)]).toEqual([properties.from, properties.to]);
          return ids.map((id) => ({ id, name: `${properties.dataset} ${properties.schemaVersion}` }));
        });
        expect(found.map(({ id }) => id).toSorted((a, b) => a - b)).toEqual(records.map((_, at) => at));
        for (const own of Map.groupBy(found, ({ name }) => name).values()) {
          const ids = own.map(({ id }) => id);
          expect(ids).toEqual(ids.toSorted((a, b) => a - b));
        }
        for (const { id, name } of found)
          expect(name).toBe(`${records[id]?.dataset} ${records[id]?.schemaVersion}`);
      }),
      { numRuns: 50 },
    );
  });
});
