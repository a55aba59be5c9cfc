export interface Search {
  /** The first rate that is tried. */
  readonly start: number;
  /** A rate that is not tried to be exceeded. */
  readonly most: number;
  /** The search ends when the answer is known to this share of itself. */
  readonly tolerance: number;
}

/**
 * The highest rate that is held, as far as a probe can tell: in doubled steps until one is not held, or in halved ones
 * until one is, then by bisection in between. 0: not even a thousandth of `start`.
 */
export async function highestHeld(
  holds: (rate: number) => Promise<boolean>,
  { start, most, tolerance }: Search,
): Promise<number> {
  let held = 0;
  let missed = Infinity;
  for (let rate = Math.min(start, most); missed === Infinity && held < most;) {
    if (await holds(rate)) {
      held = rate;
      rate = Math.min(most, rate * 2);
    } else missed = rate;
  }
  while (held === 0 && missed > start / 1_000) {
    const rate = missed / 2;
    if (await holds(rate)) held = rate;
    else missed = rate;
  }
  while (held > 0 && missed !== Infinity && missed - held > held * tolerance) {
    const rate = Math.round((held + missed) / 2);
    if (await holds(rate)) held = rate;
    else missed = rate;
  }
  return held;
}

/** Of `rate` and what is below it in steps of a share, the first that holds; 0: none of so many. */
export async function confirmed(
  holds: (rate: number) => Promise<boolean>,
  rate: number,
  { step, tries }: { step: number; tries: number },
): Promise<number> {
  for (let at = rate, left = tries; left > 0 && at >= 1; at = Math.floor(at * (1 - step)), left--)
    if (await holds(at)) return at;
  return 0;
}
