import { millisToStamp } from './clock';
import type { InstanceRow, ListFilter, RuntimeStatus, Store } from './store';

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

function toStamp(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : millisToStamp(ms).slice(0, -1);
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
