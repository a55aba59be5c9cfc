import type { Batch } from '../../src/domain/ingest/batch';
import { Checks, contentOf } from '../support/ingest-checks';
import { MALFORMED, ndjson, REJECTED, SCENARIOS, worldBefore } from '../support/ingest-scenarios';
import { UPLOAD, type Request, type World } from '../support/ingest-world';
import type { Process } from '../support/stores-model';

/**
 * Two at work on one batch: a process that stood still (a machine that was suspended, a network that came back) goes on
 * when another one has taken its place, when the sweep has closed the batch, or when the producer has written again what
 * it had uploaded.
 */

let before: World;
beforeAll(async () => {
  before = await worldBefore();
});

interface Paused {
  /** It was there before the request was done. */
  readonly hit: boolean;
  /** Lets it go on to the end. */
  finish(): Promise<void>;
}

/** A process that receives the request and runs its batch, up to its step number `at`. */
async function upTo(at: number, world: World, request: Request): Promise<Paused> {
  const process: Process = world.process({ at, how: 'pause' });
  const work = world.land(request, process);
  const ended = await Promise.race([work.then(() => 'ended' as const), process.paused]);
  return {
    hit: ended === 'paused',
    finish: async () => {
      process.release();
      await work;
    },
  };
}

const idIn = ({ stores }: World): string | undefined => [...stores.batches.keys()][1];
const batchIn = (world: World) => world.stores.batches.get(idIn(world) ?? '')?.batch;

async function endOf(request: Request): Promise<string> {
  const world = before.fork();
  await world.land(request);
  return JSON.stringify(contentOf(world.stores));
}

const ALL: [string, Request][] = [
  ...Object.entries(SCENARIOS).map(([name, { request }]): [string, Request] => [name, request]),
  ['an upload that is malformed', MALFORMED],
  ['a batch that is rejected', REJECTED],
];

describe.each(ALL)('%s', (_, request) => {
  test('ends the same when one that stood still at any step goes on after its end', async () => {
    const end = await endOf(request);
    for (let at = 0, hit = true; hit; at++) {
      const world = before.fork();
      const late = await upTo(at, world, request);
      await world.land(request);
      await late.finish();
      expect({ at, same: JSON.stringify(contentOf(world.stores)) === end }).toEqual({ at, same: true });
      ({ hit } = late);
    }
  });

  test('ends the same when two go on in turn', async () => {
    const end = await endOf(request);
    for (let at = 0, hit = true; hit; at++) {
      const world = before.fork();
      const first = await upTo(at, world, request);
      const second = await upTo((at * 7) % 50, world, request);
      await first.finish();
      await second.finish();
      expect({ at, same: JSON.stringify(contentOf(world.stores)) === end }).toEqual({ at, same: true });
      ({ hit } = first);
    }
  });

  test('that is closed from outside at any step has one fate for each record', async () => {
    const statuses = new Set<string | undefined>();
    // Two steps are a request and its answer.
    for (let at = 0, hit = true; hit; at += 2) {
      const world = before.fork();
      const late = await upTo(at, world, request);
      const id = idIn(world);
      const seen = id === undefined ? undefined : world.seen(id);
      if (seen) await world.close(seen.header.id, world.process({ at: (at * 7) % 60, how: 'kill' }));
      await late.finish();
      const closed = JSON.stringify(contentOf(world.stores));
      expect({ at, faults: await Checks.of(world) }).toEqual({ at, faults: [] });
      if (seen) await world.close(seen.header.id);
      if (seen) await world.startAgain(seen);
      await world.land(request);
      expect({ at, ...contentOf(world.stores) }).toEqual({ at, ...JSON.parse(closed) });
      statuses.add(batchIn(world)?.failure?.code ?? batchIn(world)?.status);
      ({ hit } = late);
    }
    expect(statuses.size).toBeGreaterThan(request === MALFORMED ? 0 : 1);
  });
});

test.each(Object.entries(SCENARIOS))(
  '%s: closed from outside by a version of the app that splits otherwise, it has one fate for each record',
  async (_, { request }) => {
    for (let at = 0, hit = true; hit; at++) {
      const world = before.fork();
      const late = await upTo(at, world, request);
      world.splitLimits = { ...world.splitLimits, groupRecords: 2, chunkRecords: 4 };
      const id = idIn(world);
      if (id !== undefined) await world.close(id);
      await late.finish();
      expect({ at, faults: await Checks.of(world) }).toEqual({ at, faults: [] });
      ({ hit } = late);
    }
  },
);

describe('an upload that is written again', () => {
  const again = Buffer.from(ndjson([{ id: 'another', at: 1 }]));

  test.each([
    ['one chunk', SCENARIOS['an upload of one chunk'].request, 4],
    ['several chunks', SCENARIOS['an upload of several chunks'].request, 31],
  ])(
    'of %s, while two work on its batch, lands as it was accepted or not at all',
    async (_, request, stride) => {
      const end = await endOf(request);
      const ends = new Set<string>();
      for (let at = 0, hit = true; hit; at++) {
        for (let other = 0, reached = true; reached; other += stride) {
          const world = before.fork();
          const first = await upTo(at, world, request);
          const second = await upTo(other, world, request);
          // Before, it would be accepted as it is then.
          if (idIn(world) !== undefined) world.stores.putBlob(UPLOAD, again);
          await first.finish();
          await second.finish();
          const { status, failure } = batchIn(world) ?? {};
          expect({ at, other, faults: await Checks.of(world) }).toEqual({ at, other, faults: [] });
          const failed = status === 'failed';
          if (!failed) expect(JSON.stringify(contentOf(world.stores))).toBe(end);
          else expect([...world.stores.events.keys()]).toEqual([...before.stores.events.keys()]);
          ends.add(failed ? String(failure?.code) : 'landed');
          reached = second.hit;
          ({ hit } = first);
        }
      }
      expect([...ends].toSorted()).toEqual(['landed', 'upload-changed']);
    },
  );
});

test('an archive that is labelled while it is read is read again', async () => {
  const { request } = SCENARIOS['an upload of one chunk'];
  const end = await endOf(request);
  for (let at = 0, hit = true; hit; at++) {
    for (let other = 1; other < 12; other += 2) {
      const world = before.fork();
      const first = await upTo(at, world, request);
      const second = await upTo(other, world, request);
      for (const [name] of world.stores.blobsUnder('archive/')) world.stores.touchBlob(name);
      await second.finish();
      await first.finish();
      expect({ at, other, same: JSON.stringify(contentOf(world.stores)) === end }).toMatchObject({
        same: true,
      });
      ({ hit } = first);
    }
  }
});

test('a reservation whose answer came late does not open its batch again, which was closed meanwhile', async () => {
  const { request } = SCENARIOS['CSV with bad rows'];
  const world = before.fork();
  const process = world.process();
  const { batches } = process;
  let attempts = 0;
  const late = {
    ...batches,
    reserve: async (batch: Batch) => {
      const answer = await batches.reserve(batch);
      if (++attempts > 1) return answer;
      await world.run(batch.id);
      throw new Error('The answer got lost.');
    },
  };
  const reservation = await world.reserve({ ...world.deps(process), batches: late }, request);
  expect(attempts).toBe(2);
  expect(reservation).toMatchObject({ replayed: true, batch: { status: 'completedWithRejects' } });
});
