import { runBodies } from './bodies/run-bodies';

test('hostile bodies at every door: each is answered as documented, and nothing is half done', async () => {
  const { faults, doors } = await runBodies({ seed: 1, count: 160, slowestMs: 30_000 });
  expect(faults).toEqual([]);
  for (const { door, outcomes } of doors) expect([door, outcomes.size]).toEqual([door, expect.any(Number)]);
}, 120_000);
