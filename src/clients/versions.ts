import { ChangeFeedStartFrom, type Container, type ItemDefinition } from '@azure/cosmos';
import type { Envelope } from '../domain/ingest/envelope';

/** The `documents` container as the ledger reads it: sums, and what the change feed says. */
export interface Versions {
  /** How many documents a partition has, and the sum of their versions. */
  sums(pk: string): Promise<{ readonly documents: number; readonly versions: number }>;
  /**
   * The last writes of these documents, as the change feed of their partition tells them. What was not written since
   * `since` (the store's time, seconds) is left out.
   */
  lastWrites(pk: string, since: number, ids: ReadonlySet<string>): Promise<LastWrites>;
}

export interface LastWrites {
  /** The physical partition, if the store says it. */
  readonly range: string | undefined;
  /** Log sequence numbers by id of the document. */
  readonly lsns: ReadonlyMap<string, number>;
}

type Item = ItemDefinition & Partial<Envelope> & { _lsn?: number };

/** A feed that begins at a time has the grain of a second. */
const FEED_MARGIN_S = 5;
const FEED_PAGE = 200;
const NOT_MODIFIED = 304;

const SUMS = 'SELECT COUNT(1) AS documents, SUM(c._hw.version) AS versions FROM c WHERE IS_DEFINED(c._hw)';

export function createVersions(container: () => Promise<Container>): Versions {
  return {
    async sums(pk) {
      const { items } = await container();
      const { resources } = await items
        .query<{ documents?: number; versions?: number }>(SUMS, { partitionKey: pk })
        .fetchAll();
      return { documents: resources[0]?.documents ?? 0, versions: resources[0]?.versions ?? 0 };
    },

    async lastWrites(pk, since, ids) {
      const { items } = await container();
      const changeFeedStartFrom = ChangeFeedStartFrom.Time(new Date((since - FEED_MARGIN_S) * 1000), pk);
      const feed = items.getChangeFeedIterator<Item>({ changeFeedStartFrom, maxItemCount: FEED_PAGE });
      const lsns = new Map<string, number>();
      let range: string | undefined;
      while (lsns.size < ids.size) {
        const page = await feed.readNext();
        range ??= page.headers['x-ms-documentdb-partitionkeyrangeid'] as string | undefined;
        for (const { id = '', _hw, _lsn } of page.result ?? []) {
          if (_hw && _lsn !== undefined && ids.has(id)) lsns.set(id, _lsn);
        }
        if (page.statusCode === NOT_MODIFIED) break;
      }
      return { range, lsns };
    },
  };
}
