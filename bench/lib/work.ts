/** Takes items one after the other in `lanes` lanes, so that so many are in flight; ends at the first failure. */
export async function inLanes<T>(
  lanes: number,
  items: Iterable<T>,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const source = items[Symbol.iterator]();
  let failed = false;
  const lane = async (): Promise<void> => {
    for (let next = source.next(); !next.done && !failed; next = source.next()) {
      try {
        await work(next.value);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

/** Runs what it is given, at most `lanes` at once, the rest in the order of the calls. */
export function limiter(lanes: number): <T>(work: () => Promise<T>) => Promise<T> {
  let free = lanes;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free++;
    }
  };
}

/** Counts upwards: `count` numbers, or as many as fit into `seconds` when that is given. */
export function* amount(count: number, seconds: number | undefined): Generator<number> {
  const end = seconds === undefined ? undefined : performance.now() + seconds * 1_000;
  for (let at = 0; end === undefined ? at < count : performance.now() < end; at++) yield at;
}

/** The middle one of an odd number of values. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

export const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * Asks again and again until the answer is there.
 * @param everyMs pause between two questions: how exact the moment is that the answer tells.
 * @throws after `timeoutMs`.
 */
export async function until<T>(
  what: string,
  everyMs: number,
  timeoutMs: number,
  ask: () => Promise<T | undefined>,
): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > end) throw new Error(`${what} did not happen within ${timeoutMs / 1_000} s.`);
    await pause(everyMs);
  }
}
