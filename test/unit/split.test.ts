import { fc } from '../support/properties';
import type { Chunk } from '../../src/domain/ingest/batch';
import { SPLIT_LIMITS, Splitter, type ChunkRecord, type SplitLimits } from '../../src/domain/ingest/split';
import type { Json } from '../../src/domain/json';
import { bucketOf, keyOf } from '../../src/domain/keys';

interface Part {
  readonly chunk: Chunk;
  readonly lines: readonly ChunkRecord[];
}

function split(records: readonly Json[], limits: SplitLimits): Part[] {
  const parts: Part[] = [];
  const splitter = new Splitter(['id'], limits, (chunk, lines) => parts.push({ chunk, lines }));
  records.forEach((record, index) => splitter.add(index, { record }));
  splitter.end();
  return parts;
}

const bucketIn = (record: Json): number => {
  const key = keyOf(record, ['id']);
  return 'key' in key ? bucketOf(key.key) : 0;
};
const bytesOf = (records: readonly ChunkRecord[]): number =>
  records.reduce((total, { record }) => total + Buffer.byteLength(JSON.stringify(record)), 0);
const groupsOf = ({ chunk, lines }: Part): ChunkRecord[][] =>
  chunk.groups.map((_, group) => lines.filter((line) => line.group === group));

const record = (ids: fc.Arbitrary<Json>): fc.Arbitrary<Json> =>
  fc.oneof(
    { weight: 20, arbitrary: fc.record({ id: ids, text: fc.string({ unit: 'grapheme', maxLength: 30 }) }) },
    {
      weight: 1,
      arbitrary: fc.constantFrom<Json>(null, 1, 'text', [], { id: null }, { id: '' }, { id: '\ud800' }),
    },
  );
/** From every record in one bucket to every record in another. */
const anyRecords = fc
  .constantFrom<fc.Arbitrary<Json>>(
    fc.constant('same'),
    fc.constantFrom('a', 'b', 'c'),
    fc.nat(200),
    fc.uuid(),
  )
  .chain((ids) => fc.array(record(ids), { maxLength: 120, size: 'max' }));

const anyLimits: fc.Arbitrary<SplitLimits> = fc
  .tuple(
    fc.integer({ min: 1, max: 20 }),
    fc.integer({ min: 0, max: 40 }),
    fc.integer({ min: 1, max: 30_000 }),
  )
  .map(([groupRecords, more, groupBytes]) => ({
    groupRecords,
    chunkRecords: groupRecords + more,
    groupBytes,
    openBytes: groupBytes + more * 1_000,
    chunkBytes: groupBytes + more * 100,
  }));

describe('a split', () => {
  const property = (check: (records: Json[], parts: Part[], limits: SplitLimits) => void): void =>
    fc.assert(
      fc.property(anyRecords, anyLimits, (records, limits) => check(records, split(records, limits), limits)),
      { numRuns: 60 },
    );

  test('holds every record once, as it was', () => {
    property((records, parts) => {
      const lines = parts.flatMap((part) => part.lines).toSorted((a, b) => a.index - b.index);
      expect(lines.map(({ index }) => index)).toEqual(records.map((_, index) => index));
      expect(lines.map((line) => line.record)).toEqual(records);
    });
  });

  test('has groups of one bucket each, in the order of the batch', () => {
    property((_, parts) => {
      for (const part of parts) {
        groupsOf(part).forEach((lines, group) => {
          expect(new Set(lines.map((line) => bucketIn(line.record)))).toEqual(
            new Set([part.chunk.groups[group]?.bucket]),
          );
          expect(lines.map(({ index }) => index)).toEqual(
            lines.map(({ index }) => index).toSorted((a, b) => a - b),
          );
        });
      }
    });
  });

  test('keeps the order of a bucket across its groups', () => {
    property((_, parts) => {
      const seen = new Map<number, number>();
      for (const part of parts)
        for (const lines of groupsOf(part)) {
          const [first] = lines;
          const bucket = bucketIn((first as ChunkRecord).record);
          expect((first as ChunkRecord).index).toBeGreaterThan(seen.get(bucket) ?? -1);
          seen.set(bucket, lines.at(-1)?.index ?? -1);
        }
    });
  });

  test('keeps its bounds under any skew; only a record that is too large by itself goes beyond, alone', () => {
    property((_, parts, limits) => {
      for (const part of parts) {
        const groups = groupsOf(part);
        expect(part.chunk.records).toBeLessThanOrEqual(limits.chunkRecords);
        if (groups.length > 1) expect(part.chunk.bytes).toBeLessThanOrEqual(limits.chunkBytes);
        for (const lines of groups) {
          expect(lines.length).toBeLessThanOrEqual(limits.groupRecords);
          if (lines.length > 1) expect(bytesOf(lines)).toBeLessThanOrEqual(limits.groupBytes);
        }
      }
    });
  });

  test('says in its manifest what its chunks hold', () => {
    property((_, parts) => {
      for (const { chunk, lines } of parts) {
        expect(chunk.records).toBe(lines.length);
        expect(chunk.bytes).toBe(bytesOf(lines));
        expect(chunk.groups.map(({ records }) => records)).toEqual(
          groupsOf({ chunk, lines }).map((group) => group.length),
        );
        expect(Math.min(...chunk.groups.map(({ records }) => records))).toBeGreaterThan(0);
      }
    });
  });

  test('is the same however often it is made', () => {
    property((records, parts, limits) => {
      expect(split(records, limits)).toEqual(parts);
    });
  });
});

describe('with the limits of Cosmos DB', () => {
  test('groups are as full as they can be', () => {
    const parts = split(
      Array.from({ length: 5_000 }, () => ({ id: 'same' })),
      SPLIT_LIMITS,
    );
    expect(parts.map(({ chunk }) => chunk.records)).toEqual([990, 990, 990, 990, 990, 50]);
    expect(parts[0]?.chunk.groups.map(({ records }) => records)).toEqual(
      Array.from({ length: 10 }, () => 99),
    );
  });

  test('a group with its envelopes fits in a transactional batch, also when its records are all key', () => {
    const keys = Array.from({ length: 8_000 }, (_, number) => `${number}`.padEnd(2_000, '\u0001'));
    const inOneBucket = keys.filter((key) => bucketOf(key) === 9);
    const parts = split(
      inOneBucket.map((id) => ({ id })),
      SPLIT_LIMITS,
    );
    expect(inOneBucket.length).toBeGreaterThan(99);
    for (const part of parts)
      for (const lines of groupsOf(part)) {
        // The key stands in the record and in the envelope; 1,000 bytes for what else is in there.
        const bytes = lines.reduce(
          (total, line) => total + 2 * JSON.stringify(line.record).length + 1_000,
          0,
        );
        expect(bytes).toBeLessThan(2 * 1024 * 1024);
      }
  });

  test('nothing makes nothing', () => {
    expect(split([], SPLIT_LIMITS)).toEqual([]);
  });
});
