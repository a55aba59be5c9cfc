import { fc } from '../support/properties';
import { decide, type GroupOrigin, type Stored } from '../../src/domain/ingest/decide';
import type { Envelope } from '../../src/domain/ingest/envelope';
import { compareStamps } from '../../src/domain/ingest/stamp';
import type { ValidRecord } from '../../src/domain/ingest/validation';
import type { GroupVerdict } from '../../src/domain/ingest/verdict';
import { documentId } from '../../src/domain/keys';
import { validRecord } from './builders';

/** A record with the batch it came in. */
interface Sent {
  readonly record: ValidRecord;
  readonly batch: number;
}

/** Batches 0 and 1 were received at the same time: their ids decide. */
const receivedAt = (batch: number): number => 1_000 + Math.max(batch, 1);
const origin = (batch: number): GroupOrigin => ({
  batchId: `batch-${batch}`,
  schemaVersion: '1+abc',
  receivedAt: receivedAt(batch),
  pk: 'readings:7',
});

class Store {
  readonly documents = new Map<string, Stored>();
  readonly verdicts: { sent: Sent; verdict: GroupVerdict }[] = [];
  private etags = 0;

  apply(group: readonly Sent[]): readonly GroupVerdict[] {
    const records = group.map(({ record }) => record);
    const { writes, verdicts } = decide(records, this.documents, origin(group[0]?.batch ?? 0));
    for (const write of writes) {
      const existing = this.documents.get(write.envelope.id);
      expect(write.type === 'create' ? undefined : write.etag).toBe(existing?.etag);
      // As a store does it: what comes back has members of the store's own.
      const envelope = { ...structuredClone(write.envelope), _etag: 'x', _ts: 1 } as Envelope;
      this.documents.set(envelope.id, { envelope, etag: `"${this.etags++}"`, ts: 1 });
    }
    expect(verdicts.map(({ index }) => index)).toEqual(records.map(({ index }) => index));
    group.forEach((sent, at) => this.verdicts.push({ sent, verdict: verdicts[at]! }));
    return verdicts;
  }
}

/** The order that the rules name, written as a sort key instead of a comparison. */
const rank = ({ record, batch }: Sent): string =>
  [record.eventTime, receivedAt(batch), batch, record.index].map((n) => String(n).padStart(9, '0')).join('/');

const newestOf = (all: readonly Sent[]): Sent => all.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1)).at(-1)!;

const KEYS = ['a', 'b/c', 'å'];
const anySent: fc.Arbitrary<Sent[]> = fc
  .array(
    fc.record({
      batch: fc.nat(3),
      key: fc.constantFrom(...KEYS),
      eventTime: fc.nat(4),
      content: fc.nat(2),
      deleted: fc.boolean(),
    }),
    { minLength: 1, maxLength: 24 },
  )
  .map((drafts) => {
    const next = [0, 0, 0, 0];
    return drafts.map(({ batch, ...draft }) => ({
      batch,
      record: validRecord({
        ...draft,
        index: next[batch]!++,
        data: { at: draft.eventTime, value: draft.content },
      }),
    }));
  });

/** Cuts the records into groups of one batch each, and puts these in any order. */
const cutInto = (sent: readonly Sent[], seed: readonly number[]): Sent[][] => {
  const groups = [
    ...Map.groupBy(sent, ({ batch, record }) => `${batch}/${seed[record.index % seed.length]! % 3}`),
  ];
  return groups
    .map(([, group], at) => ({ group, order: seed[at % seed.length]! }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ group }) => group);
};
const anySeed = fc.array(fc.nat(1_000), { minLength: 12, maxLength: 12 });

describe('however records are cut into groups, and in whatever order these come', () => {
  const property = (check: (sent: Sent[], store: Store) => void): void =>
    fc.assert(
      fc.property(anySent, anySeed, (sent, seed) => {
        const store = new Store();
        for (const group of cutInto(sent, seed)) store.apply(group);
        check(sent, store);
      }),
      { numRuns: 200 },
    );

  test('the newest record of a key is its document', () => {
    property((sent, { documents }) => {
      const byKey = Map.groupBy(sent, ({ record }) => record.key);
      expect(new Set(documents.keys())).toEqual(new Set(Array.from(byKey.keys(), documentId)));
      for (const [key, all] of byKey) {
        const { record, batch } = newestOf(all);
        const { data, _hw } = documents.get(documentId(key))!.envelope;
        expect(data).toEqual(record.data);
        expect(_hw).toMatchObject({ key, deleted: record.deleted, hash: record.hash });
        expect(_hw.newest).toEqual({
          eventTime: record.eventTime,
          receivedAt: receivedAt(batch),
          batchId: `batch-${batch}`,
          index: record.index,
        });
      }
    });
  });

  test('the version counts the verdicts that say upserted, one by one', () => {
    property((sent, { documents, verdicts }) => {
      for (const [key] of Map.groupBy(sent, ({ record }) => record.key)) {
        const versions = verdicts.flatMap(({ sent: { record }, verdict }) =>
          record.key === key && verdict.verdict === 'upserted' ? [verdict.version] : [],
        );
        const { version, maker } = documents.get(documentId(key))!.envelope._hw;
        expect(versions).toEqual(Array.from({ length: version }, (_, before) => before + 1));
        const made = verdicts.find(
          ({ sent: { batch, record } }) => `batch-${batch}` === maker.batchId && record.index === maker.index,
        );
        expect(made?.verdict).toMatchObject({ verdict: 'upserted', version });
      }
    });
  });

  test('two versions that follow each other differ in content', () => {
    property((_, { verdicts }) => {
      const contentOf = ({ record }: Sent): string => (record.deleted ? 'deleted' : record.hash);
      const last = new Map<string, string>();
      for (const { sent, verdict } of verdicts) {
        const { key } = sent.record;
        if (verdict.verdict === 'upserted') {
          expect(contentOf(sent)).not.toBe(last.get(key));
          last.set(key, contentOf(sent));
        } else if (verdict.verdict === 'unchanged') {
          expect(contentOf(sent)).toBe(last.get(key));
        }
      }
    });
  });

  test('what is stale lost to a newer record, which it names', () => {
    property((sent, { verdicts }) => {
      for (const { sent: loser, verdict } of verdicts) {
        if (verdict.verdict !== 'stale') continue;
        const { batchId, index, eventTime } = verdict.winner;
        const winner = sent.find(
          ({ batch, record }) => `batch-${batch}` === batchId && record.index === index,
        )!;
        expect(winner.record.key).toBe(loser.record.key);
        expect(new Date(winner.record.eventTime).toISOString()).toBe(eventTime);
        expect(rank(winner) > rank(loser)).toBe(true);
      }
    });
  });

  test('applying everything once more changes nothing', () => {
    property((sent, store) => {
      const before = structuredClone(store.documents);
      for (const one of sent) {
        const [verdict] = store.apply([one]);
        expect(['unchanged', 'stale']).toContain(verdict?.verdict);
      }
      expect(store.documents).toEqual(before);
    });
  });
});

describe('a group', () => {
  const at = (
    index: number,
    eventTime: number,
    content: string,
    more: Partial<ValidRecord> = {},
    batch = 1,
  ): Sent => ({ batch, record: validRecord({ key: 'k', index, eventTime, content, ...more }) });
  const tell = (verdicts: readonly GroupVerdict[]): string[] =>
    verdicts.map((one) => ('version' in one ? `${one.verdict} ${one.version}` : one.verdict));

  test('has its duplicates reduced to the newest; among equals the later in the batch is newer', () => {
    const store = new Store();
    expect(tell(store.apply([at(0, 5, 'x'), at(1, 9, 'y'), at(2, 9, 'z'), at(3, 1, 'z')]))).toEqual([
      'stale',
      'stale',
      'upserted 1',
      'stale',
    ]);
    expect(store.documents.get('k')?.envelope.data).toEqual({ content: 'z' });
  });

  test('a duplicate that lost in its batch names who won in the end', () => {
    const store = new Store();
    store.apply([at(0, 100, 'newest', {}, 3)]);
    const [first, second] = store.apply([at(0, 5, 'x'), at(1, 9, 'y')]);
    for (const verdict of [first, second])
      expect(verdict).toMatchObject({ verdict: 'stale', winner: { batchId: 'batch-3', index: 0 } });
  });

  test('the same content is unchanged, older or newer; newer renews the stamp, so that nothing in between wins', () => {
    const store = new Store();
    expect(tell(store.apply([at(0, 10, 'x')]))).toEqual(['upserted 1']);
    const { etag } = store.documents.get('k')!;
    expect(tell(store.apply([at(1, 5, 'x')]))).toEqual(['unchanged 1']);
    expect(tell(store.apply([at(0, 10, 'x')]))).toEqual(['unchanged 1']);
    expect(store.documents.get('k')?.etag).toBe(etag);
    expect(tell(store.apply([at(2, 20, 'x')]))).toEqual(['unchanged 1']);
    expect(store.documents.get('k')?.envelope._hw).toMatchObject({
      version: 1,
      maker: { index: 0 },
      newest: { eventTime: 20, index: 2 },
    });
    expect(tell(store.apply([at(3, 15, 'between')]))).toEqual(['stale']);
    expect(tell(store.apply([at(4, 25, 'y')]))).toEqual(['upserted 2']);
    expect(tell(store.apply([at(5, 30, 'x')]))).toEqual(['upserted 3']);
  });

  test('a deletion makes a tombstone, also for a key never seen, and can be undone', () => {
    const store = new Store();
    expect(tell(store.apply([at(0, 10, 'x', { deleted: true })]))).toEqual(['upserted 1']);
    expect(tell(store.apply([at(1, 5, 'late')]))).toEqual(['stale']);
    expect(tell(store.apply([at(2, 20, 'other words', { deleted: true })]))).toEqual(['unchanged 1']);
    expect(store.documents.get('k')?.envelope).toMatchObject({
      data: { content: 'other words' },
      _hw: { deleted: true, hash: 'hash of other words', version: 1 },
    });
    expect(tell(store.apply([at(3, 30, 'x')]))).toEqual(['upserted 2']);
    // A tombstone and a document are never the same content, even when every other member is equal.
    expect(tell(store.apply([at(4, 40, 'x', { deleted: true })]))).toEqual(['upserted 3']);
    expect(tell(store.apply([at(5, 35, 'x', { deleted: true })]))).toEqual(['unchanged 3']);
  });

  test('event time decides, then receipt, then batch, then place', () => {
    const stamp = (eventTime: number, receivedAtMs: number, batchId: string, index: number) => ({
      eventTime,
      receivedAt: receivedAtMs,
      batchId,
      index,
    });
    const ordered = [
      stamp(-1, 9, 'z', 9),
      stamp(0, 1, 'z', 9),
      stamp(0, 2, 'B', 9),
      stamp(0, 2, 'a', 0),
      stamp(0, 2, 'a', 1),
      stamp(0, 2, 'b', 0),
      stamp(1, 0, 'a', 0),
    ];
    ordered.forEach((a, i) =>
      ordered.forEach((b, j) => expect(Math.sign(compareStamps(a, b))).toBe(Math.sign(i - j))),
    );
  });

  test('writes only its own members, and nothing for what did not change', () => {
    const store = new Store();
    store.apply([at(0, 10, 'x')]);
    const { writes } = decide([at(1, 20, 'x').record], store.documents, origin(1));
    expect(Object.keys(writes[0]!.envelope)).toEqual(['id', 'pk', 'data', '_hw']);
    expect(decide([at(1, 5, 'y').record, at(2, 4, 'x').record], store.documents, origin(1)).writes).toEqual(
      [],
    );
    expect(decide([], store.documents, origin(1))).toEqual({ writes: [], verdicts: [] });
  });
});
