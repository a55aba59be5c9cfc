import { productRecords } from '../../../tools/lib/load/records';
import { canonicalHash, contentHash } from '../../../tools/lib/prove/content';
import type { Facts, Line, Taken, VerdictLine } from '../../../tools/lib/prove/facts';
import { random, type Random } from '../../../tools/lib/random';

type Mutable<T> = T extends (...all: never[]) => unknown
  ? T
  : T extends ReadonlySet<infer U>
    ? Set<U>
    : T extends object
      ? { -readonly [K in keyof T]: Mutable<T[K]> }
      : T;

/** Facts in which a test can plant a fault. */
export type World = Mutable<Facts>;

const PARTITIONS = 3;
const BEGIN = Date.parse('2026-03-01T12:00:00.000Z');

const id = (source: Random): string =>
  Array.from({ length: 3 }, () => source.integer(0, 2 ** 31).toString(36)).join('');

const later = (a: Line, b: Line): number =>
  a.eventTime - b.eventTime || a.receivedAt - b.receivedAt || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);

/** A run in which everything went well, requests without an answer and repeated sends included. */
export function world(seed: number, count = 30): World {
  const source = random(seed);
  const records = productRecords({ seed, ids: source.pick([3, 10, 1_000]), rate: 2_000, begin: BEGIN });
  const chance = (share: number): boolean => source.next() < share;
  const accepted: World['accepted'] = [];
  const unknown = new Set<number>();
  const sent: Line[] = [];
  const send = (index: number, name: string): void => {
    const eventTime = records.eventTimeOf(index);
    sent.push({
      id: name,
      receivedAt: eventTime + source.integer(0, 9),
      key: records.keyOf(index),
      eventTime,
      content: contentHash(records.bodyOf(index)),
      dataset: 'products',
      schemaVersion: '1-a',
    });
  };
  for (let index = 0; index < count; index++) {
    if (chance(0.1)) {
      unknown.add(index);
      if (chance(0.5)) send(index, id(source));
      if (chance(0.2)) continue;
    }
    accepted.push({ index, id: id(source) });
    send(index, accepted.at(-1)?.id ?? '');
    // A send that was repeated within the app.
    if (chance(0.05)) sent.push(sent.at(-1) as Line);
  }
  const facts = { records, accepted, unknown, ...stored(sent, source) };
  return { ...facts, ...told(facts, source) };
}

function stored(
  sent: readonly Line[],
  source: Random,
): Pick<World, 'partitions' | 'claims' | 'batches' | 'documents'> {
  const partitions: World['partitions'] = Array.from({ length: PARTITIONS }, (_, number) => {
    const begin = source.pick([0, 0, 17]);
    const lines = sent.filter(({ key }) => Number(key.slice(-4)) % PARTITIONS === number);
    const events: World['partitions'][number]['events'] = [];
    for (let at = 0; at < lines.length;) {
      const size = source.integer(1, 4);
      events.push({ sequenceNumber: begin + events.length, lines: lines.slice(at, at + size) });
      at += size;
    }
    return { partition: String(number), begin, last: begin + events.length - 1, events };
  });
  const claims: World['claims'] = [];
  const batches: World['batches'] = [];
  const documents = new Map<string, World['documents'][number] & { line: Line }>();
  for (const { partition, events } of partitions)
    for (let at = 0; at < events.length;) {
      const own = events.slice(at, (at += source.integer(1, 3)));
      const lines = own.flatMap((event) => event.lines);
      const batchId = `b${batches.length}`;
      const [first = 0, last = 0] = [own[0]?.sequenceNumber, own.at(-1)?.sequenceNumber];
      const part = { batchId, dataset: 'products', schemaVersion: '1-a', records: lines.length };
      claims.push({ epoch: 'e', partition, first, last, parts: [part], foreign: 0 });
      batches.push({
        id: batchId,
        status: 'completed',
        accepted: lines.length,
        requestCharge: 1,
        completedAt: BEGIN,
        archived: lines,
        verdicts: lines.map((line, index) => land(documents, line, index)),
      });
    }
  return {
    partitions,
    claims,
    batches,
    documents: Array.from(documents.values(), ({ line: _line, ...rest }) => rest),
  };
}

/** Newest wins; the same content again is no new version. */
function land(
  documents: Map<string, World['documents'][number] & { line: Line }>,
  line: Line,
  index: number,
): VerdictLine {
  const { key, eventTime, receivedAt } = line;
  const before = documents.get(key);
  const same = before?.line.content === line.content;
  const version = (before?.version ?? 0) + (same ? 0 : 1);
  if (before && later(line, before.line) <= 0)
    return same ? { index, key, verdict: 'unchanged', version } : { index, key, verdict: 'stale' };
  const newest = { eventTime, receivedAt, batchId: line.id, index: 0 };
  documents.set(key, { key, version, deleted: false, content: '', newest, line });
  return { index, key, verdict: same ? 'unchanged' : 'upserted', version };
}

/** What the consumers and the ledger say of it. */
function told(
  { records, accepted, unknown, documents, batches }: Omit<World, 'consumers' | 'ledger'>,
  source: Random,
): Pick<World, 'consumers' | 'ledger'> {
  const contents = new Map(
    [...accepted.map(({ index }) => index), ...unknown].map((index) => [
      contentHash(records.bodyOf(index)),
      index,
    ]),
  );
  const lines = new Map(
    batches.flatMap(({ archived = [] }) => archived.map((line) => [line.id, line.content])),
  );
  for (const document of documents) {
    const index = contents.get(lines.get(document.newest.batchId) ?? '') ?? -1;
    document.content = canonicalHash(JSON.parse(records.bodyOf(index)));
  }
  const versions = documents.reduce((sum, { version }) => sum + version, 0);
  const consumers: World['consumers'] = ['healthy', 'failing'].map((name) => {
    const taken: Mutable<Taken>[] = [];
    for (const { key, version } of documents)
      for (let at = 1; at <= version; at++)
        // The last comes always, sometimes twice.
        for (let times = at === version ? source.integer(1, 2) : source.integer(0, 1); times > 0; times--)
          taken.push({ key, version: at, at: BEGIN });
    return { name, subscription: `s-${name}`, taken };
  });
  const total: Record<string, number> = { upserted: 0, unchanged: 0, stale: 0, quarantined: 0 };
  for (const { verdict } of batches.flatMap((batch) => batch.verdicts))
    total[verdict] = (total[verdict] ?? 0) + 1;
  const count = batches.reduce((sum, batch) => sum + batch.accepted, 0);
  const none = { superseded: 0, deadLettered: 0, notOwed: 0, pending: { due: 0, trying: 0, waiting: 0 } };
  return {
    consumers,
    ledger: {
      balanced: true,
      faults: [],
      total: {
        ...total,
        deadLettered: 0,
        notApplied: 0,
        accepted: count,
        inFlight: 0,
        documents: documents.length,
        versions,
      },
      subscriptions: consumers.map(({ subscription }) => ({
        id: subscription,
        versions,
        delivered: versions,
        ...none,
      })),
    },
  };
}
