import { setTimeout as delay } from 'node:timers/promises';
import type { LedgerReport } from '../api';
import type { ConsumerState } from './consumers';

/** Usually: a request of a worker that was killed has a lease of 20 s, ms. */
const QUIET_MS = 60_000;
const POLL_MS = 500;
/** The ledger reads every document. */
const LEDGER_POLL_MS = 2_000;

export interface DrainSources {
  /** Behind the door. */
  progress(): Promise<{ unclaimed: number; open: number; versions: number }>;
  consumers(): Promise<readonly ConsumerState[]>;
  ledger(): Promise<LedgerReport>;
  tell(text: string): void;
  /** Given up when nothing has moved for so long, ms. */
  readonly quietMs?: number;
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
  const upserted = await settled(sources, ({ unclaimed, open }) => unclaimed === 0 && open === 0);
  if (!upserted) return { done: false };
  const upsertedMs = since();
  const delivered = await settled(sources, ({ versions }, states) =>
    states.every((state) => state.versions >= versions),
  );
  const deliveredMs = since();
  const done = await nothingPending(sources);
  return { done: delivered && done, upsertedMs, ...(delivered ? { deliveredMs } : {}) };
}

type Condition = (
  progress: Awaited<ReturnType<DrainSources['progress']>>,
  states: readonly ConsumerState[],
) => boolean;

async function settled(sources: DrainSources, condition: Condition): Promise<boolean> {
  let last = { text: '', at: performance.now() };
  for (;;) {
    // A store that is just being restarted is asked again.
    const progress = await sources.progress().catch(() => undefined);
    const states = await sources.consumers();
    if (progress && condition(progress, states)) return true;
    const now = performance.now();
    const text = JSON.stringify([progress, states.map(({ versions, received }) => [versions, received])]);
    if (progress && text !== last.text) {
      last = { text, at: now };
      sources.tell(
        `  ${progress.unclaimed} events to be claimed, ${progress.open} batches open, ${progress.versions} versions; ` +
          `told: ${states.map(({ versions }) => versions).join(' and ')}`,
      );
    }
    if (now - last.at > (sources.quietMs ?? QUIET_MS)) return false;
    await delay(POLL_MS);
  }
}

/** An attempt that was answered may not be stored yet, or have been another's. */
async function nothingPending(sources: DrainSources): Promise<boolean> {
  for (
    const end = performance.now() + (sources.quietMs ?? QUIET_MS);
    performance.now() < end;
    await delay(LEDGER_POLL_MS)
  ) {
    const report = await sources.ledger().catch(() => undefined);
    if (!report) continue;
    const pending = report.subscriptions.reduce(
      (sum, { pending: { due, trying, waiting } }) => sum + due + trying + waiting,
      0,
    );
    if (pending === 0 && report.total.inFlight === 0) return true;
  }
  return false;
}
