import type { AttemptRecord, DeliveryRow } from '../domain/egress/row';

/** A row as it was read, with the ETag that its replacement must name. */
export interface StoredRow {
  readonly row: DeliveryRow;
  readonly etag: string;
}

export interface RowKey {
  readonly pk: string;
  readonly id: string;
}

/** A row that is to be changed, as far as it is known; `stored` undefined: there is none. */
export interface KnownRow extends RowKey {
  readonly stored: StoredRow | undefined;
}

/** A name for the key of a row. */
export const rowName = ({ pk, id }: RowKey): string => `${pk}/${id}`;

/** Rows as they were read, to be changed. */
export const knownRows = (rows: readonly StoredRow[]): KnownRow[] =>
  rows.map((stored) => ({ pk: stored.row.pk, id: stored.row.id, stored }));

/** What is to become of a row; undefined: it stays as it is. */
export type Change = { readonly row: DeliveryRow; readonly attempt?: AttemptRecord } | undefined;
