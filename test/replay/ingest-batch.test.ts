import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OrchestrationContext, OrchestrationHandler, Task } from 'durable-functions';
import type { IngestActivities } from '../../src/activities/ingest';
import type { BatchHeader } from '../../src/domain/ingest/batch';
import { noVerdicts } from '../../src/domain/ingest/verdict';
import { ingestBatch } from '../../src/orchestrators/ingest/ingestBatch';
import {
  activitiesOf,
  Drive,
  episodesOf,
  recordingOf,
  replay,
  type Episode,
  type Recording,
  type Script,
  type State,
} from '../support/replay';

const header: BatchHeader = {
  id: '0123456789abcdef0123456789abcdef',
  dataset: 'readings',
  schemaVersion: '1+01234567',
  format: 'json',
  onInvalid: 'quarantine',
  contentHash: 'content',
  bodySha256: 'body',
  bytes: 100,
  accepted: 30,
  receivedAt: '2026-03-01T12:00:00.000Z',
};
const reserved = { header, etag: '"reserved"' };
const archive = { path: 'archive/readings/x.json', sha256: 'body', bytes: 100 };

type Results = { readonly [N in keyof IngestActivities]: Awaited<ReturnType<IngestActivities[N]>> };

/** Three chunks, two at a time; `quarantined` says how many records of each are invalid. */
function answers(
  onInvalid: BatchHeader['onInvalid'],
  quarantined: readonly number[],
  more: Partial<Results> = {},
): Script {
  const chunkOf = (input: unknown): number => (input as { chunk: number }).chunk;
  const results = (input: unknown): Results => ({
    openBatch: { type: 'opened', header: { ...header, onInvalid }, etag: '"running"', chunks: 3, fanOut: 2 },
    archiveBatch: archive,
    validateChunk: {
      valid: 10 - (quarantined[chunkOf(input)] ?? 0),
      quarantined: quarantined[chunkOf(input)] ?? 0,
    },
    findStale: [0, 0, 0],
    landChunk: { chunk: chunkOf(input), counts: { ...noVerdicts(), upserted: 10 }, requestCharge: 1 },
    completeBatch: { status: 'completed', counts: { ...noVerdicts(), upserted: 30 } },
    ...more,
  });
  return (name, input) => ({ result: results(input)[name as keyof Results] });
}

const failsOnce =
  (failing: string, script: Script): Script =>
  (name, input, attempt) =>
    name === failing && attempt === 1 ? { failure: 'The store is away.' } : script(name, input, attempt);

const SCENARIOS: Record<string, Script> = {
  accept: answers('quarantine', [0, 0, 0]),
  quarantine: answers('quarantine', [0, 2, 0], { completeBatch: { status: 'completedWithRejects' } }),
  reject: answers('reject', [0, 0, 1], { completeBatch: { status: 'rejected' } }),
  'reject-nothing': answers('reject', [0, 0, 0]),
  repeated: answers('quarantine', [0, 1, 0], {
    openBatch: { type: 'opened', header, etag: '"running"', chunks: 3, fanOut: 2, repeatedKeys: true },
    findStale: [0, 0, 4],
  }),
  closed: answers('quarantine', [], { openBatch: { type: 'closed', status: 'failed' } }),
  retry: failsOnce('archiveBatch', failsOnce('landChunk', answers('quarantine', [0, 0, 0]))),
};

const drive = (script: Script, handler: OrchestrationHandler = ingestBatch): Promise<Episode[]> =>
  new Drive(handler, 'ingestBatch', reserved, script).run();

async function outcomeOf(scenario: string) {
  const episodes = await drive(SCENARIOS[scenario]!);
  const { isDone, output, ...last } = episodes.at(-1)!.returned;
  const activities = activitiesOf({ isDone, ...last });
  return { isDone, output, activities, names: activities.map(({ name }) => name), episodes };
}

const threeTimes = (name: string): string[] => [name, name, name];
const LANDED = ['openBatch', 'archiveBatch', ...threeTimes('landChunk'), 'completeBatch'];
const VALIDATED = ['openBatch', 'archiveBatch', ...threeTimes('validateChunk')];

describe('a batch', () => {
  test('is archived, lands chunk by chunk, and is completed', async () => {
    const { isDone, output, names, activities } = await outcomeOf('accept');
    expect(names).toEqual(LANDED);
    expect({ isDone, output }).toEqual({
      isDone: true,
      output: { status: 'completed', counts: { ...noVerdicts(), upserted: 30 } },
    });
    const inputs = (name: string) => activities.filter((one) => one.name === name).map(({ input }) => input);
    expect(inputs('openBatch')).toEqual([reserved]);
    expect(inputs('archiveBatch')).toEqual([{ batch: header }]);
    expect(inputs('landChunk')).toEqual([0, 1, 2].map((chunk) => ({ batch: header, chunk, chunks: 3 })));
    const files = [0, 1, 2].map((chunk) => ({
      chunk,
      counts: { ...noVerdicts(), upserted: 10 },
      requestCharge: 1,
    }));
    expect(inputs('completeBatch')).toEqual([
      { header, etag: '"running"', archive, outcome: { type: 'applied', files } },
    ]);
  });

  test('with onInvalid=reject and an invalid record publishes and lands nothing', async () => {
    const { names, output, activities } = await outcomeOf('reject');
    expect(names).toEqual([...VALIDATED, 'completeBatch']);
    expect(output).toEqual({ status: 'rejected' });
    expect(activities.at(-1)?.input).toMatchObject({ outcome: { type: 'rejected', quarantined: [0, 0, 1] } });
  });

  test('with onInvalid=reject and good records only lands them all, once all are validated', async () => {
    const { names, activities } = await outcomeOf('reject-nothing');
    expect(names).toEqual([...VALIDATED, ...threeTimes('landChunk'), 'completeBatch']);
    const landings = activities.filter(({ name }) => name === 'landChunk').map(({ input }) => input);
    expect(landings).toEqual(
      [0, 1, 2].map((chunk) => ({
        batch: { ...header, onInvalid: 'reject' },
        chunk,
        chunks: 3,
        quarantined: 0,
      })),
    );
  });

  test('with keys in several groups lands when it is known which of their records are the newest', async () => {
    const { names, activities } = await outcomeOf('repeated');
    expect(names).toEqual([...VALIDATED, 'findStale', ...threeTimes('landChunk'), 'completeBatch']);
    expect(activities.find(({ name }) => name === 'findStale')?.input).toEqual({ batch: header, chunks: 3 });
    const landings = activities.filter(({ name }) => name === 'landChunk').map(({ input }) => input);
    expect(landings).toEqual([
      { batch: header, chunk: 0, chunks: 3, quarantined: 0 },
      { batch: header, chunk: 1, chunks: 3, quarantined: 1 },
      { batch: header, chunk: 2, chunks: 3, quarantined: 0, stale: 4 },
    ]);
  });

  test('that is closed ends without effect', async () => {
    const { names, output, isDone } = await outcomeOf('closed');
    expect(names).toEqual(['openBatch']);
    expect({ isDone, output }).toEqual({ isDone: true, output: { status: 'failed' } });
  });

  test('runs no more activities at a time than its fan-out', async () => {
    const { episodes } = await outcomeOf('accept');
    const asked = episodes.map(({ returned }) => activitiesOf(returned).length);
    // open 1, archive and the first chunk 3, the others 5, complete 6.
    expect([...new Set(asked)]).toEqual([1, 3, 5, 6]);
    const answered = (episode: Episode): number =>
      episode.payload.history.filter(({ EventType }) => EventType === 5).length;
    for (const episode of episodes) {
      const open = activitiesOf(episode.returned).length - answered(episode);
      expect(open).toBeLessThanOrEqual(2);
    }
  });

  test('goes on after an attempt failed, and asks for nothing twice itself: retries are the platform’s', async () => {
    const { names, isDone, episodes } = await outcomeOf('retry');
    expect(isDone).toBe(true);
    expect(names).toEqual(LANDED);
    const timers = episodes.at(-1)!.payload.history.filter(({ EventType }) => EventType === 11);
    expect(timers).toHaveLength(4);
    for (const action of episodes.at(-1)!.returned.actions.flat())
      expect([1, 12]).toContain(action.actionType);
  });

  test.each([
    ['accept', [undefined, 'landing', 'completing']],
    ['reject-nothing', [undefined, 'validating', 'landing', 'completing']],
  ])('shows its stage (%s)', async (scenario, expected) => {
    const { episodes } = await outcomeOf(scenario);
    const stages = episodes.map(
      ({ returned }) => (returned.customStatus as { stage?: string } | undefined)?.stage,
    );
    expect([...new Set(stages)]).toEqual(expected);
  });
});

/**
 * Histories of instances as earlier versions made them, one file each, never rewritten: an instance that runs while
 * the app is deployed is replayed by the new version. `RECORD_HISTORIES=1` adds files for scenarios that have none.
 */
describe('recorded histories', () => {
  const folder = join(__dirname, 'histories');
  const fileOf = (scenario: string): string => join(folder, `ingestBatch-2-${scenario}.json`);

  beforeAll(async () => {
    if (process.env['RECORD_HISTORIES'] !== '1') return;
    for (const [scenario, script] of Object.entries(SCENARIOS)) {
      if (existsSync(fileOf(scenario))) continue;
      const recording = recordingOf('ingestBatch', await drive(script));
      writeFileSync(fileOf(scenario), `${JSON.stringify(recording, undefined, 1)}\n`);
    }
  });

  /** The custom status may change: nobody waits for it. */
  const decisive = ({ isDone, actions, output }: State) => ({ isDone, actions, output });
  const read = (file: string): Episode[] =>
    episodesOf(JSON.parse(readFileSync(join(folder, file), 'utf8')) as Recording);

  async function replayAll(file: string, handler: OrchestrationHandler): Promise<void> {
    for (const { payload, returned } of read(file))
      expect(decisive(await replay(handler, payload))).toEqual(decisive(returned));
  }

  test('hold every episode as it was', async () => {
    const episodes = await drive(SCENARIOS['retry']!);
    const plain = episodes.map(({ payload, returned }) => ({ payload, returned: decisive(returned) }));
    const read = episodesOf(recordingOf('ingestBatch', episodes));
    expect(read.map(({ payload, returned }) => ({ payload, returned: decisive(returned) }))).toEqual(plain);
  });

  test('there is one of every scenario', () => {
    for (const scenario of Object.keys(SCENARIOS)) expect(existsSync(fileOf(scenario))).toBe(true);
  });

  test.each(readdirSync(folder).filter((file) => file.startsWith('ingestBatch-')))('%s', async (file) => {
    await replayAll(file, ingestBatch);
  });

  type Call = OrchestrationContext['df']['callActivityWithRetry'];
  const mutants: Record<string, (call: Call, ...given: Parameters<Call>) => Task> = {
    'that calls another activity': (call, name, options, input) =>
      call(name === 'archiveBatch' ? 'storeBatch' : name, options, input),
    'that gives another input': (call, name, options, input) =>
      call(name, options, name === 'completeBatch' ? { ...(input as object), etag: 'other' } : input),
    'whose retries are others': (call, name, options, input) => {
      options.backoffCoefficient = 3;
      return call(name, options, input);
    },
  };

  test.each(Object.entries(mutants))('tell an orchestrator %s', async (_, mutant) => {
    const changed: OrchestrationHandler = function* (context) {
      const call = context.df.callActivityWithRetry.bind(context.df);
      context.df.callActivityWithRetry = (name, options, input) => mutant(call, name, options, input);
      return yield* ingestBatch(context);
    };
    await expect(replayAll('ingestBatch-2-accept.json', changed)).rejects.toThrow('toEqual');
  });

  test('tell an orchestrator that waits for chunks one by one', async () => {
    const changed: OrchestrationHandler = function* (context) {
      const orchestration = ingestBatch(context);
      const results: unknown[] = [];
      context.df.Task.all = ((tasks: Task[]) => tasks) as unknown as typeof context.df.Task.all;
      for (let next = orchestration.next(); ; next = orchestration.next(results.pop())) {
        if (next.done) return next.value;
        const value: unknown = next.value;
        if (!Array.isArray(value)) {
          results.push(yield next.value);
          continue;
        }
        const all: unknown[] = [];
        for (const task of value as Task[]) all.push(yield task);
        results.push(all);
      }
    };
    await expect(replayAll('ingestBatch-2-accept.json', changed)).rejects.toThrow('toEqual');
  });
});
