import { csvLine } from './csv';

/** A row of orders as it stands in CSV. */
export type Cells = Readonly<Record<string, string>>;

export interface OrderFault {
  readonly name: string;
  /** As the app has to say it: the schema's keyword, `csv` for a row that cannot be read, `eventTime`. */
  readonly keyword: string;
  readonly pointer: string;
  /** The line of the row, spoilt. */
  readonly line: (row: Cells) => string;
}

const lineOf = (row: Cells): string => csvLine(Object.values(row));

/** Another text in one cell. */
const cell = (name: string, keyword: string, column: string, text: string): OrderFault => ({
  name,
  keyword,
  // A missing member is named by its parent.
  pointer: keyword === 'required' ? '' : `/${column}`,
  line: (row) => lineOf({ ...row, [column]: text }),
});

/** A line that is no row. */
const broken = (name: string, line: OrderFault['line']): OrderFault => ({
  name,
  keyword: 'csv',
  pointer: '',
  line,
});

/** The row with a product name that is written as it is, quotes and commas included. */
function withRawName(row: Cells, text: string): string {
  const cells = Object.entries(row).map(([name, value]) =>
    name === 'product_name' ? text : csvLine([value]),
  );
  return cells.join(',');
}

/** Each breaks exactly one rule, so that exactly one error is right. */
export const ORDER_FAULTS: readonly OrderFault[] = [
  broken('cell-missing', (row) => csvLine(Object.values(row).slice(0, -1))),
  broken('comma-not-quoted', (row) => withRawName(row, 'Stapler, red')),
  broken('cells-of-two-rows', (row) => `${lineOf(row)},${lineOf(row)}`),
  broken('quote-not-doubled', (row) => withRawName(row, 'Binder 11" wide')),
  broken('text-after-quote', (row) => withRawName(row, '"Pillow Soft"Series Chair')),
  cell('key-missing', 'required', 'row_id', ''),
  cell('key-not-a-number', 'type', 'row_id', 'row 12'),
  cell('key-fractional', 'type', 'row_id', '20012.5'),
  cell('key-zero', 'minimum', 'row_id', '0'),
  cell('date-missing', 'required', 'order_date', ''),
  cell('date-no-such-day', 'format', 'order_date', '2018-02-30'),
  cell('date-american', 'format', 'order_date', '2/28/2018'),
  cell('date-with-time', 'format', 'order_date', '2018-02-28T00:00:00Z'),
  cell('date-far-future', 'eventTime', 'order_date', '2999-01-01'),
  cell('ship-date-no-such-month', 'format', 'ship_date', '2018-13-01'),
  cell('order-id-without-year', 'pattern', 'order_id', 'CA-152156'),
  cell('ship-mode-unknown', 'enum', 'ship_mode', 'Drone'),
  cell('region-unknown', 'enum', 'region', 'Norrland'),
  cell('customer-missing', 'required', 'customer_name', ''),
  cell('postal-code-short', 'pattern', 'postal_code', '2108'),
  cell('sales-decimal-comma', 'type', 'sales', '261,96'),
  cell('sales-with-currency', 'type', 'sales', '$261.96'),
  cell('sales-with-blank', 'type', 'sales', ' 261.96'),
  cell('sales-negative', 'minimum', 'sales', '-261.96'),
  cell('quantity-in-words', 'type', 'quantity', 'two'),
  cell('quantity-fractional', 'type', 'quantity', '2.5'),
  cell('quantity-zero', 'minimum', 'quantity', '0'),
  cell('discount-in-percent', 'maximum', 'discount', '20'),
  cell('profit-beyond-double', 'type', 'profit', '1e999'),
];
