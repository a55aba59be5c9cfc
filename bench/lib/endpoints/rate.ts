/** How much of something is done: a bench may do less of everything. */
export type Amount = (whole: number) => number;

/** Of this share of the work V8 compiles what it needs; it does not count. */
const WARM_UP = 0.25;

/** How many of `count` things are done in a second, after some that do not count. */
export async function perSecond(count: number, work: (count: number) => Promise<unknown>): Promise<number> {
  await work(Math.max(1, Math.round(count * WARM_UP)));
  const begin = performance.now();
  await work(count);
  return (count * 1_000) / (performance.now() - begin);
}
