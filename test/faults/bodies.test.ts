import { runBodies } from './bodies/run-bodies';

test('hostile bodies at every door: each is answered as documented, and nothing is half done', async () => {
  // With this seed the first bodies of each door are of both sorts.
  const { faults, doors } = await runBodies({ seed: 10, count: 132 });
  expect(faults).toEqual([]);
  // Else the doors were shut for all, or open to all.
  for (const { door, outcomes } of doors) {
    const taken = [...outcomes.keys()].filter((outcome) => /^2\d\d(?! failed)/.test(outcome));
    expect([door, taken.length > 0, outcomes.size > taken.length]).toEqual([door, true, true]);
  }
}, 120_000);
