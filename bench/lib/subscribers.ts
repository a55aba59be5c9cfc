import { Api } from '../../tools/lib/api';
import type { Entry } from '../../tools/lib/consumer';
import { Subscriptions } from '../../tools/lib/subscriptions';
import type { Cloud } from './cloud';
import type { Posted } from './load';

/** Subscribes these addresses to all products. @throws when one of them did not consent */
export async function subscribeAll(cloud: Cloud, urls: readonly string[], secret?: string): Promise<void> {
  const subscriptions = new Subscriptions(new Api(cloud.hostUrl, cloud.functionKey));
  const settings = { datasets: ['products'], ...(secret === undefined ? {} : { secret }) };
  await Promise.all(urls.map((url) => subscriptions.createActive({ url, ...settings })));
}

/**
 * For each change of these batches, ms from the moment at which its batch was to be posted to the arrival of the first
 * request about it, in ascending order.
 * @throws Error when one of them did not arrive
 */
export function waitsOf(posted: readonly Posted[], log: readonly Entry[]): number[] {
  const due = new Map(posted.map((batch) => [batch.batchId, batch.due]));
  const first = new Map<string, number>();
  for (const { subject, version, batchId, at } of log) {
    const begun = due.get(batchId);
    const change = `${version} ${subject}`;
    if (begun !== undefined && !first.has(change)) first.set(change, at - begun);
  }
  const expected = posted.reduce((sum, { records }) => sum + records, 0);
  if (first.size !== expected) throw new Error(`Of ${expected} changes ${first.size} arrived.`);
  return [...first.values()].sort((a, b) => a - b);
}

/** The value that a share (0 to 1) of the ascending values do not exceed. */
export function quantile(ascending: readonly number[], share: number): number {
  return ascending[Math.max(0, Math.ceil(ascending.length * share) - 1)] ?? Number.NaN;
}
