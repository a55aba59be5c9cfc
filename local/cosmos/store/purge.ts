import type { DatabaseSync } from 'node:sqlite';
import { log } from '../../shared/log';
import type { Database } from '../../shared/database';
import type { Catalog } from './catalog';
import type { ContainerRecord } from './resources';
import { retentionMs } from './change-logs';

const PAUSE_MS = 5_000;
/** Small enough that a slice does not hold up the requests between two slices. */
const SLICE = 200;

/** Deletes some of what is over in a container, items and logged changes; returns of how many there may be more. */
export function purgeSlice(
  catalog: Catalog,
  db: DatabaseSync,
  { num, items, definition }: ContainerRecord,
  now: number,
): number {
  if (!db.prepare('SELECT 1 FROM containers WHERE num = ?').get(num)) return 0;
  const expired = items.purge(definition.defaultTtl, now, SLICE);
  const logged = expired.length > 0 && catalog.logs.since(num) !== undefined;
  const numbers = logged ? catalog.reserveLsns(db, num, expired.length) : undefined;
  if (numbers) {
    const log = catalog.logs.of(num);
    expired.forEach(({ lsn: previous, ...item }, n) => {
      const lsn = numbers.first + n;
      log.add({ ...item, lsn, type: 'delete', previous, ts: now, expired: true, body: null });
    });
  }
  return Math.max(expired.length, catalog.logs.purge(db, num, now - retentionMs(definition), SLICE));
}

/** Deletes expired items, which nobody can see any more, a few at a time. Returns how to stop. */
export function startPurging(context: {
  readonly store: Database;
  readonly catalog: Catalog;
  readonly clock: () => number;
}): () => void {
  const { store, catalog, clock } = context;
  const stop = new AbortController();
  let running = false;
  const purgeAll = async (): Promise<void> => {
    for (const container of catalog.allContainers()) {
      let purged = SLICE;
      while (purged >= SLICE && !stop.signal.aborted)
        purged = await store.write((db) => purgeSlice(catalog, db, container, clock()));
    }
  };
  const timer = setInterval(() => {
    if (running) return;
    running = true;
    purgeAll()
      .catch((error: unknown) => log('cosmos', `expired items were not purged: ${String(error)}`))
      .finally(() => (running = false));
  }, PAUSE_MS);
  timer.unref();
  return () => {
    stop.abort();
    clearInterval(timer);
  };
}
