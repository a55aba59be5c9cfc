import { timesOf } from '../../../tools/lib/prove/times';
import type { Line } from '../../../tools/lib/prove/facts';

const line = (id: string, key: string) => ({ id, key }) as Line;

test('times count from when a record was due', () => {
  const indices = new Map([
    ['r1', 1],
    ['r2', 2],
  ]);
  const times = timesOf({
    landed: [
      { line: line('r1', 'k'), batchId: 'b', verdict: 'upserted', version: 1 },
      { line: line('r2', 'k'), batchId: 'b', verdict: 'upserted', version: 2 },
      // Of nobody knows which record.
      { line: line('r3', 'k'), batchId: 'b', verdict: 'stale' },
    ],
    batches: [
      { id: 'b', status: 'completed', accepted: 3, requestCharge: 0, completedAt: 3_000, verdicts: [] },
    ],
    consumers: [
      {
        name: 'one',
        subscription: 's',
        taken: [
          { key: 'k', version: 2, at: 4_000 },
          // The second time is no news.
          { key: 'k', version: 2, at: 9_000 },
        ],
      },
      { name: 'other', subscription: 's', taken: [] },
    ],
    indexOf: ({ id }) => indices.get(id),
    dueOf: (index) => index * 1_000,
  });
  const within = (ms: number | undefined, expected: number): void => {
    expect(Math.abs((ms ?? 0) - expected)).toBeLessThan(expected / 500);
  };
  within(times.toVerdict?.p50, 1_000);
  within(times.toVerdict?.max, 2_000);
  within(times.toConsumer['one']?.max, 2_000);
  within(times.lag['one']?.max, 1_000);
  expect(times.toConsumer['other']).toBeNull();
});
