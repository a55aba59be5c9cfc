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
  /** From the end of the batch that made it until then; 0 where it came before its batch was closed. */
  readonly lag: Readonly<Record<string, Latency | null>>;
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
  const makers = new Map<string, { readonly due: number; readonly end: number | undefined }>();
  for (const { line, batchId, verdict, version } of landed) {
    const index = indexOf(line);
    if (index === undefined) continue;
    const due = dueOf(index);
    const end = ends.get(batchId);
    if (end !== undefined) verdicts.add(end - due);
    if (verdict === 'upserted') makers.set(`${line.key} ${version}`, { due, end });
  }
  const toConsumer: Record<string, Latency | null> = {};
  const lag: Record<string, Latency | null> = {};
  for (const { name, taken } of consumers) {
    const [sinceDue, sinceEnd] = [new Latencies(), new Latencies()];
    const seen = new Set<string>();
    for (const { key, version, at } of taken) {
      const what = `${key} ${version}`;
      const maker = makers.get(what);
      if (!maker || seen.has(what)) continue;
      seen.add(what);
      sinceDue.add(at - maker.due);
      if (maker.end !== undefined) sinceEnd.add(at - maker.end);
    }
    toConsumer[name] = sinceDue.summary() ?? null;
    lag[name] = sinceEnd.summary() ?? null;
  }
  return { toVerdict: verdicts.summary() ?? null, toConsumer, lag };
}
