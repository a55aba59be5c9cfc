import { log } from '../../shared/log';
import type { Database } from '../../shared/database';
import type { Catalog } from './catalog';

const PAUSE_MS = 5_000;
/** Small enough that a slice does not hold up the requests between two slices. */
const SLICE = 200;

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
    for (const { num, items, definition } of catalog.allContainers()) {
      let purged = SLICE;
      while (purged >= SLICE && !stop.signal.aborted) {
        purged = await store.write((db) => {
          const exists = db.prepare('SELECT 1 FROM containers WHERE num = ?').get(num);
          return exists ? items.purge(definition.defaultTtl, clock(), SLICE) : 0;
        });
      }
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
