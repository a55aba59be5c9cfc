import { ORDER_FAULTS } from '../../../tools/lib/bad-orders';
import { FAULTS, spoil } from '../../../tools/lib/bad-products';
import { TWEET_FAULTS } from '../../../tools/lib/bad-tweets';
import { csvLine } from '../../../tools/lib/csv';
import { flights, type FlightState } from '../../../tools/lib/flights';
import { orderRows } from '../../../tools/lib/orders';
import { deletion, product } from '../../../tools/lib/products';
import type { Random } from '../../../tools/lib/random';
import { uniqueJpeg } from '../../../tools/lib/tiles';
import { tweet } from '../../../tools/lib/tweets';

export const DATASETS = ['products', 'tweets', 'orders', 'flights'] as const;
export type RoundDataSet = (typeof DATASETS)[number];

/** A record as a producer has it, and what it sends in its place when that comes back from the quarantine. */
export interface Draft {
  readonly record: object;
  /** The line of CSV that it is sent as, spoilt. */
  readonly line?: string;
  readonly repaired?: object;
}

/** How many keys a data set has: few enough that batches meet at them. */
const KEYS: Readonly<Record<RoundDataSet, number>> = { products: 60, tweets: 40, orders: 120, flights: 200 };

/** One of so many is bad; and of so many deletes its document. */
const BAD = 25;
const DELETIONS = 20;

/** The least that a tile with a number takes. */
const JPEG_BYTES = 16_000;
const JPEGS = 30;

const MINUTE = 60_000;
const seconds = (time: number): number => time / 1_000;
const someTime = (random: Random): number => Date.UTC(2026, 0, 1) + random.integer(0, 999) * MINUTE;

/** But for a number that JSON cannot tell. */
const BAD_ROWS = ORDER_FAULTS.filter(({ name }) => name !== 'profit-beyond-double');

let fleet: readonly FlightState[] | undefined;
const aircraft = (number: number): FlightState => {
  fleet ??= [...flights({ seed: 1, count: KEYS.flights, aircraft: KEYS.flights })];
  return fleet[number] as FlightState;
};

/** What subscribers' filters look at. */
export const VELOCITIES = 4;

/** A record of a data set with any of its keys, sometimes one that is to be quarantined. */
export function draft(dataset: RoundDataSet, random: Random, keys = KEYS[dataset]): Draft {
  return MAKERS[dataset](random, random.integer(0, keys - 1), random.integer(1, BAD) === 1);
}

type Maker = (random: Random, number: number, bad: boolean) => Draft;

const MAKERS: Readonly<Record<RoundDataSet, Maker>> = {
  products(random, number, bad) {
    const updatedAt = new Date(someTime(random)).toISOString();
    const good = product({ seed: 1, number, updatedAt, revision: random.integer(0, 3) });
    if (bad) return { record: spoil(good, random.integer(0, FAULTS.length - 1)).record, repaired: good };
    return { record: random.integer(1, DELETIONS) === 1 ? deletion(number, updatedAt) : good };
  },

  tweets(random, number, bad) {
    const time = seconds(someTime(random));
    const plain = { ...tweet(1, number), time, likes: random.integer(0, 2) };
    const image = uniqueJpeg(1, random.integer(0, JPEGS - 1), JPEG_BYTES).toString('base64');
    const form = random.pick(['none', 'bare', 'url']);
    const image_base64 = form === 'url' ? `data:image/jpeg;base64,${image}` : image;
    const good = form === 'none' ? plain : { ...plain, image_base64 };
    if (!bad) return { record: good };
    return { record: random.pick(TWEET_FAULTS).spoil(good) as object, repaired: good };
  },

  orders(random, number, bad) {
    const row = {
      ...orderRows()[number],
      order_date: new Date(someTime(random)).toISOString().slice(0, 10),
      quantity: random.integer(1, 3),
      // What has to be quoted, over two lines.
      ...(number % 10 === 0 ? { product_name: `no. ${number}, "boxed"\nand wrapped` } : {}),
    };
    if (!bad) return { record: row };
    const cells = Object.entries(row).map(([name, value]) => [name, String(value)]);
    return {
      record: row,
      line: random.pick(BAD_ROWS).line(Object.fromEntries(cells) as Record<string, string>),
      repaired: row,
    };
  },

  flights(random, number, bad) {
    const last_contact = seconds(someTime(random));
    const good = { ...aircraft(number), last_contact, velocity: random.integer(0, VELOCITIES - 1) };
    return bad ? { record: { ...good, squawk: '9' }, repaired: good } : { record: good };
  },
};

type Cell = string | number | boolean | null | undefined;

const textOf = (cell: Cell): string => String(cell ?? '');

/** Drafts as CSV, with the lines as they are of those that have one. */
export function toCsv(drafts: readonly Draft[], lineEnd: string): string {
  const header = Object.keys((drafts[0] as Draft).record);
  const cells = ({ record }: Draft): string =>
    csvLine(header.map((name) => textOf((record as Record<string, Cell>)[name])));
  return [csvLine(header), ...drafts.map((one) => one.line ?? cells(one))].join(lineEnd) + lineEnd;
}
