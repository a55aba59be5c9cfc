import { rounded, type Figure } from './bench';
import type { Cloud, Counters } from './cloud';
import type { DurableClient } from './durable-client';
import type { HeadwaterClient } from './headwater-client';
import { until } from './work';

/** What the services counted for one batch, and into how many chunks it was split. */
export interface Cost extends Counters {
  readonly chunks: number;
}

/** What must depend on the number of chunks alone. Requests of Cosmos DB do not: a chunk has more groups when it is fuller. */
export const PER_CHUNK = [
  'activities',
  'historyEvents',
  'storageTransactions',
  'eventHubOperations',
] as const satisfies readonly (keyof Counters)[];

const POLL_MS = 10;
const TIMEOUT_MS = 300_000;

/**
 * Posts a batch of new keys and tells what it cost. Its end is learned from the durable engine, so that no question
 * after it is counted. Nothing else may be under way.
 * @throws when not every record is a new version.
 */
export async function costOf(
  { cloud, client, durable }: { cloud: Cloud; client: HeadwaterClient; durable: DurableClient },
  body: Buffer,
  count: number,
): Promise<Cost> {
  const before = await cloud.counters();
  const { batchId } = await client.post(body);
  const ended = await until(`The end of batch ${batchId}`, POLL_MS, TIMEOUT_MS, async () => {
    const status = await durable.status(batchId);
    return ['Pending', 'Running'].includes(status.runtimeStatus) ? undefined : status;
  });
  const after = await cloud.counters();
  const { status, counts } = await client.status(batchId);
  if (counts?.['upserted'] !== count) {
    throw new Error(`The batch ended as ${status} with ${JSON.stringify(counts)}.`);
  }
  const { chunks } = (ended.customStatus ?? {}) as { chunks?: unknown };
  if (typeof chunks !== 'number') throw new Error('The batch does not tell how many chunks it has.');
  return { chunks, ...growth(before, after) };
}

/** How much each counter has grown. */
export function growth(before: Counters, after: Counters): Counters {
  const grown = Object.entries(after).map(([name, to]) => {
    const from = before[name as keyof Counters];
    return [name, from === null || to === null ? null : to - from];
  });
  return Object.fromEntries(grown) as Counters;
}

/**
 * How many times as much a chunk of the one batch costs as a chunk of the other, by that of {@link PER_CHUNK} which
 * has grown most; null when one of them was not counted.
 */
export function growthPerChunk(from: Cost, to: Cost): number | null {
  const ratios = PER_CHUNK.map((name) => {
    const [before, after] = [from[name], to[name]];
    return before === null || after === null ? Number.NaN : after / to.chunks / (before / from.chunks);
  });
  const largest = Math.max(...ratios);
  return Number.isNaN(largest) ? null : rounded(largest);
}

/** A cost as one figure of parts. */
export function costFigure({ requestUnits, ...cost }: Cost): Figure {
  return { ...cost, requestUnits: requestUnits === null ? null : rounded(requestUnits) };
}
