import {
  closedStatus,
  countsOf,
  headerOf,
  isClosed,
  type Batch,
  type ChunkVerdicts,
} from '../../src/domain/ingest/batch';
import { noVerdicts, sum, tally, VERDICTS, type Verdict } from '../../src/domain/ingest/verdict';
import { fc } from '../support/properties';

const batch = (more: Partial<Batch> = {}): Batch => ({
  id: '0'.repeat(32),
  dataset: 'readings',
  schemaVersion: '1+abc',
  format: 'json',
  onInvalid: 'quarantine',
  contentHash: 'c',
  bodySha256: 'b',
  bytes: 10,
  accepted: 0,
  receivedAt: '2026-03-01T12:00:00.000Z',
  status: 'running',
  ...more,
});

/** Per chunk, the verdicts of its records, and whether its verdict file is there. */
const anyChunks = fc.array(
  fc.record({
    verdicts: fc.array(fc.constantFrom<Verdict>(...VERDICTS), { minLength: 1, maxLength: 5 }),
    isThere: fc.boolean(),
  }),
  { minLength: 1, maxLength: 6 },
);

describe('countsOf', () => {
  const property = (check: (given: Batch, files: ChunkVerdicts[], there: Verdict[]) => void): void =>
    fc.assert(
      fc.property(anyChunks, fc.boolean(), (chunks, reversed) => {
        const files = chunks.flatMap(({ verdicts, isThere }, chunk) =>
          isThere
            ? [{ chunk, counts: tally(verdicts.map((verdict) => ({ verdict }))), requestCharge: 0 }]
            : [],
        );
        const given = batch({
          accepted: chunks.reduce((total, { verdicts }) => total + verdicts.length, 0),
          chunks: chunks.map(({ verdicts }) => ({ records: verdicts.length, bytes: 1, groups: [] })),
        });
        const there = chunks.flatMap(({ verdicts, isThere }) => (isThere ? verdicts : []));
        check(given, reversed ? files.toReversed() : files, there);
      }),
    );

  test('adds up to what was accepted, whatever files are there', () => {
    property((given, files) => {
      const { accepted, inFlight, ...verdicts } = countsOf(given, files);
      expect(Object.values(verdicts).reduce((total, count) => total + count, inFlight)).toBe(accepted);
      expect(accepted).toBe(given.accepted);
    });
  });

  test('counts the verdicts of the files, and as in flight the records of chunks without one', () => {
    property((given, files, there) => {
      const counts = countsOf(given, files);
      for (const verdict of VERDICTS)
        expect(counts[verdict]).toBe(there.filter((one) => one === verdict).length);
      expect(counts.inFlight).toBe(given.accepted - there.length);
    });
  });

  test('a batch that is not split is in flight as a whole, whatever files were listed', () => {
    const files = [{ chunk: 0, counts: { ...noVerdicts(), upserted: 3 }, requestCharge: 1 }];
    expect(countsOf(batch({ accepted: 7, status: 'accepted' }), files)).toEqual({
      accepted: 7,
      ...noVerdicts(),
      inFlight: 7,
    });
  });

  test('shows what nobody accounts for as a sum that does not add up, and hides nothing', () => {
    const given = batch({ accepted: 9, chunks: [{ records: 4, bytes: 1, groups: [] }] });
    expect(countsOf(given, [])).toMatchObject({ accepted: 9, inFlight: 4 });
    const short = [{ chunk: 0, counts: { ...noVerdicts(), upserted: 3 }, requestCharge: 1 }];
    expect(countsOf(given, short)).toMatchObject({ accepted: 9, upserted: 3, inFlight: 0 });
  });
});

describe('a batch', () => {
  test('is closed in all states but two', () => {
    const states = [
      'accepted',
      'running',
      'completed',
      'completedWithRejects',
      'rejected',
      'failed',
    ] as const;
    expect(states.filter(isClosed)).toEqual(['completed', 'completedWithRejects', 'rejected', 'failed']);
  });

  test.each<[Partial<Record<Verdict, number>>, boolean, string]>([
    [{ upserted: 1, unchanged: 2, stale: 3 }, false, 'completed'],
    [{ upserted: 1, quarantined: 1 }, false, 'completedWithRejects'],
    [{ upserted: 1, deadLettered: 1 }, false, 'completedWithRejects'],
    [{ quarantined: 1, notApplied: 5 }, true, 'rejected'],
    [{ upserted: 1, notApplied: 1 }, false, 'completed'],
  ])('with %j, rejected %s, ends as %s', (counts, rejected, status) => {
    expect(closedStatus({ ...noVerdicts(), ...counts }, rejected)).toBe(status);
  });

  test('has a header of what is fixed, so that a status that changes is in no history', () => {
    const fixed = batch({ accepted: 3 });
    const { status: _, ...header } = fixed;
    const changed = batch({
      accepted: 3,
      status: 'failed',
      chunks: [],
      counts: noVerdicts(),
      requestCharge: 1,
    });
    expect(headerOf(changed)).toEqual(header);
  });
});

test('verdicts are added up one by one', () => {
  const one = tally([{ verdict: 'stale' }, { verdict: 'stale' }, { verdict: 'upserted' }]);
  expect(one).toEqual({ ...noVerdicts(), stale: 2, upserted: 1 });
  expect(sum([one, one, noVerdicts()])).toEqual({ ...noVerdicts(), stale: 4, upserted: 2 });
  expect(sum([])).toEqual(noVerdicts());
});
