import { fc } from '../support/properties';
import {
  closeGroup,
  upsertGroup,
  type GroupResult,
  type GroupTask,
} from '../../src/activities/ingest/upsertGroup';
import { markerId } from '../../src/domain/ingest/names';
import { compareStamps, type Stamp } from '../../src/domain/ingest/stamp';
import { stampOf, type ValidRecord } from '../../src/domain/ingest/validation';
import type { GroupVerdict } from '../../src/domain/ingest/verdict';
import { documentId } from '../../src/domain/keys';
import {
  atomically,
  DocumentsModel,
  ModelClient,
  type Commit,
  type Faults,
  type Refusal,
} from '../support/documents-model';
import { validRecord } from './builders';

/**
 * The protocol that upserts groups, run as it is against a model of the store, under every interleaving that
 * fast-check thinks of: several batches with records of the same keys, executions that are repeated, overtaken,
 * stopped or do not get their answer, batches that are closed while their activities still run.
 */

interface Draft {
  readonly key: number;
  readonly eventTime: number;
  readonly content: number;
  readonly deleted: boolean;
  readonly refusal: Refusal | undefined;
}

/** One execution of a group: what goes wrong, and whether it takes the documents to be absent without a look. */
interface Execution extends Faults {
  readonly guesses?: boolean;
}

interface PlannedGroup {
  readonly records: readonly Draft[];
  readonly executions: readonly Execution[];
  /** How the sweep closes it, if it does. */
  readonly closing: Faults | undefined;
}

type Plan = readonly (readonly PlannedGroup[])[];

const sometimes = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq: 2 });
const rarely = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });

const faults: fc.Arbitrary<Faults> = fc.record({
  stopsAt: sometimes(fc.nat(9)),
  answer: sometimes(fc.constantFrom('lost' as const, 'resent' as const)),
});
const draft: fc.Arbitrary<Draft> = fc.record({
  key: fc.nat(2),
  eventTime: fc.nat(3),
  content: fc.nat(1),
  deleted: fc.constantFrom(false, false, false, true),
  refusal: rarely(fc.constantFrom<Refusal>('named', 'nameless')),
});
const group: fc.Arbitrary<PlannedGroup> = fc.record({
  records: fc.array(draft, { minLength: 1, maxLength: 4 }),
  executions: fc.array(
    fc.tuple(faults, fc.boolean()).map(([given, guesses]): Execution => ({ ...given, guesses })),
    { minLength: 1, maxLength: 3 },
  ),
  closing: fc.option(faults, { nil: undefined, freq: 2 }),
});
const plan: fc.Arbitrary<Plan> = fc.array(fc.array(group, { minLength: 1, maxLength: 2 }), {
  minLength: 1,
  maxLength: 3,
});

interface Group extends PlannedGroup {
  readonly task: GroupTask;
}

/** Batches 0 and 1 are received at the same time. */
function groupsOf(batches: Plan): Group[] {
  return batches.flatMap((groups, batch) => {
    const origin = {
      batchId: `b${batch}`,
      schemaVersion: '1+a',
      receivedAt: Math.max(batch, 1),
      pk: 'readings:1',
    };
    let index = 0;
    return groups.map((planned, number) => {
      const records = planned.records.map(({ key, refusal, ...rest }) => {
        const data = { by: `b${batch}/${index}`, ...(refusal ? { refusal } : {}) };
        return validRecord({ ...rest, key: `key ${key}`, data, index: index++, group: number });
      });
      const task: GroupTask = {
        markerId: markerId(origin.batchId, 0, number),
        records,
        origin,
        markerTtlSeconds: 60,
      };
      return { ...planned, task };
    });
  });
}

/** One way to carry out the protocol. */
interface Protocol {
  readonly commit: Commit;
  readonly close: typeof closeGroup;
}

const REAL: Protocol = { commit: atomically, close: closeGroup };

interface Ended {
  readonly group: Group;
  readonly result: GroupResult;
}

/** Executes everything at once, in the scheduler's order; then, alone, what is not decided yet. */
async function run(batches: Plan, scheduler: fc.Scheduler, { commit, close }: Protocol) {
  const groups = groupsOf(batches);
  const model = new DocumentsModel();
  const ended: Ended[] = [];
  const turn = (): Promise<unknown> => scheduler.schedule(Promise.resolve());
  const execute = async (
    one: Group,
    client: ModelClient,
    closing: boolean,
    guesses = false,
  ): Promise<void> => {
    const indices = one.task.records.map(({ index }) => index);
    const work = closing
      ? close(client, one.task, indices, 'The batch was terminated.')
      : upsertGroup(client, guesses ? { ...one.task, stored: new Map() } : one.task, client.step);
    // What fails is repeated by the platform: here by another execution, or at the end.
    const result = await Promise.race([work, client.stopped]).catch(() => 'failed' as const);
    if (typeof result === 'object') ended.push({ group: one, result });
  };
  const all = groups.flatMap((one) => [
    ...one.executions.map((given) =>
      execute(one, new ModelClient(model, turn, given, commit), false, given.guesses),
    ),
    ...(one.closing ? [execute(one, new ModelClient(model, turn, one.closing, commit), true)] : []),
  ]);
  await scheduler.waitFor(Promise.all(all));
  const now = (): Promise<void> => Promise.resolve();
  for (const one of groups)
    await execute(one, new ModelClient(model, now, {}, commit), one.closing !== undefined);
  return { groups, model, ended };
}

type Outcome = Awaited<ReturnType<typeof run>>;

/** Every record with the verdict that its group's marker has for it. */
interface Judged {
  readonly record: ValidRecord;
  readonly stamp: Stamp;
  readonly verdict: GroupVerdict;
}

const isApplied = ({ verdict }: Judged): boolean =>
  verdict.verdict !== 'notApplied' && verdict.verdict !== 'deadLettered';

function judge({ groups, model }: Outcome): Judged[] {
  return groups.flatMap(({ task }) => {
    const verdicts = model.markers.get(task.markerId)?.verdicts ?? [];
    const indices = task.records.map(({ index }) => index);
    // Exactly one verdict a record.
    expect(verdicts.map(({ index }) => index).toSorted((a, b) => a - b)).toEqual(indices);
    return task.records.map((record) => ({
      record,
      stamp: stampOf(record, task.origin.batchId, task.origin.receivedAt),
      verdict: verdicts.find(({ index }) => index === record.index) as GroupVerdict,
    }));
  });
}

function checkAnswers({ model, ended }: Outcome): void {
  for (const {
    group: { task },
    result,
  } of ended)
    expect(result.verdicts).toEqual(model.markers.get(task.markerId)?.verdicts);
}

/** A group writes all at once, and not at all once it was closed. */
function checkWrites({ groups, model }: Outcome): void {
  for (const { task } of groups) {
    const verdicts = model.markers.get(task.markerId)?.verdicts ?? [];
    const written = model.written.filter((one) => one.markerId === task.markerId);
    const indices = written.map(({ write }) => write.index);
    expect(new Set(indices).size).toBe(indices.length);
    for (const index of indices)
      expect(['upserted', 'unchanged']).toContain(verdicts.find((one) => one.index === index)?.verdict);
  }
}

function checkDocuments({ model }: Outcome, judged: readonly Judged[]): void {
  for (const [key, all] of Map.groupBy(judged, ({ record }) => record.key)) {
    const document = model.documents.get(documentId(key));
    const newest = all
      .filter(isApplied)
      .toSorted((a, b) => compareStamps(a.stamp, b.stamp))
      .at(-1);
    expect(document?.envelope.data).toEqual(newest?.record.data);
    expect(document?.envelope._hw.newest).toEqual(newest?.stamp);
    const versions = all.flatMap(({ verdict }) => (verdict.verdict === 'upserted' ? [verdict.version] : []));
    expect(versions.toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: document?.envelope._hw.version ?? 0 }, (_, before) => before + 1),
    );
  }
}

function checkStale(judged: readonly Judged[]): void {
  for (const { record, stamp, verdict } of judged) {
    if (verdict.verdict !== 'stale') continue;
    const { batchId, index } = verdict.winner;
    const winner = judged.find((one) => one.stamp.batchId === batchId && one.stamp.index === index);
    expect(winner?.record.key).toBe(record.key);
    expect(winner && isApplied(winner) && compareStamps(winner.stamp, stamp) > 0).toBe(true);
  }
}

function conservation(protocol: Protocol) {
  return fc.asyncProperty(fc.scheduler(), plan, async (scheduler, batches) => {
    const outcome = await run(batches, scheduler, protocol);
    const judged = judge(outcome);
    checkAnswers(outcome);
    checkWrites(outcome);
    checkDocuments(outcome, judged);
    checkStale(judged);
  });
}

test('every record has one verdict, whoever is asked, and the newest that was applied is the document', async () => {
  await fc.assert(conservation(REAL), { numRuns: 250 });
});

test('the plans reach what they are meant to reach', async () => {
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), plan, async (scheduler, batches) => {
      const outcome = await run(batches, scheduler, REAL);
      for (const { verdict } of judge(outcome)) seen.add(verdict.verdict);
      const closedTooLate = outcome.groups.some(
        ({ closing, task }) =>
          closing &&
          outcome.model.markers.get(task.markerId)?.verdicts.every((one) => one.verdict !== 'notApplied'),
      );
      if (closedTooLate) seen.add('closed after it had landed');
      const [first] = outcome.ended;
      if (first && outcome.ended.filter((one) => one.group === first.group).length > 1) seen.add('adopted');
    }),
    { numRuns: 100, seed: 1 },
  );
  expect([...seen].toSorted()).toEqual([
    'adopted',
    'closed after it had landed',
    'deadLettered',
    'notApplied',
    'stale',
    'unchanged',
    'upserted',
  ]);
});

describe('the model finds what is wrong with a protocol', () => {
  const mutants: Record<string, Partial<Protocol>> = {
    'that writes the marker after the documents': {
      commit: async (model, marker, writes, step) => {
        if (model.markers.has(marker.id)) return { type: 'marked', requestCharge: 1 };
        const outcome = model.write(marker.id, writes);
        if (outcome.type !== 'committed') return outcome;
        await step();
        return model.transact(marker, []);
      },
    },
    'that writes the marker before the documents': {
      commit: async (model, marker, writes, step) => {
        const outcome = model.transact(marker, []);
        if (outcome.type !== 'committed') return outcome;
        await step();
        return model.write(marker.id, writes);
      },
    },
    'that replaces a marker': {
      commit: (model, marker, writes) => {
        model.markers.delete(marker.id);
        return Promise.resolve(model.transact(marker, writes));
      },
    },
    'that does not look at ETags': {
      commit: (model, marker, writes) => {
        const outcome = model.transact(marker, []);
        return Promise.resolve(outcome.type === 'committed' ? model.force(marker.id, writes) : outcome);
      },
    },
    'that does not renew the stamp of the same content': {
      commit: (model, marker, writes) => {
        const changed = writes.filter(
          ({ envelope }) => model.documents.get(envelope.id)?.envelope._hw.version !== envelope._hw.version,
        );
        return Promise.resolve(model.transact(marker, changed));
      },
    },
    'that closes a group without a marker': {
      close: async (documents, task, indices, reason) => {
        const marker = await documents.readMarker(task.origin.pk, task.markerId);
        const verdicts = indices.map((index): GroupVerdict => ({ index, verdict: 'notApplied', reason }));
        return { verdicts: marker?.verdicts ?? verdicts, requestCharge: 0 };
      },
    },
  };

  test.each(Object.entries(mutants))('%s', async (_, mutant) => {
    const found = await fc.check(conservation({ ...REAL, ...mutant }), {
      numRuns: 2_000,
      endOnFailure: true,
    });
    expect(found.failed).toBe(true);
  });
});
