import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OrchestrationHandler } from 'durable-functions';
import type { RepairTask } from '../../src/domain/egress/repair';
import { deliverChanges } from '../../src/orchestrators/egress/deliverChanges';
import { repairSubscription } from '../../src/orchestrators/egress/repairSubscription';
import {
  activitiesOf,
  continuedWith,
  Drive,
  episodesOf,
  recordingOf,
  replay,
  type Episode,
  type Recording,
  type Script,
  type State,
} from '../support/replay';

const lane = { lane: 1, lanes: 2 };

const repair: RepairTask = {
  id: `replay-${'0'.repeat(32)}`,
  subscription: 'a'.repeat(32),
  repair: { type: 'replay', since: '2026-03-01T12:00:00.000Z', datasets: ['things'] },
  startedAt: '2026-03-02T12:00:00.000Z',
  position: { part: 3, after: 'k' },
  counts: { seen: 200, marked: 100 },
};
const later = { position: { part: 4 }, counts: { seen: 250, marked: 150 } };

interface Scenario {
  readonly handler: OrchestrationHandler;
  readonly input: unknown;
  readonly script: Script;
}

const always =
  (result: unknown): Script =>
  () => ({ result });
const afterFailure =
  (result: unknown): Script =>
  (_name, _input, attempt) =>
    attempt < 3 ? { failure: 'The store is away.' } : { result };

const delivering = (script: Script): Scenario => ({ handler: deliverChanges, input: lane, script });
const repairing = (script: Script): Scenario => ({ handler: repairSubscription, input: repair, script });

/** By orchestrator, version of its history, and what happens. */
const SCENARIOS: Record<string, Scenario> = {
  'deliverChanges-1-idle': delivering(always({ worked: false })),
  'deliverChanges-1-worked': delivering(always({ worked: true })),
  'deliverChanges-1-retry': delivering(afterFailure({ worked: true })),
  'repairSubscription-1-done': repairing(always({ counts: later.counts })),
  'repairSubscription-1-slice': repairing(always(later)),
  'repairSubscription-1-retry': repairing(afterFailure(later)),
};

const drive = (scenario: string): Promise<Episode[]> => {
  const { handler, input, script } = SCENARIOS[scenario] as Scenario;
  return new Drive(handler, scenario.slice(0, scenario.indexOf('-')), input, script).run();
};

async function outcomeOf(scenario: string) {
  const episodes = await drive(scenario);
  const { isDone, output, customStatus, actions } = episodes.at(-1)!.returned;
  const state = { isDone, actions };
  return { isDone, output, customStatus, activities: activitiesOf(state), next: continuedWith(state) };
}

describe('a lane', () => {
  const activities = [{ name: 'drainLane', input: lane }];

  test.each(['worked', 'retry'])('%s: starts itself anew with the same task', async (scenario) => {
    expect(await outcomeOf(`deliverChanges-1-${scenario}`)).toMatchObject({
      isDone: true,
      activities,
      next: { input: lane },
    });
  });

  test('ends when there was nothing to deliver', async () => {
    const outcome = await outcomeOf('deliverChanges-1-idle');
    expect(outcome).toMatchObject({ isDone: true, activities });
    expect(outcome.next).toBeUndefined();
  });
});

describe('a repair', () => {
  const activities = [{ name: 'repairSlice', input: repair }];

  test.each(['slice', 'retry'])('%s: goes on where the slice ended, in a new execution', async (scenario) => {
    expect(await outcomeOf(`repairSubscription-1-${scenario}`)).toMatchObject({
      isDone: true,
      activities,
      customStatus: repair.counts,
      next: { input: { ...repair, ...later } },
    });
  });

  test('ends with its counts', async () => {
    const outcome = await outcomeOf('repairSubscription-1-done');
    expect(outcome).toMatchObject({ isDone: true, activities, output: later.counts });
    expect(outcome.next).toBeUndefined();
  });
});

/** As those of batches: one file of each scenario, never rewritten. `RECORD_HISTORIES=1` adds those that are missing. */
describe('recorded histories', () => {
  const folder = join(__dirname, 'histories');
  const fileOf = (scenario: string): string => join(folder, `${scenario}.json`);

  beforeAll(async () => {
    if (process.env['RECORD_HISTORIES'] !== '1') return;
    for (const scenario of Object.keys(SCENARIOS)) {
      if (existsSync(fileOf(scenario))) continue;
      const recording = recordingOf(scenario.slice(0, scenario.indexOf('-')), await drive(scenario));
      writeFileSync(fileOf(scenario), `${JSON.stringify(recording, undefined, 1)}\n`);
    }
  });

  const decisive = ({ isDone, actions, output }: State) => ({ isDone, actions, output });

  async function replayAll(file: string, handler: OrchestrationHandler): Promise<void> {
    const recording = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Recording;
    for (const { payload, returned } of episodesOf(recording))
      expect(decisive(await replay(handler, payload))).toEqual(decisive(returned));
  }

  test('there is one of every scenario', () => {
    for (const scenario of Object.keys(SCENARIOS)) expect(existsSync(fileOf(scenario))).toBe(true);
  });

  const handlers = { deliverChanges, repairSubscription };
  const mine = readdirSync(folder).flatMap((file) => {
    const [name = ''] = file.split('-');
    return name in handlers ? [[file, handlers[name as keyof typeof handlers]] as const] : [];
  });

  test.each(mine)('%s', (file, handler) => replayAll(file, handler));

  const mutants: Record<string, { file: string; change: OrchestrationHandler }> = {
    'that goes on with another input': {
      file: 'repairSubscription-1-slice.json',
      change: function* (context) {
        const go = context.df.continueAsNew.bind(context.df);
        context.df.continueAsNew = (input) => go({ ...(input as object), position: repair.position });
        return yield* repairSubscription(context);
      },
    },
    'that never ends': {
      file: 'deliverChanges-1-idle.json',
      change: function* (context) {
        yield* deliverChanges(context);
        context.df.continueAsNew(lane);
      },
    },
    'that stops after one slice': {
      file: 'repairSubscription-1-slice.json',
      change: function* (context) {
        context.df.continueAsNew = () => undefined;
        return yield* repairSubscription(context);
      },
    },
  };

  test.each(Object.entries(mutants))('tell an orchestrator %s', async (_, { file, change }) => {
    await expect(replayAll(file, change)).rejects.toThrow('toEqual');
  });
});
