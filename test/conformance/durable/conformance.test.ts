import { setTimeout as sleepMs } from 'node:timers/promises';
import { functions, loadSdk } from '../../support/durable-sdk';
import { onHubOf, readRecording, type Recording } from '../../support/durable-golden';
import { startTestHost } from '../../support/durable-host';
import { actualCalls, lastEvents, recordedCalls } from './calls';
import { callDeviations, httpDeviations } from './deviations';
import { numbered, Player } from './player';

const SCENARIOS = [
  '01-one-activity',
  '02-three-sequential',
  '03-fan-out',
  '04-failures',
  '05-retry',
  '06-timers',
  '07-events',
  '08-sub-orchestrations',
  '09-continue-as-new',
  '10-custom-status',
  '11-status',
  '12-start',
  '13-operations',
  '14-list',
  '15-purge',
  '16-entities',
  '17-call-http',
  '18-replays',
  '21-non-determinism',
  '24-pending-and-version',
  '25-start-over-running',
];
/** Activities that sleep do so in a fraction of the recorded time. */
const SLEEP_SCALE = 0.1;
/** Here an activity must outlast a wait of one second. */
const SLEEP_SCALES: Record<string, number> = { '12-start': 0.5 };
/** What does not do the same again is seen by a kept generator when its episode is verified. */
const VERIFY_EVERY: Record<string, number> = { '21-non-determinism': 1 };
const TASK_HUBS: Record<string, string> = { '14-list': 'L3190', '15-purge': 'L3190' };
/** Recorded on what another scenario had left: that one, and its exchange that shows what there is. */
const FILLED_BY: Record<string, { scenario: string; label: string }> = {
  '15-purge': { scenario: '14-list', label: 'all' },
};

const df = loadSdk();

/** Registers a recording's functions from their texts, which use a few helpers by name. */
function register(recording: Recording): void {
  functions.clear();
  const tries = new Map<string, number>();
  const sleep = (ms: number): Promise<void> =>
    sleepMs(ms * (SLEEP_SCALES[recording.scenario] ?? SLEEP_SCALE));
  const helpers = { df, tries, nd: tries, sleep, O: df.app.orchestration };
  for (const text of Object.values(recording.functions)) {
    // The texts are the project's own and lie in test/golden.
    // oxlint-disable-next-line typescript/no-implied-eval
    new Function(...Object.keys(helpers), text)(...Object.values(helpers));
  }
}

function recordingOf(scenario: string): Recording {
  const recording = readRecording(scenario);
  const before = FILLED_BY[scenario];
  return before ? onHubOf(readRecording(before.scenario), before.label, recording) : recording;
}

async function playScenario(scenario: string, alwaysReplay: boolean) {
  const recording = recordingOf(scenario);
  register(recording);
  const host = startTestHost({
    alwaysReplay,
    verifyEvery: VERIFY_EVERY[scenario] ?? 5,
    taskHub: TASK_HUBS[scenario] ?? 'H3190d',
  });
  host.runner.recording = true;
  try {
    const player = new Player(recording, host, alwaysReplay);
    await player.play();
    return { recording, player, host, calls: actualCalls(host.runner.calls) };
  } finally {
    host.dispose();
  }
}

describe.each([
  ['kept generators', false],
  ['full replay in each episode', true],
])('recorded exchanges, %s', (_, alwaysReplay) => {
  test.each(SCENARIOS)('%s', async (scenario) => {
    const { recording, player, calls, host } = await playScenario(scenario, alwaysReplay);
    expect(player.differences).toEqual([]);
    if (!alwaysReplay) return;
    for (const [id, wanted] of recordedCalls(recording)) {
      const name = id.replace(/-[^-]*$/, '');
      const deviation = callDeviations.find((entry) => entry.scenario === scenario && entry.name === name);
      const actual = calls.get(player.translate(id)) ?? [];
      if (deviation?.compared === 'nothing') continue;
      if (deviation) expect(lastEvents(actual)).toEqual(lastEvents(wanted));
      else expect({ id, calls: actual }).toEqual({ id, calls: wanted });
    }
    expect(host.logged.filter((line) => line.includes('lost its worker'))).toEqual([]);
  });
});

test('each deviation is that of a recorded exchange', () => {
  const recorded = SCENARIOS.flatMap((scenario) =>
    numbered(recordingOf(scenario).http).map(({ key }) => `${scenario}: ${key}`),
  );
  const played = httpDeviations.filter(({ scenario }) => SCENARIOS.includes(scenario));
  const named = played.map(({ scenario, label }) => `${scenario}: ${label}`);
  expect(named.filter((name) => !recorded.includes(name))).toEqual([]);
});
