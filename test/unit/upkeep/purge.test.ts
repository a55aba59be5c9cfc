import { MALFORMED, REFUSED, REJECTED, SCENARIOS, worldBefore } from '../../support/ingest-scenarios';
import type { Request, World } from '../../support/ingest-world';
import { AGE, blobsIn, HOUR, lasting, Platform, purge, purgeOnce } from './purger';

/** What is purged of a batch, and what of it must be left whatever else happens at the same time. */

let before: World;
beforeAll(async () => {
  before = await worldBefore();
});

const LEFT = ['chunks', 'validated'];

const ALL: [string, Request][] = [
  ...Object.entries(SCENARIOS).map(([name, { request }]): [string, Request] => [name, request]),
  ['a batch that is rejected', REJECTED],
  ['a batch with records that the store refuses', REFUSED],
];
const SEVERAL = SCENARIOS['keys that occur again in other groups and chunks'].request;

async function landed(request: Request): Promise<{ world: World; id: string }> {
  const world = before.fork();
  return { world, id: await world.land(request) };
}

describe.each(ALL)('%s', (_, request) => {
  test('keeps its chunks until it is old, and all that answers for it afterwards', async () => {
    const { world } = await landed(request);
    const platform = new Platform();
    const all = blobsIn(world.stores, ...LEFT);
    const kept = lasting(world.stores);
    world.stores.now += AGE - 2_000;
    await purge(world, platform);
    expect(blobsIn(world.stores, ...LEFT)).toEqual(all);
    world.stores.now += 2_000;
    expect(await purge(world, platform)).toEqual({ reports: [] });
    expect(blobsIn(world.stores, ...LEFT)).toEqual([]);
    expect(lasting(world.stores)).toBe(kept);
  });

  test('is purged in the end, when a purge is killed at any step', async () => {
    const { world: once } = await landed(request);
    once.stores.now += AGE + HOUR;
    const kept = lasting(once.stores);
    for (let at = 0, hit = true; hit; at++) {
      const world = once.fork();
      const platform = new Platform();
      for (const id of world.stores.batches.keys()) platform.ended.set(id, new Date(0));
      hit = (await purgeOnce(world.process({ at, how: 'kill' }), platform)) === undefined;
      await purge(world, platform);
      expect({ at, left: blobsIn(world.stores, ...LEFT), instances: [...platform.ended.keys()] }).toEqual({
        at,
        left: [],
        instances: [],
      });
      expect(lasting(world.stores)).toBe(kept);
    }
  });
});

/** A process that runs the batch of a request which was accepted, up to its step number `at`. */
async function upTo(at: number, world: World, request: Request) {
  const { id } = await world.accepted(request, world.process());
  const process = world.process({ at, how: 'pause' });
  const work = world.run(id, process).then(() => undefined, String);
  const hit = (await Promise.race([work, process.paused])) === 'paused';
  return {
    id,
    hit,
    /** @returns why it came to nothing, if it did */
    finish: async (): Promise<string | undefined> => {
      process.release();
      return work;
    },
  };
}

describe.each([...ALL, ['an upload that is malformed', MALFORMED] as [string, Request]])(
  '%s, purged while somebody is still at work on it,',
  (_, request) => {
    test.each([
      ['from outside by the same', {}, 'close'],
      ['from outside by another', { groupRecords: 2, chunkRecords: 4 }, 'close'],
      ['as usual by the same', {}, 'run'],
      ['as usual by another', { groupRecords: 2, chunkRecords: 4 }, 'run'],
    ] as const)(
      'has the fate that it was closed with %s version of the app',
      async (_version, limits, how) => {
        // Two steps are a request and its answer.
        for (let at = 0, hit = true; hit; at += 2) {
          const world = before.fork();
          const late = await upTo(at, world, request);
          world.splitLimits = { ...world.splitLimits, ...limits };
          await world[how](late.id);
          await purge(world, new Platform(), 0);
          const closed = lasting(world.stores);
          // Where its chunks are gone it fails: nobody waits for it any more.
          expect((await late.finish()) ?? 'is missing').toContain('is missing');
          expect({ at, same: lasting(world.stores) === closed }).toEqual({ at, same: true });
          // What it has left is found in a later round.
          world.stores.now += AGE;
          await purge(world);
          expect({ at, left: blobsIn(world.stores, ...LEFT) }).toEqual({ at, left: [] });
          ({ hit } = late);
        }
      },
    );
  },
);

test('what belongs to an open batch stays, however old it is', async () => {
  const world = before.fork();
  const late = await upTo(30, world, SEVERAL);
  expect(late.hit).toBe(true);
  world.stores.now += 100 * AGE;
  const all = blobsIn(world.stores, 'chunks');
  expect(all.length).toBeGreaterThan(0);
  await purge(world);
  expect(blobsIn(world.stores, 'chunks')).toEqual(all);
  expect(await late.finish()).toBeUndefined();
  expect(world.stores.batches.get(late.id)?.batch.status).toBe('completedWithRejects');
});

test('chunks of an execution of the split that came to nothing go with the others', async () => {
  const { world, id } = await landed(SEVERAL);
  world.stores.putBlob(`chunks/${id}/another-split/00000.ndjson`, Buffer.from('{}'));
  world.stores.now += AGE;
  await purge(world);
  expect(blobsIn(world.stores, ...LEFT)).toEqual([]);
});

test('chunks stay until the instance has ended, and those of others go meanwhile', async () => {
  const { world, id } = await landed(SEVERAL);
  const platform = new Platform();
  platform.running.add(id);
  world.stores.now += AGE;
  await purge(world, platform);
  const left = blobsIn(world.stores, ...LEFT);
  expect(left.length).toBeGreaterThan(0);
  expect(left.filter((name) => !name.includes(id))).toEqual([]);
  platform.running.clear();
  await purge(world, platform);
  expect(blobsIn(world.stores, ...LEFT)).toEqual([]);
});

test('validated chunks of a batch with records that did not get their turn stay as long as its markers', async () => {
  const world = before.fork();
  await world.close((await upTo(30, world, SEVERAL)).id);
  await purge(world, new Platform(), 0);
  expect(blobsIn(world.stores, 'chunks')).toEqual([]);
  expect(blobsIn(world.stores, 'validated')).not.toEqual([]);
  world.stores.now += 60_000;
  await purge(world, new Platform(), 0);
  expect(blobsIn(world.stores, 'validated')).toEqual([]);
});

test.each(ALL)('%s is re-driven as before when its chunks are gone', async (_, request) => {
  const { world, id } = await landed(request);
  world.stores.now += AGE + HOUR;
  const redrive = async (from: World, verdict: string) => {
    const again: Request = {
      key: `again-${verdict}`,
      contentType: 'application/json',
      redriveOf: id,
      verdict,
    };
    const others = from.fork();
    return others
      .accepted(again, others.process())
      .then(({ id: of }) => others.stores.batches.get(of)?.batch.contentHash)
      .catch((error: unknown) => (error as { code?: string }).code);
  };
  const purged = world.fork();
  await purge(purged);
  await purged.sweep();
  for (const verdict of ['quarantined', 'deadLettered', 'notApplied'])
    expect(await redrive(purged, verdict)).toBe(await redrive(world, verdict));
  expect(await redrive(purged, request === REFUSED ? 'deadLettered' : 'quarantined')).toMatch(
    /^[0-9a-f]{64}$/,
  );
});

test.each(ALL)('verdict files of %s are made again when its chunks are gone', async (_, request) => {
  const { world, id } = await landed(request);
  world.stores.now += AGE + HOUR;
  await purge(world);
  const kept = lasting(world.stores);
  const { batch } = world.stores.batches.get(id)!;
  for (const name of blobsIn(world.stores, `verdicts/${id}`)) world.stores.blobs.delete(name);
  for (const chunk of (batch.chunks ?? []).keys()) await world.rebuild(batch, chunk, world.process());
  expect(lasting(world.stores)).toBe(kept);
  world.stores.now += AGE;
  await purge(world);
  expect(blobsIn(world.stores, ...LEFT)).toEqual([]);
});

test('but not by a version of the app that splits otherwise', async () => {
  const { world, id } = await landed(SEVERAL);
  world.stores.now += AGE + HOUR;
  await purge(world);
  const { batch } = world.stores.batches.get(id)!;
  for (const name of blobsIn(world.stores, `verdicts/${id}`)) world.stores.blobs.delete(name);
  world.splitLimits = { ...world.splitLimits, groupRecords: 2 };
  await expect(world.rebuild(batch, 0, world.process())).rejects.toThrow('It is not made again.');
  expect(blobsIn(world.stores, `verdicts/${id}`, 'validated')).toEqual([]);
});
