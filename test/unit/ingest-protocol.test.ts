import type { Batch } from '../../src/domain/ingest/batch';
import { UPLOAD_KEPT_MS } from '../../src/domain/ingest/upload';
import type { RecordVerdict } from '../../src/domain/ingest/verdict';
import { rulesIn } from '../../tools/lib/rules';
import { VerdictModel } from '../../tools/lib/verdicts';
import { Checks, contentOf } from '../support/ingest-checks';
import {
  BEFORE,
  BEGIN,
  KEYS,
  MALFORMED,
  ndjson,
  REFUSED,
  REJECTED,
  SCENARIOS,
  worldBefore,
} from '../support/ingest-scenarios';
import { SHOTS_SCHEMA, UPLOAD, type Request, type World } from '../support/ingest-world';
import type { Fault, Process, Stores } from '../support/stores-model';

/**
 * The whole way of a batch, run as it is against a model of the stores: the process that is at work is killed at each of
 * its steps in turn, or loses a request or an answer there, and another one goes on. The end has to be the same as without.
 */

let before: World;
beforeAll(async () => {
  before = await worldBefore();
});

/** Runs `way` with a fault at its first step, at its second one, and so on; the stores must hold the same in the end. */
async function atEachStep(
  how: Fault['how'],
  way: (world: World, process: Process) => Promise<unknown>,
  begin = before,
): Promise<number> {
  const undisturbed = begin.fork();
  await way(undisturbed, undisturbed.process());
  expect(await Checks.of(undisturbed)).toEqual([]);
  const end = JSON.stringify(contentOf(undisturbed.stores));
  for (let at = 0; ; at++) {
    const world = begin.fork();
    const process = world.process({ at, how });
    await way(world, process);
    if (process.steps <= at) return at;
    // The whole is compared only to show what is different.
    const found = contentOf(world.stores);
    if (JSON.stringify(found) !== end)
      expect({ at, ...found }).toEqual({ at, ...contentOf(undisturbed.stores) });
  }
}

const verdictsOf = (stores: Stores, id: string): RecordVerdict[] =>
  stores
    .blobsUnder(`verdicts/${id}/`)
    .flatMap(([, { content }]) => content.toString('utf8').split('\n').filter(Boolean))
    .map((line) => JSON.parse(line) as RecordVerdict)
    .toSorted((a, b) => a.index - b.index);

const batchOf = ({ stores }: World, id: string): Batch => (stores.batches.get(id) as { batch: Batch }).batch;

describe.each(Object.entries(SCENARIOS))('%s', (_, { request, records }) => {
  const land = (world: World, process: Process): Promise<string> => world.land(request, process);

  test('ends as the rules say', async () => {
    const world = before.fork();
    const id = await world.land(request);
    const model = new VerdictModel(rulesIn(SHOTS_SCHEMA as never));
    const receivedAt = new Date(world.stores.now).toISOString();
    model.ingest(BEFORE, receivedAt);
    expect(verdictsOf(world.stores, id).map(({ verdict }) => verdict)).toEqual(
      model.ingest(records, receivedAt),
    );
  });

  test.each(['kill', 'fail'] as const)('%s at any step', async (how) => {
    expect(await atEachStep(how, land)).toBeGreaterThan(20);
  });
});

describe.each<[string, Request, Partial<Batch>]>([
  ['an upload that is malformed', MALFORMED, { status: 'failed', accepted: 0 }],
  ['a batch that is rejected', REJECTED, { status: 'rejected' }],
  ['records that the store refuses', REFUSED, { status: 'completedWithRejects' }],
])('%s', (_, request, expected) => {
  test.each(['kill', 'fail'] as const)('%s at any step', async (how) => {
    await atEachStep(how, async (world, process) => {
      const id = await world.land(request, process);
      expect(batchOf(world, id)).toMatchObject(expected);
    });
  });
});

describe('a re-drive', () => {
  const first = SCENARIOS['CSV with bad rows'].request;
  let landed: World;
  beforeAll(async () => {
    landed = before.fork();
    await landed.land(first);
    // What it was made of is in the archive only.
    await landed.sweep();
  });
  const redriveOf = (world: World, more: Partial<Request>): Request => {
    const [, id = ''] = [...world.stores.batches.keys()];
    return { key: 'again', contentType: 'application/x-ndjson', redriveOf: id, ...more };
  };
  /** The first is newer than what has landed, the second one older. */
  const repaired = ndjson([
    { index: 2, record: { id: KEYS[1], at: BEGIN + 60, size: 8 } },
    { index: 1, record: { id: KEYS[0], at: BEGIN + 60, size: 7 } },
  ]);

  test.each<[string, Partial<Request>, object]>([
    ['of repaired records', { body: repaired }, { upserted: 1, stale: 1 }],
    ['of records as they are', { verdict: 'quarantined' }, { quarantined: 3 }],
  ])('%s, with a fault at any step', async (_, more, counts) => {
    for (const how of ['kill', 'fail'] as const) {
      const way = async (world: World, process: Process): Promise<void> => {
        const id = await world.land(redriveOf(world, more), process);
        expect(batchOf(world, id)).toMatchObject({ counts, redriveOf: redriveOf(world, {}).redriveOf });
      };
      expect(await atEachStep(how, way, landed)).toBeGreaterThan(20);
    }
  });
});

describe('while its processes come and go', () => {
  const { request } = SCENARIOS['an upload of one chunk'];

  test('an open batch keeps what it needs, however long it takes and however often is swept', async () => {
    const { 'an upload of one chunk': uploaded, 'CSV with bad rows': inline } = SCENARIOS;
    for (const one of [uploaded, inline]) {
      await atEachStep('kill', async (world, process) => {
        world.betweenProcesses = () => world.sweep();
        await world.land(one.request, process);
      });
    }
  });

  test('a request that is repeated is answered with its batch, though its upload cannot be named any more', async () => {
    const world = before.fork();
    world.stores.putBlob(UPLOAD, request.upload as Buffer);
    world.stores.now += UPLOAD_KEPT_MS;
    const id = await world.land(request);
    world.stores.now += 60_000;
    expect(await world.land(request)).toBe(id);
    await expect(world.land({ ...request, key: 'another' })).rejects.toMatchObject({
      code: 'unknown-upload',
    });
  });

  test.each([{ maxRecords: 1 }, { maxBytes: 10 }])(
    'it is split once, though bounds are now %j',
    async (bounds) => {
      const outcomes = new Set<string>();
      for (let at = 0, hit = true; hit; at++) {
        const world = before.fork();
        world.betweenProcesses = () => {
          world.uploads = { ...world.uploads, ...bounds };
          return Promise.resolve();
        };
        const process = world.process({ at, how: 'kill' });
        const { status, failure } = batchOf(world, await world.land(request, process));
        outcomes.add(failure?.code ?? status);
        expect(await Checks.of(world)).toEqual([]);
        hit = process.steps > at;
      }
      expect([...outcomes].toSorted()).toEqual(['batch-too-large', 'completedWithRejects']);
    },
  );
});

test.each(Object.entries(SCENARIOS))(
  '%s: nothing is lost when a version of the app goes on that splits otherwise',
  async (_, { request }) => {
    for (const change of [{ chunkRecords: 99 }, { groupRecords: 2, chunkRecords: 4 }]) {
      for (let at = 0, hit = true; hit; at++) {
        const world = before.fork();
        world.betweenProcesses = () => {
          world.splitLimits = { ...world.splitLimits, ...change };
          return Promise.resolve();
        };
        const process = world.process({ at, how: 'kill' });
        await world.land(request, process);
        expect({ change, at, faults: await Checks.of(world) }).toEqual({ change, at, faults: [] });
        hit = process.steps > at;
      }
    }
  },
);

test('verdict files that are lost are made again, with a fault at any step', async () => {
  for (const [name, { request }] of Object.entries({ ...SCENARIOS, rejected: { request: REJECTED } })) {
    for (const how of ['kill', 'fail'] as const) {
      await atEachStep(how, async (world, process) => {
        const id = await world.land(request);
        const batch = batchOf(world, id);
        await world.sweep();
        for (const [verdicts] of world.stores.blobsUnder(`verdicts/${id}/`))
          world.stores.blobs.delete(verdicts);
        for (const chunk of (batch.chunks ?? []).keys()) await world.rebuild(batch, chunk, process);
        expect({ name, verdicts: verdictsOf(world.stores, id).length }).toEqual({
          name,
          verdicts: batch.accepted,
        });
      });
    }
  }
});
