import * as fc from 'fast-check';
import { confirmed, highestHeld } from '../../../bench/lib/highest';

const search = { start: 500, most: 32_000, tolerance: 0.08 };

/** A server that holds up to a limit, and how often it was asked. */
function upTo(limit: number): { holds: (rate: number) => Promise<boolean>; asked: number[] } {
  const asked: number[] = [];
  return { asked, holds: (rate) => (asked.push(rate), Promise.resolve(rate <= limit)) };
}

test('finds any limit, to the tolerance, from below', async () => {
  await fc.assert(
    fc.asyncProperty(fc.double({ min: 20, max: 31_000, noNaN: true }), async (limit) => {
      const { holds, asked } = upTo(limit);
      const found = await highestHeld(holds, search);
      expect(found).toBeLessThanOrEqual(limit);
      expect(found).toBeGreaterThan(limit / 1.09 - 1);
      expect(asked.length).toBeLessThan(16);
    }),
  );
});

test('what holds everything is not asked for more than the most, what holds nothing is 0', async () => {
  expect(await highestHeld(upTo(Infinity).holds, search)).toBe(32_000);
  expect(await highestHeld(upTo(0).holds, search)).toBe(0);
});

test('what does not hold for longer is lowered', async () => {
  expect(await confirmed(upTo(850).holds, 1_000, { step: 0.1, tries: 3 })).toBe(810);
  expect(await confirmed(upTo(10).holds, 1_000, { step: 0.1, tries: 3 })).toBe(0);
});
