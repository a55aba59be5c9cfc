import { setTimeout as delay } from 'node:timers/promises';
import type { LedgerReport } from '../api';
import type { ConsumerState } from './consumers';

/** Usually: a request of a worker that was killed has a lease of 20 s, ms. */
const QUIET_MS = 60_000;
const POLL_MS = 500;
/** The ledger reads every document: so much more seldom it is asked. */
const LEDGER_POLLS = 4;

export interface DrainSources {
  /** Behind the door. */
  progress(): Promise<{ unclaimed: number; open: number }>;
  /** The sum of all documents' versions. Asked once only: it reads every document. */
  versions(): Promise<number>;
  consumers(): Promise<readonly ConsumerState[]>;
  readonly ledger: () => Promise<LedgerReport>;
  readonly tell: (text: string) => void;
  /** Given up when nothing has moved for so long, ms. */
  readonly quietMs?: number;
  /** Between two questions, ms. */
  readonly pollMs?: number;
}

export interface Drain {
  /** Whether everything came to its end. */
  readonly done: boolean;
  /** ms until everything was claimed and every batch closed; undefined: never. */
  readonly upsertedMs?: number;
  /** ms until each subscriber had the last version of every document; undefined: never. */
  readonly deliveredMs?: number;
}

/** Waits until every record has a verdict and nothing is owed to anybody, or nothing moves any more. */
export async function drain(sources: DrainSources): Promise<Drain> {
  const begin = performance.now();
  const since = (): number => Math.round(performance.now() - begin);
  const upserted = await settled(sources, async () => {
    const { unclaimed, open } = await sources.progress();
    return {
      done: unclaimed === 0 && open === 0,
      state: `${unclaimed} events to be claimed, ${open} batches open`,
    };
  });
  if (!upserted) return { done: false };
  const upsertedMs = since();
  let versions: number | undefined;
  const delivered = await settled(sources, async () => {
    const all = (versions ??= await sources.versions());
    const states = await sources.consumers();
    return {
      done: states.every((state) => state.versions >= all),
      state: `of ${all} versions told: ${states.map((state) => state.versions).join(' and ')}`,
    };
  });
  const deliveredMs = since();
  const done = await nothingPending(sources);
  return { done: delivered && done, upsertedMs, ...(delivered ? { deliveredMs } : {}) };
}

/** Asks until all is done; false when nothing has moved for long. */
async function settled(
  { tell, quietMs = QUIET_MS, pollMs = POLL_MS }: Pick<DrainSources, 'tell' | 'quietMs' | 'pollMs'>,
  look: () => Promise<{ done: boolean; state: string }>,
): Promise<boolean> {
  let last = { state: '', at: performance.now() };
  for (;;) {
    // A store that is just being restarted is asked again.
    const seen = await look().catch(() => undefined);
    if (seen?.done) return true;
    const now = performance.now();
    if (seen && seen.state !== last.state) {
      last = { state: seen.state, at: now };
      tell(`  ${seen.state}`);
    }
    if (now - last.at > quietMs) return false;
    await delay(pollMs);
  }
}

/** An attempt that was answered may not be stored yet, or have been another's. */
async function nothingPending({
  ledger,
  quietMs = QUIET_MS,
  pollMs = POLL_MS,
}: Pick<DrainSources, 'ledger' | 'quietMs' | 'pollMs'>): Promise<boolean> {
  const end = performance.now() + quietMs;
  for (; performance.now() < end; await delay(LEDGER_POLLS * pollMs)) {
    const report = await ledger().catch(() => undefined);
    if (!report) continue;
    const pending = report.subscriptions.reduce(
      (sum, { pending: { due, trying, waiting } }) => sum + due + trying + waiting,
      0,
    );
    if (pending === 0 && report.total.inFlight === 0) return true;
  }
  return false;
}
