import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ORDER_FAULTS, type Cells } from './bad-orders';
import { csvLine, readCsv } from './csv';
import { ORDERS_FILE, orderRows, type OrderRow } from './orders';
import { APP_DIR } from './paths';
import { numbers, shuffled, type SampleFile } from './sample-file';

const DAY = 24 * 3_600_000;

/** Places in the first file, or, of new rows, numbers; `length` is how many of the kind there are. */
const MIXED = {
  newcomers: { first: 0, length: 30 },
  pairs: { first: 100, length: 8 },
  twins: { first: 200, length: 4 },
  ties: { first: 300, length: 3 },
  sentAgain: { first: 1_000, length: 12 },
  corrected: { first: 2_000, length: 10 },
  older: { first: 3_000, length: 6 },
  laterOnly: { first: 4_000, length: 4 },
} as const;

/** Row ids of new rows begin here: the first file has 1 to 9,994. */
const NEW_ROWS = 20_001;
/** After the last day of the first file. */
const NEW_DAYS = Date.parse('2018-01-02');

const day = (time: number): string => new Date(time).toISOString().slice(0, 10);

const known = (place: number): OrderRow => orderRows()[place] as OrderRow;

/** A new row: that of the first file at a place of its own, with an id and days of its own. */
function newRow(number: number, daysLater = 0): OrderRow {
  const ordered = NEW_DAYS + ((number % 28) + daysLater) * DAY;
  return {
    ...known((number * 37) % 9_994),
    row_id: NEW_ROWS + number,
    order_date: day(ordered),
    ship_date: day(ordered + 4 * DAY),
  };
}

const moved = (row: OrderRow, days: number): OrderRow => ({
  ...row,
  order_date: day(Date.parse(row.order_date) + days * DAY),
});
const corrected = (row: OrderRow): OrderRow => ({ ...row, quantity: row.quantity + 1 });
/** A cell with everything that has to be quoted. */
const withNote = (row: OrderRow): OrderRow => ({
  ...row,
  product_name: `${row.product_name},\n"gift wrapped", no ½ measures`,
});

const cellsOf = (row: OrderRow): Cells =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name, String(value)]));

function goodRows(): OrderRow[] {
  return [
    ...numbers(MIXED.newcomers).map((number) =>
      number % 10 === 0 ? withNote(newRow(number)) : newRow(number),
    ),
    ...numbers(MIXED.pairs).flatMap((number) => [newRow(number, 1), corrected(newRow(number))]),
    ...numbers(MIXED.twins).flatMap((number) => [newRow(number), newRow(number)]),
    ...numbers(MIXED.ties).flatMap((number) => [newRow(number), corrected(newRow(number))]),
    ...numbers(MIXED.sentAgain).map(known),
    ...numbers(MIXED.corrected).map((place) => corrected(known(place))),
    ...numbers(MIXED.older).map((place) => corrected(moved(known(place), -1))),
    ...numbers(MIXED.laterOnly).map((place) => moved(known(place), 1)),
  ];
}

/** The rows as they were, and new, changed, doubled and bad ones. With a byte order mark, as spreadsheets write it. */
function mixedFile(): SampleFile {
  const good = goodRows().map((row) => ({ line: csvLine(Object.values(row)), fault: undefined }));
  // Newer than good ones of the same keys, which land all the same.
  const bad = ORDER_FAULTS.map((fault, number) => ({ line: fault.line(cellsOf(newRow(number, 40))), fault }));
  const rows = shuffled([...good, ...bad]);
  const header = csvLine(Object.keys(known(0)));
  const text = `\uFEFF${[header, ...rows.map(({ line }) => line)].join('\n')}\n`;
  const lines = readCsv(text).rows.map(({ line }) => line);
  return {
    path: 'orders/orders-mixed.csv',
    dataSet: 'orders',
    format: 'csv',
    text,
    bad: rows.flatMap(({ fault }, index) => {
      if (!fault) return [];
      const { name, keyword, pointer } = fault;
      return [{ index, line: lines[index] as number, fault: name, keyword, pointer }];
    }),
  };
}

/** The two files in the order in which they are meant to be ingested. */
export function orderSamples(): SampleFile[] {
  const text = readFileSync(join(APP_DIR, 'data', ORDERS_FILE), 'utf8');
  return [{ path: ORDERS_FILE, dataSet: 'orders', format: 'csv', text, bad: [] }, mixedFile()];
}
