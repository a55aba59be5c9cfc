import type { Container } from '@azure/cosmos';
import type { DeliveryRow } from '../domain/egress/row';
import type { CountedRow } from '../domain/ledger/rows';
import { readPage } from './cosmos';

/** How far a delivery row is. */
export type RowProgress = Pick<DeliveryRow, 'owed' | 'settled' | 'told'>;

/** The rows of the `deliveries` container as the ledger reads them: many, and only what is counted. */
export interface Rows {
  /** The rows of one partition, page by page; no continuation: it was the last. */
  page(
    pk: string,
    most: number,
    continuation: string | undefined,
  ): Promise<{ readonly rows: readonly CountedRow[]; readonly continuation: string | undefined }>;
  /** How far the rows of these ids in one partition are, by id. */
  progress(pk: string, ids: readonly string[]): Promise<Map<string, RowProgress>>;
}

const COUNTED = `SELECT c.subscription, c.dataset, c.key, c.base, c.owed, c.settled, c.delivered, c.superseded,
  c.deadLettered, c.notOwed, c.due, c.attempt["until"] FROM c WHERE c.type = 'row'`;

export function createRows(container: () => Promise<Container>): Rows {
  return {
    async page(pk, most, continuation) {
      const page = await readPage<CountedRow>(await container(), COUNTED, pk, most, continuation);
      return { rows: page.found, continuation: page.continuation };
    },

    async progress(pk, ids) {
      const query = 'SELECT c.id, c.owed, c.settled, c.told FROM c WHERE ARRAY_CONTAINS(@ids, c.id)';
      const parameters = [{ name: '@ids', value: [...ids] }];
      const options = { partitionKey: pk, maxItemCount: ids.length };
      const { items } = await container();
      const { resources } = await items
        .query<RowProgress & { id: string }>({ query, parameters }, options)
        .fetchAll();
      return new Map(resources.map((row) => [row.id, row]));
    },
  };
}
