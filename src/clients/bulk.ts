import { setTimeout as delay } from 'node:timers/promises';
import type { Container, OperationInput } from '@azure/cosmos';
import { mapLimited } from './once';

/** Operations of one bulk request: the SDK takes no more for a range. */
export const MAX_OPERATIONS = 100;

/** Requests under way at the same time. */
export const REQUESTS_AT_A_TIME = 4;

export const THROTTLED = 429;
const MISSING = 404;

/** Waits before an operation is repeated that the store put off: the SDK does not repeat those of a bulk. */
export const throttledPause = (): Promise<void> => delay(100 * (1 + Math.random()));

/**
 * Reads items of any partitions, a hundred in a request; each costs what a point read does (1 RU for 1 KB). Those that
 * are missing are left out.
 */
export async function readItems<T>(
  { items }: Container,
  keys: readonly { readonly pk: string; readonly id: string }[],
): Promise<{ found: T[]; requestCharge: number }> {
  const found: T[] = [];
  let requestCharge = 0;
  for (let left = [...keys]; left.length > 0;) {
    const requests: (typeof left)[] = [];
    for (let start = 0; start < left.length; start += MAX_OPERATIONS)
      requests.push(left.slice(start, start + MAX_OPERATIONS));
    const throttled = await mapLimited(requests, REQUESTS_AT_A_TIME, async (part) => {
      const operations = part.map(({ pk, id }): OperationInput => ({
        operationType: 'Read',
        id,
        partitionKey: pk,
      }));
      const results = await items.bulk(operations, { continueOnError: true });
      return part.filter((_, at) => {
        const { statusCode, resourceBody, requestCharge: charge } = results[at] ?? { statusCode: 0 };
        requestCharge += charge ?? 0;
        if (statusCode === 200) found.push(resourceBody as T);
        else if (statusCode !== MISSING && statusCode !== THROTTLED)
          throw Object.assign(new Error(`The store answered ${statusCode} to a read.`), { code: statusCode });
        return statusCode === THROTTLED;
      });
    });
    left = throttled.flat();
    if (left.length > 0) await throttledPause();
  }
  return { found, requestCharge };
}
