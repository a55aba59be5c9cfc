import { Latencies } from '../load/latency';
import type { Latency } from '../load/options';
import type { Landed } from './check-batches';
import type { IndexOf } from './check-hub';
import type { BatchFact, ConsumerFact } from './facts';

export interface Times {
  /** From the moment at which a record was due until its batch was closed with its verdict, ms. */
  readonly toVerdict: Latency | null;
  /** Until the version that it made had first come to each subscriber, and was accepted. */
  readonly toConsumer: Readonly<Record<string, Latency | null>>;
}

interface Run {
  readonly landed: readonly Landed[];
  readonly batches: readonly BatchFact[];
  readonly consumers: readonly ConsumerFact[];
  readonly indexOf: IndexOf;
  /** When a record was due, ms since the epoch. */
  readonly dueOf: (index: number) => number;
}

/** As far as stored times tell: a document's own time is in whole seconds, that of its batch's end in ms. */
export function timesOf({ landed, batches, consumers, indexOf, dueOf }: Run): Times {
  const ends = new Map(batches.map(({ id, completedAt }) => [id, completedAt]));
  const verdicts = new Latencies();
  const makers = new Map<string, number>();
  for (const { line, batchId, verdict, version } of landed) {
    const index = indexOf(line);
    if (index === undefined) continue;
    const due = dueOf(index);
    const end = ends.get(batchId);
    if (end !== undefined) verdicts.add(end - due);
    if (verdict === 'upserted') makers.set(`${line.key} ${version}`, due);
  }
  const toConsumer = consumers.map(({ name, taken }) => {
    const latencies = new Latencies();
    const seen = new Set<string>();
    for (const { key, version, at } of taken) {
      const what = `${key} ${version}`;
      const due = makers.get(what);
      if (due === undefined || seen.has(what)) continue;
      seen.add(what);
      latencies.add(at - due);
    }
    return [name, latencies.summary() ?? null] as const;
  });
  return { toVerdict: verdicts.summary() ?? null, toConsumer: Object.fromEntries(toConsumer) };
}
