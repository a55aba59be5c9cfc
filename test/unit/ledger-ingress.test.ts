import { IngressSide } from '../../src/activities/ledger/ingressSide';
import type { LedgerDeps } from '../../src/activities/ledger/deps';
import type { Batch } from '../../src/domain/ingest/batch';
import { epochOf, headerOfPart, lostRange, propose, type Claim } from '../../src/domain/ingress/claim';
import { recordLine, type IngressEvent } from '../../src/domain/ingress/packet';
import { Faults } from '../../src/domain/ledger/faults';

const NOW = new Date('2026-03-01T12:00:00Z');
const CREATED = new Date('2026-02-28T00:00:00Z');
const chain = { epoch: epochOf(CREATED), partition: '0' };

/** An event of so many records of a data set. */
function event(sequenceNumber: number, dataset: string, records: number): IngressEvent {
  const line = recordLine('a', NOW.toISOString(), '{}');
  return {
    sequenceNumber,
    enqueuedAt: NOW.getTime(),
    body: Buffer.from(line.repeat(records)),
    properties: { dataset, schemaVersion: '1+0123abcd', records, from: 1, to: 2 },
  };
}

const claimOf = (first: number, ...events: IngressEvent[]): Claim => propose(chain, first, events, NOW).claim;
const batchesOf = (claim: Claim): Batch[] =>
  claim.parts.map((part) => ({ ...headerOfPart(claim, part), status: 'accepted' }));

/** What is counted, with these claims, batches and events in a hub of one partition. */
async function count(claims: Claim[], batches: Batch[], events: IngressEvent[], begin = 0) {
  const deps = {
    claims: { all: () => Promise.resolve(claims) },
    hub: {
      partitions: () => Promise.resolve(['0']),
      createdOn: () => Promise.resolve(CREATED),
      extent: () => Promise.resolve({ begin, last: events.at(-1)?.sequenceNumber ?? -1 }),
      // A few at a time.
      read: (_partition: string, from: number, to: number) =>
        Promise.resolve(
          events.filter(({ sequenceNumber }) => sequenceNumber >= from && sequenceNumber <= to).slice(0, 2),
        ),
    },
    now: () => NOW,
  } as unknown as LedgerDeps;
  const faults = new Faults();
  const side = new IngressSide(deps);
  for (const batch of batches) side.see(batch);
  return { records: Object.fromEntries(await side.inFlight(faults)), faults: faults.shown };
}

const events = [event(0, 'a', 3), event(1, 'b', 2), event(2, 'a', 5), event(3, 'a', 7), event(4, 'b', 1)];

describe('records of the door that are in no batch', () => {
  test('are those of the events that no claim holds', async () => {
    const first = claimOf(0, ...events.slice(0, 2));
    expect(await count([first], batchesOf(first), events)).toEqual({
      records: { a: 12, b: 1 },
      faults: [],
    });
    expect(await count([], [], events)).toEqual({ records: { a: 15, b: 3 }, faults: [] });
  });

  test('and those of a claim whose batch was not there when batches were counted', async () => {
    const [first, second] = [claimOf(0, ...events.slice(0, 2)), claimOf(2, ...events.slice(2))];
    const seen = [...batchesOf(first), ...batchesOf(second).filter(({ dataset }) => dataset === 'a')];
    expect(await count([first, second], seen, events)).toEqual({ records: { b: 1 }, faults: [] });
  });

  test('foreign events are no records', async () => {
    const foreign = { ...event(5, 'a', 1), properties: {} };
    expect((await count([], [], [foreign])).records).toEqual({});
  });

  test('events that expired unclaimed before anything of the partition was claimed are not counted', async () => {
    expect((await count([], [], events, 3)).records).toEqual({ a: 7, b: 1 });
  });
});

describe('of the claims', () => {
  const [first, second] = [claimOf(0, ...events.slice(0, 2)), claimOf(2, ...events.slice(2))];
  const seen = [...batchesOf(first), ...batchesOf(second)];

  test.each([
    ['a gap', [first, { ...second, first: 3 }]],
    ['an overlap', [first, { ...second, first: 1 }]],
  ])('%s is found', async (_, claims) => {
    const { faults } = await count(claims, seen, events);
    expect(faults.map(({ code }) => code)).toEqual(['broken-chain']);
  });

  test('a loss is told', async () => {
    const lost = lostRange(chain, 5, 9, NOW).claim;
    const { faults } = await count([first, second, lost], seen, events);
    expect(faults).toEqual([
      expect.objectContaining({ code: 'lost-events', detail: expect.stringContaining('Events 5 to 9') }),
    ]);
  });

  test('those of another hub of the same name are another chain', async () => {
    const other = { ...first, epoch: epochOf(NOW) };
    expect((await count([first, second, other], seen, events)).faults).toEqual([]);
  });
});
