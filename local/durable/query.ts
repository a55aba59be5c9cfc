import { millisToStamp } from './clock';
import { TERMINAL, type InstanceRow, type RuntimeStatus } from './schema';
import type { ListFilter, Store } from './store';

/** How {@link listPage} filters; times in Unix milliseconds. */
export interface ListQuery {
  from?: string;
  prefix?: string;
  createdFrom?: number;
  createdTo?: number;
  statuses?: readonly RuntimeStatus[];
  top: number;
}

export interface ListPage {
  instances: InstanceRow[];
  /** The id with which the next page begins. */
  next: string | undefined;
}

/** Rows read at a time while filtering by a status that only the memory knows. */
const LIST_BATCH = 500;

/** What {@link purgeEnded} removes; times in Unix milliseconds. */
export interface PurgeQuery {
  createdFrom: number;
  createdTo?: number;
  /** Those that are not terminal are passed over; absent: all that are. */
  statuses?: readonly RuntimeStatus[];
}

/** Instances removed in one write: others wait for it. */
const PURGE_BATCH = 100;

/** Removes ended instances, some at a time, and gives their number. */
export async function purgeEnded(store: Store, query: PurgeQuery): Promise<number> {
  const { createdFrom, createdTo, statuses = TERMINAL } = query;
  const filter = {
    createdFrom: stampOf(createdFrom),
    createdTo: toStamp(createdTo),
    statuses: TERMINAL.filter((status) => statuses.includes(status)),
  };
  let purged = 0;
  for (let after = 0; filter.statuses.length > 0;) {
    const found = store.ended(after, filter, PURGE_BATCH);
    const last = found.at(-1);
    if (last === undefined) break;
    purged += await store.database.write(() => found.filter((seq) => store.removeEnded(seq)).length);
    after = last;
  }
  return purged;
}

function stampOf(ms: number): string {
  return millisToStamp(ms).slice(0, -1);
}

function toStamp(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : stampOf(ms);
}

/**
 * One page of instances in the order of their ids.
 * @param current what is known of an instance beyond its row: the status of live ones is in memory.
 */
export function listPage(
  store: Store,
  query: ListQuery,
  current: (stored: InstanceRow) => InstanceRow,
): ListPage {
  const found: InstanceRow[] = [];
  const filter: ListFilter = {
    from: query.from ?? '',
    prefix: query.prefix ?? '',
    createdFrom: toStamp(query.createdFrom),
    createdTo: toStamp(query.createdTo),
    statuses: query.statuses,
  };
  const batch = Math.min(LIST_BATCH, query.top + 1);
  for (;;) {
    const rows = store.list(filter, batch);
    for (const stored of rows) {
      const row = current(stored);
      if (query.statuses && !query.statuses.includes(row.status)) continue;
      if (found.length === query.top) return { instances: found, next: row.id };
      found.push(row);
    }
    const last = rows.at(-1);
    if (rows.length < batch || !last) return { instances: found, next: undefined };
    // The smallest string that sorts after an id.
    filter.from = `${last.id}\0`;
  }
}
