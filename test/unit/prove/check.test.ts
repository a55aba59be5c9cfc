import * as fc from 'fast-check';
import { check } from '../../../tools/lib/prove/check';
import type { FindingCode } from '../../../tools/lib/prove/findings';
import { random, type Random } from '../../../tools/lib/random';
import { world, type World } from './world';

const seeds = fc.nat();
const run = (facts: World) => check(facts);

test('a run in which all went well has no findings, whatever was sent twice', () => {
  let twice = 0;
  fc.assert(
    fc.property(seeds, (seed) => {
      const facts = world(seed);
      const { findings, lost, hub, verdicts, deliveries } = run(facts);
      expect(findings.first).toEqual([]);
      expect(lost).toBe(0);
      expect(hub.lines - hub.sameId - hub.unanswered).toBe(facts.accepted.length);
      expect(Object.values(verdicts).reduce((sum, one) => sum + one, 0)).toBe(hub.lines);
      expect(deliveries.get('healthy')?.taken).toBe(facts.consumers[0]?.taken.length);
      twice += hub.sameId * hub.unanswered;
    }),
    { numRuns: 40 },
  );
  expect(twice).toBeGreaterThan(0);
});

/** What a fault must be found as, and the record or document that must be named. */
interface Planted {
  readonly codes: readonly FindingCode[];
  readonly id?: string | undefined;
  readonly key?: string | undefined;
}

type Plant = (facts: World, source: Random) => Planted | undefined;

const pickEvent = ({ partitions }: World, source: Random) => {
  const partition = source.pick(partitions.filter(({ events }) => events.length > 0));
  const event = source.pick(partition.events);
  return { partition, event };
};

const pickBatch = ({ batches }: World, source: Random) => {
  const batch = source.pick(batches);
  const index = source.integer(0, batch.accepted - 1);
  const line = batch.archived?.[index];
  return { batch, index, line };
};

const isOnly = ({ partitions }: World, id: string): boolean =>
  partitions.flatMap(({ events }) => events.flatMap(({ lines }) => lines)).filter((line) => line.id === id)
    .length === 1;

/** An accepted record without a second line, so that it cannot be found elsewhere. */
const pickAccepted = (facts: World, source: Random) =>
  source.pick(facts.accepted.filter(({ id, index }) => isOnly(facts, id) && !facts.unknown.has(index)));

const PLANTS: Record<string, Plant> = {
  'an event is lost from the hub before anybody claims it': (facts, source) => {
    const { partition, event } = pickEvent(facts, source);
    const own = event.lines.find(
      ({ id }) => facts.accepted.some((one) => one.id === id) && isOnly(facts, id),
    );
    if (!own) return undefined;
    // Nothing of it is anywhere.
    facts.partitions = facts.partitions.map((one) =>
      one === partition
        ? { ...one, events: one.events.filter((other) => other !== event), last: one.last }
        : one,
    );
    return { codes: ['lost-in-hub'], id: own.id, key: own.key };
  },
  'the last event of the hub is lost': (facts, source) => {
    const { partition } = pickEvent(facts, source);
    const event = partition.events.pop();
    partition.last--;
    const own = event?.lines.find(
      ({ id }) =>
        facts.accepted.some((one) => one.id === id) &&
        !facts.partitions.some(({ events }) =>
          events.some(({ lines }) => lines.some((line) => line.id === id)),
        ),
    );
    return own && { codes: ['lost-in-hub'], id: own.id, key: own.key };
  },
  'a record that nobody sent': (facts, source) => {
    const { event } = pickEvent(facts, source);
    const line = { ...(event.lines[0] as (typeof event.lines)[0]), id: 'nobody', content: 'other' };
    event.lines.push(line);
    return { codes: ['unexplained-line'], id: 'nobody', key: line.key };
  },
  'a record is stored otherwise': (facts, source) => {
    const { event } = pickEvent(facts, source);
    const [line] = event.lines;
    if (!line || !facts.accepted.some(({ id }) => id === line.id)) return undefined;
    event.lines[0] = { ...line, content: 'other' };
    return { codes: ['content-differs'], id: line.id, key: line.key };
  },
  'a claim is missing': (facts, source) => {
    const claim = source.pick(facts.claims);
    facts.claims = facts.claims.filter((one) => one !== claim);
    const partition = facts.partitions.find((one) => one.partition === claim.partition);
    const line = partition?.events.find(({ sequenceNumber }) => sequenceNumber === claim.first)?.lines[0];
    return { codes: ['claim-hole', 'unclaimed-end'], id: line?.id };
  },
  'two claims overlap': (facts, source) => {
    const claim = source.pick(
      facts.claims
        .filter(({ first, partition }) =>
          facts.claims.some((other) => other.partition === partition && other.first < first),
        )
        .concat(),
    );
    claim.first--;
    return { codes: ['claim-overlap'] };
  },
  'a claim begins too late': (facts, source) => {
    const claim = source.pick(facts.claims);
    claim.first++;
    return { codes: ['claim-hole', 'claim-differs'] };
  },
  'events expired before they were claimed': (facts, source) => {
    const claim = source.pick(facts.claims);
    claim.lost = { first: claim.first, last: claim.last };
    return { codes: ['expired'] };
  },
  'a claim has no batch': (facts, source) => {
    const { batch, line } = pickBatch(facts, source);
    facts.batches = facts.batches.filter((one) => one !== batch);
    return { codes: ['missing-batch'], id: line?.id };
  },
  'a batch is not closed': (facts, source) => {
    const { batch } = pickBatch(facts, source);
    batch.status = 'running';
    return { codes: ['open-batch'] };
  },
  'an archive is gone': (facts, source) => {
    const { batch } = pickBatch(facts, source);
    delete batch.archived;
    return { codes: ['missing-archive'] };
  },
  'the archive lacks a record': (facts, source) => {
    const { batch } = pickBatch(facts, source);
    const line = batch.archived?.at(-1);
    batch.archived = (batch.archived ?? []).slice(0, -1);
    return { codes: ['archive-differs'], id: line?.id };
  },
  'the archive has another content': (facts, source) => {
    const { batch, index, line } = pickBatch(facts, source);
    batch.archived = (batch.archived ?? []).with(index, {
      ...(line as NonNullable<typeof line>),
      content: 'other',
    });
    return { codes: ['archive-differs'], id: line?.id };
  },
  'a verdict is missing': (facts, source) => {
    const { batch, index, line } = pickBatch(facts, source);
    batch.verdicts = batch.verdicts.filter((one) => one.index !== index);
    return { codes: ['missing-verdict'], id: line?.id };
  },
  'a verdict is there twice': (facts, source) => {
    const { batch, index, line } = pickBatch(facts, source);
    batch.verdicts = [...batch.verdicts, batch.verdicts[index] as (typeof batch.verdicts)[0]];
    return { codes: ['double-verdict'], id: line?.id };
  },
  'a verdict of another key': (facts, source) => {
    const { batch, index, line } = pickBatch(facts, source);
    batch.verdicts = batch.verdicts.map((one) => (one.index === index ? { ...one, key: 'other' } : one));
    return { codes: ['unexplained-verdict'], id: line?.id };
  },
  'a record was dead-lettered': (facts, source) => {
    const { batch, index, line } = pickBatch(facts, source);
    batch.verdicts = batch.verdicts.map((one) =>
      one.index === index ? { ...one, verdict: 'deadLettered' } : one,
    );
    return { codes: ['not-landed'], id: line?.id };
  },
  'a record counts as unchanged, and says something new': (facts, source) => {
    const { batch, index, line } = pickBatch(facts, source);
    if (!line || !isOnly(facts, line.id)) return undefined;
    if (
      facts.batches.some(({ archived }) =>
        archived?.some((one) => one !== line && one.content === line.content),
      )
    )
      return undefined;
    batch.verdicts = batch.verdicts.map((one) =>
      one.index === index ? { ...one, verdict: 'unchanged' } : one,
    );
    return { codes: ['wrong-verdict'], id: line.id };
  },
  'the newest record counts as stale': (facts, source) => {
    const { key, newest } = source.pick(facts.documents);
    const batch = facts.batches.find(({ archived }) => archived?.some(({ id }) => id === newest.batchId));
    const index = batch?.archived?.findIndex(({ id }) => id === newest.batchId);
    if (!batch) return undefined;
    batch.verdicts = batch.verdicts.map((one) => (one.index === index ? { ...one, verdict: 'stale' } : one));
    return { codes: ['wrong-verdict'], id: newest.batchId, key };
  },
  'two records have the same id': (facts, source) => {
    const [one, other] = [source.pick(facts.accepted), source.pick(facts.accepted)];
    if (one === other) return undefined;
    facts.accepted = facts.accepted.map((each) => (each === other ? { ...other, id: one.id } : each));
    return { codes: ['double-id'], id: one.id };
  },
  'a document was never written': (facts, source) => {
    const document = source.pick(facts.documents);
    facts.documents = facts.documents.filter((one) => one !== document);
    return { codes: ['missing-document'], key: document.key };
  },
  'a write of a later version was lost': (facts, source) => {
    const several = facts.documents.filter(({ version }) => version > 1);
    if (several.length === 0) return undefined;
    const document = source.pick(several);
    document.version--;
    return { codes: ['versions-differ'], key: document.key };
  },
  'a write was lost, and a later one hides it': (facts, source) => {
    const { batch, index, line } = pickBatch(facts, source);
    const verdict = batch.verdicts[index] as (typeof batch.verdicts)[0];
    if (verdict.verdict !== 'upserted' || verdict.version === 1) return undefined;
    batch.verdicts = batch.verdicts.with(index, { ...verdict, version: (verdict.version ?? 0) - 1 });
    return { codes: ['versions-differ'], key: line?.key };
  },
  'a document goes by an older record': (facts, source) => {
    const document = source.pick(facts.documents);
    document.newest = { ...document.newest, eventTime: document.newest.eventTime - 1 };
    return { codes: ['old-document'], key: document.key };
  },
  'a document has another content': (facts, source) => {
    const document = source.pick(facts.documents);
    document.content = 'other';
    return { codes: ['document-differs'], key: document.key };
  },
  'a document that nobody sent': (facts, source) => {
    const document = source.pick(facts.documents);
    facts.documents = [...facts.documents, { ...document, key: 'other' }];
    return { codes: ['unexplained-document'], key: 'other' };
  },
  'a consumer was not told the last version': (facts, source) => {
    const consumer = source.pick(facts.consumers);
    const { key, version } = source.pick(facts.documents);
    consumer.taken = consumer.taken.filter((one) => one.key !== key || one.version !== version);
    return { codes: ['not-delivered'], key };
  },
  'a consumer was told an older version after a newer one': (facts, source) => {
    const several = facts.documents.filter(({ version }) => version > 1);
    if (several.length === 0) return undefined;
    const { key } = source.pick(several);
    source.pick(facts.consumers).taken.push({ key, version: 1, at: 0 });
    return { codes: ['backwards'], key };
  },
  'a consumer was told a version that there is not': (facts, source) => {
    const { key, version } = source.pick(facts.documents);
    source.pick(facts.consumers).taken.push({ key, version: version + 1, at: 0 });
    return { codes: ['unexplained-delivery'], key };
  },
  'the ledger counts otherwise': (facts, source) => {
    const name = source.pick(Object.keys(facts.ledger.total));
    facts.ledger.total = { ...facts.ledger.total, [name]: (facts.ledger.total[name] ?? 0) + 1 };
    return { codes: ['ledger-differs'] };
  },
  'the ledger is not balanced': (facts) => {
    facts.ledger.balanced = false;
    return { codes: ['ledger-differs'] };
  },
  'a consumer is still owed something': (facts, source) => {
    source.pick(facts.ledger.subscriptions).pending.waiting = 1;
    return { codes: ['ledger-differs'] };
  },
};

test.each(Object.entries(PLANTS))('%s: it is found, and named', (_, plant) => {
  let planted = 0;
  fc.assert(
    fc.property(seeds, (seed) => {
      const facts = world(seed);
      const fault = plant(facts, random(seed + 1));
      if (!fault) return;
      planted++;
      const { findings } = run(facts);
      const found = findings.first.filter(({ code }) => fault.codes.includes(code));
      expect(found.length).toBeGreaterThan(0);
      if (fault.id !== undefined) expect(found.map(({ id }) => id)).toContain(fault.id);
      if (fault.key !== undefined) expect(found.map(({ key }) => key)).toContain(fault.key);
    }),
    { numRuns: 10 },
  );
  expect(planted).toBeGreaterThan(0);
});

test('a record that is nowhere is lost, one that is only late is not', () => {
  const facts = world(5);
  const { id } = pickAccepted(facts, random(5));
  for (const batch of facts.batches) {
    const at = batch.archived?.findIndex((line) => line.id === id) ?? -1;
    if (at >= 0) batch.verdicts = batch.verdicts.filter(({ index }) => index !== at);
  }
  expect(run(facts).lost).toBe(1);
});

test('however many findings there are, the first are kept and all are counted', () => {
  const facts = world(3, 200);
  facts.partitions = facts.partitions.map((one) => ({ ...one, events: [] }));
  const { findings } = run(facts);
  expect(findings.byCode['lost-in-hub']).toBe(facts.accepted.length);
  expect(findings.first.filter(({ code }) => code === 'lost-in-hub')).toHaveLength(20);
  expect(findings.total).toBeGreaterThan(facts.accepted.length);
});
