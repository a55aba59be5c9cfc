import { check } from '../../../tools/lib/prove/check';
import { figures, isProved, proofJson, proofText, record } from '../../../tools/lib/prove/report';
import type { Proof } from '../../../tools/lib/prove/run';
import { world } from './world';

const load = {
  dataset: 'products',
  rate: 1,
  connections: 1,
  duration: 1,
  seed: 1,
  ids: 1,
  begin: '',
  seconds: 1,
  due: 30,
  accepted: 30,
  acceptedPerSecond: 1,
  refused: 0,
  serverErrors: 0,
  lost: 0,
  unconnected: 0,
  retried: 0,
  failed: 0,
  unanswered: 0,
  statuses: {},
  firstFailure: null,
  latency: null,
  ownDelay: null,
  cpuMsPerRequest: null,
};

function proof(some: Partial<Proof> = {}, facts = world(1)): Proof {
  return {
    options: { rate: 1, duration: 1, warmUp: 0, connections: 1, ids: 1, seed: 77, chaos: false },
    load,
    kills: [],
    drain: { done: true, upsertedMs: 1, deliveredMs: 2 },
    checked: check(facts),
    times: { toVerdict: null, toConsumer: {}, lag: {} },
    requestUnits: 0,
    cpuSeconds: {},
    footprints: [],
    batches: 1,
    documents: 1,
    versions: 1,
    refusedDeliveries: 0,
    sabotaged: [],
    ...some,
  };
}

/** The first document is gone. */
function broken(): { facts: ReturnType<typeof world>; key: string } {
  const facts = world(1);
  const [first, ...documents] = facts.documents;
  return { facts: { ...facts, documents }, key: first?.key ?? '' };
}

test('proved: no finding, everything accepted, the end reached', () => {
  expect(isProved(proof())).toBe(true);
  expect(isProved(proof({ drain: { done: false } }))).toBe(false);
  expect(isProved(proof({ load: { ...load, unanswered: 1 } }))).toBe(false);
  expect(isProved(proof({ load: { ...load, failed: 1 } }))).toBe(false);
  expect(isProved(proof({}, broken().facts))).toBe(false);
});

test('with sabotage: what was lost has to be found, by its name', () => {
  const { facts, key } = broken();
  const options = { ...proof().options, sabotage: 'upsert' } as const;
  expect(isProved(proof({ options, sabotaged: [[key]] }, facts))).toBe(true);
  expect(isProved(proof({ options, sabotaged: [['another']] }, facts))).toBe(false);
  expect(isProved(proof({ options, sabotaged: [[key]] }))).toBe(false);
  expect(isProved(proof({ options, sabotaged: [] }, facts))).toBe(false);
});

test('the page names what is wrong', () => {
  const { facts, key } = broken();
  expect(proofText(proof())).toContain('Proved: nothing was lost.');
  const text = proofText(proof({}, facts));
  expect(text).toContain('NOT proved');
  expect(text).toContain(`missing-document ${key}`);
  expect(JSON.parse(JSON.stringify(proofJson(proof({}, facts))))).toMatchObject({
    proved: false,
    checked: { lost: 0, findingCounts: { 'missing-document': expect.any(Number) as number } },
  });
});

test('figures have the seed, and lost records', () => {
  const rows = new Map(figures(proof()));
  expect(rows.get('seeds')).toContain('77');
  expect(rows.get('lost')).toBe('0');
});

test('PROOF.md keeps a section for each kind of run', () => {
  const now = new Date('2026-03-01T12:00:00Z');
  const calm = record('', proof(), now);
  expect(calm).toContain('## Without kills');
  const options = { ...proof().options, chaos: true };
  const both = record(calm, proof({ options, kills: [{ victim: 'blob', at: 1 }] }), now);
  expect(both).toContain('## Without kills');
  expect(both).toContain('1 × blob');
  const again = record(both, proof({}, broken().facts), now);
  expect(again.match(/^## /gm)).toHaveLength(2);
  expect(again).toContain('missing-document');
});

test('a long run has a section of its own, which tells memory and disk', () => {
  const options = { ...proof().options, duration: 1_800 };
  const footprints = Array.from({ length: 40 }, (_, at) => ({
    at: at * 1_000,
    memory: { blob: at < 20 ? 70 : 71 },
    disk: { blob: at / 1_024 },
  }));
  const text = record('', proof({ options, footprints }), new Date('2026-03-01T12:00:00Z'));
  expect(text).toContain('## A long run');
  expect(text).toContain('blob 70 → 71');
  expect(text).toContain('blob 1,024 → 1,024');
  // Too short for a course.
  expect(record('', proof(), new Date('2026-03-01T12:00:00Z'))).not.toContain('memory MiB');
});
