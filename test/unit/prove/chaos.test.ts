import { KILL_EVERY_MS, startChaos, type Victim } from '../../../tools/lib/prove/chaos';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

function killed(seed: number, ms: number): { told: Victim[]; done: string[] } {
  const told: Victim[] = [];
  const done: string[] = [];
  const chaos = startChaos(
    // Without a host there is no worker to be killed.
    { children: [], kill: (name, signal) => done.push(`${signal} ${name}`) },
    seed,
    ({ victim }) => told.push(victim),
  );
  jest.advanceTimersByTime(ms);
  chaos.stop();
  jest.advanceTimersByTime(10 * KILL_EVERY_MS);
  expect(chaos.kills.map(({ victim }) => victim)).toEqual(told);
  return { told, done };
}

test('one is killed every ten seconds, until it is stopped, and the seed says which', () => {
  const { told, done } = killed(1, 60 * KILL_EVERY_MS);
  expect(told).toHaveLength(60);
  expect(done).toEqual(told.filter((victim) => victim !== 'worker').map((victim) => `SIGKILL ${victim}`));
  expect(new Set(told)).toEqual(new Set(['blob', 'eventhubs', 'cosmos', 'functions', 'worker']));
  expect(killed(1, 60 * KILL_EVERY_MS).told).toEqual(told);
  expect(killed(2, 60 * KILL_EVERY_MS).told).not.toEqual(told);
});
