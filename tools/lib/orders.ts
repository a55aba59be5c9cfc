import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { csvRecords } from './csv';
import { APP_DIR } from './paths';
import { mixSeed, random } from './random';
import { schemaOf } from './rules';

/** A row of an order as `schemas/orders.json` describes it. */
export interface OrderRow {
  row_id: number;
  order_id: string;
  order_date: string;
  ship_date: string;
  ship_mode: string;
  customer_id: string;
  customer_name: string;
  segment: string;
  country: string;
  city: string;
  state: string;
  postal_code: string;
  region: string;
  product_id: string;
  category: string;
  sub_category: string;
  product_name: string;
  sales: number;
  quantity: number;
  discount: number;
  profit: number;
}

/** Below `data/`. */
export const ORDERS_FILE = 'orders/orders.csv';

/** Above every row_id of the samples. */
export const FIRST_GENERATED_ROW = 1_000_000;

let known: readonly OrderRow[] | undefined;

/** The 9,994 rows of `data/orders/orders.csv`, read when they are first asked for. */
export function orderRows(): readonly OrderRow[] {
  const text = (): string => readFileSync(join(APP_DIR, 'data', ORDERS_FILE), 'utf8');
  known ??= csvRecords(text(), schemaOf('orders')) as unknown as OrderRow[];
  return known;
}

export interface OrderOptions {
  readonly seed: number;
  /** Without end when it is left out. */
  readonly count?: number;
  /** Number of the first row, to give several producers ranges of their own. */
  readonly first?: number;
}

/** Rows drawn from the known ones, with new row_ids one after the other: the same for the same options, lazy. */
export function* orders(options: OrderOptions): Generator<OrderRow> {
  const { seed, count = Infinity, first = 0 } = options;
  const rows = orderRows();
  for (let number = first; number < first + count; number++) {
    const drawn = random(mixSeed(seed, number)).pick(rows);
    yield { ...drawn, row_id: FIRST_GENERATED_ROW + number };
  }
}
