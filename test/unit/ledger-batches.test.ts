import { examineVersions } from '../../src/activities/ledger/examine';
import { countLedger } from '../../src/activities/ledger/ledger';
import { checkBatch, type VerdictFile } from '../../src/domain/ledger/batches';
import { compareVersions, skippedOf, type Claim } from '../../src/domain/ledger/versions';
import type { Batch } from '../../src/domain/ingest/batch';
import { noVerdicts } from '../../src/domain/ingest/verdict';
import { bucketOf, partitionKey } from '../../src/domain/keys';
import { Faults } from '../../src/domain/ledger/faults';
import { LedgerWorld } from '../support/ledger-world';
import { fc } from '../support/properties';

const keys = ['a', 'b', 'c', 'd', 'e'];
const plan = fc.array(fc.uniqueArray(fc.constantFrom(...keys), { minLength: 1 }), {
  minLength: 1,
  maxLength: 3,
});
const plans = fc.array(plan, { minLength: 1, maxLength: 4 });
// Now and then one of them moves on, so that all are on their way for as long as the ledger counts.
const pace = fc.array(fc.nat(15), { minLength: 100, maxLength: 400, size: 'max' });
const RUNS = { numRuns: 150 };

describe('the ledger', () => {
  test('never finds anything wrong while nothing is, and counts every record at any moment', async () => {
    await fc.assert(
      fc.asyncProperty(plans, pace, async (plans, pace) => {
        const world = new LedgerWorld(plans, pace);
        for (let count = 0; count < 3; count++) {
          const { balanced, faults, total } = await countLedger(world.deps);
          expect(faults).toEqual([]);
          expect(balanced).toBe(true);
          expect(total.upserted + total.inFlight).toBe(total.accepted);
        }
        // Nor has it to look twice: in a busy system that would be always.
        expect(world.pauses).toBe(0);
        await world.finish();
        const { balanced, total } = await countLedger(world.deps);
        const records = plans.flat(2).length;
        expect({ balanced, ...total }).toMatchObject({
          balanced: true,
          accepted: records,
          upserted: records,
          inFlight: 0,
          versions: records,
        });
      }),
      RUNS,
    );
  });

  test('finds nothing when it looks closely at what only seemed wrong', async () => {
    const suspects = keys.map((key) => {
      const bucket = bucketOf(key);
      return { dataset: 'things', bucket, pk: partitionKey('things', bucket) };
    });
    await fc.assert(
      fc.asyncProperty(plans, pace, async (plans, pace) => {
        const world = new LedgerWorld(plans, pace);
        const faults = new Faults();
        for (let count = 0; count < 5; count++) await examineVersions(world.deps, suspects, faults);
        expect(faults.shown).toEqual([]);
      }),
      RUNS,
    );
  });

  test('names the batch and the key of a write that was skipped, and no other', async () => {
    await fc.assert(
      fc.asyncProperty(plans, pace, fc.nat(), async (plans, pace, choice) => {
        const batch = choice % plans.length;
        const [key = ''] = plans[batch]?.[0] ?? [];
        const world = new LedgerWorld(plans, pace, [{ batch, key }]);
        const running = await countLedger(world.deps);
        for (const fault of running.faults) expect(fault).toMatchObject({ code: 'skipped-write', key });
        await world.finish();
        const { balanced, faults, datasets } = await countLedger(world.deps);
        expect(balanced).toBe(false);
        expect(datasets['things']?.balanced).toBe(false);
        const skipped = plans[batch]?.flat().filter((one) => one === key).length;
        expect(faults.length).toBe(skipped);
        for (const fault of faults)
          expect(fault).toMatchObject({ code: 'skipped-write', dataset: 'things', key });
        // Which of two batches that claim a version it was can only be told when the other made the present one.
        const alone = plans.filter((plan) => plan.flat().includes(key)).length === 1;
        if (alone) expect(faults[0]).toMatchObject({ batchId: LedgerWorld.idOf(batch) });
      }),
    );
  });

  test('names a verdict file that a closed batch lacks, and does not count its records', async () => {
    const world = new LedgerWorld([[['a'], ['b', 'c']], [['a']]], []);
    await world.finish();
    world.files.delete(`${LedgerWorld.idOf(0)}/00001.ndjson`);
    const { balanced, faults, total } = await countLedger(world.deps);
    expect({ balanced, ...total }).toMatchObject({ balanced: false, accepted: 4, upserted: 2, inFlight: 0 });
    const detail = 'The fate of 2 records is not known.';
    const names = { dataset: 'things', batchId: LedgerWorld.idOf(0), chunk: 1 };
    expect(faults).toEqual([{ code: 'missing-verdicts', ...names, detail }]);
  });

  test('names a batch whose document is gone, and the versions that nobody made', async () => {
    const world = new LedgerWorld([[['a']], [['b']]], []);
    await world.finish();
    world.batches.delete(LedgerWorld.idOf(1));
    const { faults } = await countLedger(world.deps);
    expect(faults).toEqual([
      { code: 'missing-batch', batchId: LedgerWorld.idOf(1), detail: expect.any(String) },
      { code: 'unexplained-version', dataset: 'things', key: 'b', detail: expect.any(String) },
    ]);
  });

  test('does not name a key when it may be another one that is on its way', async () => {
    const world = new LedgerWorld([[['b'], ['b']], [['b']]], []);
    await world.move(0, Infinity);
    await world.move(1, 2);
    world.batches.delete(LedgerWorld.idOf(0));
    const { faults } = await countLedger(world.deps);
    expect(faults).toContainEqual({
      code: 'unexplained-version',
      dataset: 'things',
      bucket: bucketOf('b'),
      detail: '2 versions, 0 records upserted, at most 1 on the way.',
    });
  });

  test('lists a batch again that was closed after the listing had passed it', async () => {
    const world = new LedgerWorld([[['a'], ['b']], [['c']]], []);
    const { byId } = world.deps.batches;
    const batches: typeof world.deps.batches = {
      ...world.deps.batches,
      byId: async (...page) => {
        await world.finish();
        return byId(...page);
      },
    };
    const { balanced, total } = await countLedger({ ...world.deps, batches });
    expect({ balanced, ...total }).toMatchObject({ balanced: true, accepted: 3, upserted: 3, versions: 3 });
  });

  test('names a verdict file that does not tell its counts, or tells others than its lines', async () => {
    const world = new LedgerWorld([[['a']], [['b']]], []);
    await world.finish();
    world.files.get(`${LedgerWorld.idOf(0)}/00000.ndjson`)!.metadata = {};
    const other = world.files.get(`${LedgerWorld.idOf(1)}/00000.ndjson`)!;
    other.metadata = { ...other.metadata, buckets: `${bucketOf('b')}:2` };
    const { faults } = await countLedger(world.deps);
    expect(faults).toEqual(
      [0, 1].map((batch) => ({
        code: 'verdicts-differ',
        dataset: 'things',
        batchId: LedgerWorld.idOf(batch),
        chunk: 0,
        detail: expect.any(String),
      })),
    );
  });

  test('reads the files of before their metadata told the buckets', async () => {
    const world = new LedgerWorld([[['a', 'b']], [['b']]], []);
    await world.finish();
    for (const file of world.files.values()) {
      const { buckets: _, ...metadata } = file.metadata;
      file.metadata = metadata;
    }
    expect(await countLedger(world.deps)).toMatchObject({ balanced: true, faultCount: 0 });
  });
});

const counts = (upserted: number, stale = 0) => ({ ...noVerdicts(), upserted, stale });
const file = (chunk: number, upserted: number, stale = 0): VerdictFile => ({
  batchId: 'b',
  chunk,
  counts: counts(upserted, stale),
  requestCharge: 0,
  upserts: new Map(),
});
const chunk = (records: number) => ({ records, bytes: 0, groups: [{ bucket: 1, records }] });
const batch = (members: Partial<Batch>): Batch =>
  ({ id: 'b', dataset: 'd', accepted: 5, status: 'completed', ...members }) as Batch;
const codes = (members: Partial<Batch>, files: VerdictFile[]) =>
  checkBatch(batch(members), files).faults.map(({ code }) => code);

describe('a batch', () => {
  const chunks = [chunk(2), chunk(3)];

  test.each<[string, Partial<Batch>, VerdictFile[], string[]]>([
    ['agrees', { chunks, counts: counts(4, 1) }, [file(0, 2), file(1, 2, 1)], []],
    ['is running', { chunks, status: 'running' }, [file(0, 2)], []],
    [
      'has a summary that differs',
      { chunks, counts: counts(5) },
      [file(0, 2), file(1, 2, 1)],
      ['summary-differs'],
    ],
    ['has no summary', { chunks }, [file(0, 2), file(1, 3)], ['summary-differs']],
    ['has a short file', { chunks, counts: counts(4) }, [file(0, 2), file(1, 2)], ['verdicts-differ']],
    [
      'has one file too many',
      { chunks, counts: counts(5) },
      [0, 1, 2].map((one) => file(one, one + 2)),
      ['verdicts-differ'],
    ],
    [
      'has chunks for other records',
      { chunks: [chunk(2)], counts: counts(2) },
      [file(0, 2)],
      ['manifest-differs'],
    ],
    ['is closed without a manifest', { counts: counts(5) }, [], ['manifest-differs']],
  ])('that %s', (_name, members, files, expected) => {
    expect(codes(members, files)).toEqual(expected);
  });

  test('without a manifest is in flight as a whole, whatever has happened since it was read', () => {
    const { counts, faults } = checkBatch(batch({ status: 'accepted' }), [file(0, 2)]);
    expect(counts).toEqual({ accepted: 5, ...noVerdicts(), inFlight: 5 });
    expect(faults).toEqual([]);
  });
});

test('versions may be more than verdicts by as many records as are on the way, never fewer', () => {
  expect(compareVersions(3, 3, 0)).toBe('equal');
  expect(compareVersions(3, 5, 2)).toBe('explained');
  expect(compareVersions(3, 6, 2)).toBe('too-many');
  expect(compareVersions(3, 2, 9)).toBe('too-few');
});

describe('of the verdicts on one key', () => {
  const claim = (version: number, batchId: string, receivedAt = batchId): Claim => ({
    batchId,
    receivedAt,
    chunk: 0,
    index: 0,
    version,
  });
  const made = (version: number, batchId: string) => ({
    version,
    maker: { batchId, index: 0, schemaVersion: '1' },
  });
  const skipped = (claims: Claim[], present?: ReturnType<typeof made>) =>
    skippedOf(claims, present).map(({ batchId }) => batchId);

  test('none was skipped when there are as many as versions', () => {
    expect(skipped([claim(1, 'a'), claim(2, 'b')], made(2, 'b'))).toEqual([]);
  });
  test('all were skipped when there is no document', () => {
    expect(skipped([claim(1, 'a')])).toEqual(['a']);
  });
  test('the last was skipped when its version is not there', () => {
    expect(skipped([claim(1, 'a'), claim(2, 'b')], made(1, 'a'))).toEqual(['b']);
  });
  test('of two that claim the present version, its maker was not', () => {
    expect(skipped([claim(1, 'a'), claim(2, 'b', '9'), claim(2, 'c', '1')], made(2, 'c'))).toEqual(['b']);
  });
  test('of two that claim an earlier version, the one received later was not', () => {
    const claims = [claim(1, 'a'), claim(1, 'b'), claim(2, 'c')];
    expect(skipped(claims, made(2, 'c'))).toEqual(['a']);
  });
});
