import { median } from '../work';

/** How much of something is done: a bench may do less of everything. */
export type Amount = (whole: number) => number;

/** Of this share of the work V8 compiles what it needs; it does not count. */
const WARM_UP = 0.25;

/** Of which the median counts: machines are not of one speed. */
const RUNS = 3;

/** How many of `count` things are done in a second, after some that do not count: the median of some runs. */
export async function perSecond(count: number, work: (count: number) => Promise<unknown>): Promise<number> {
  await work(Math.max(1, Math.round(count * WARM_UP)));
  const rates: number[] = [];
  while (rates.length < RUNS) {
    const begin = performance.now();
    await work(count);
    rates.push((count * 1_000) / (performance.now() - begin));
  }
  return median(rates);
}
