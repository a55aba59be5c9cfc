import { FAULTS, spoil, type BadProduct } from './bad-products';
import { deletion, product, products, type Deletion, type Product } from './products';
import { asNdjson, numbers, SAMPLE_SEED, shuffled, type SampleFile } from './sample-file';

const MINUTE = 60_000;
const FIRST_FILE = Date.parse('2026-01-05T06:00:00.000Z');
/** Before anything of the first file. */
const BEFORE = Date.parse('2026-01-02T06:00:00.000Z');
const MIXED_FILE = Date.parse('2026-03-09T06:00:00.000Z');
const UPDATE_FILE = Date.parse('2026-05-11T06:00:00.000Z');

/** Number ranges of products; `length` is how many of the kind there are. */
const MIXED = {
  newcomers: { first: 1_000, length: 110 },
  pairs: { first: 1_200, length: 20 },
  twins: { first: 1_220, length: 2 },
  ties: { first: 1_222, length: 2 },
  createdThenDeleted: { first: 1_230, length: 4 },
  bad: { first: 2_000, length: FAULTS.length },
  deletedOfFirstFile: { first: 0, length: 8 },
  deletedNeverSeen: { first: 3_000, length: 4 },
} as const;

const UPDATE = {
  changed: { first: 100, length: 120 },
  sameContentNewer: { first: 220, length: 80 },
  sentAgain: { first: 300, length: 20 },
  older: { first: 320, length: 40 },
  deleted: { first: 360, length: 20 },
  deletedTooLate: { first: 380, length: 4 },
  deletedAgain: MIXED.deletedOfFirstFile,
  backAgain: MIXED.deletedNeverSeen,
  olderThanTombstone: MIXED.createdThenDeleted,
} as const;

const iso = (time: number): string => new Date(time).toISOString();

const sample = (number: number, time: number, revision = 0): Product =>
  product({ seed: SAMPLE_SEED, number, updatedAt: iso(time), revision });

/** The same instant, written two hours ahead of UTC: who compares event times as text gets it wrong. */
function inSummerTime(time: number): string {
  return iso(time + 120 * MINUTE).replace('Z', '+02:00');
}

/** 1,000 good products, all keys distinct. */
export function firstFile(): Product[] {
  return [...products({ seed: SAMPLE_SEED, count: 1_000, from: iso(FIRST_FILE), intervalMs: MINUTE })];
}

/** A row of the mixed file; `bad` only for the spoilt ones. */
type MixedRow = { record: object; bad?: BadProduct };

function mixedRows(): MixedRow[] {
  const at = (number: number): number => MIXED_FILE + number * MINUTE;
  const older = (number: number): Product => ({
    ...sample(number, at(number), 1),
    updatedAt: inSummerTime(at(number) - 60 * MINUTE),
  });
  const good: (Product | Deletion)[] = [
    ...numbers(MIXED.newcomers).map((number) => sample(number, at(number))),
    ...numbers(MIXED.pairs).flatMap((number) => [sample(number, at(number)), older(number)]),
    ...numbers(MIXED.twins).flatMap((number) => [sample(number, at(number)), sample(number, at(number))]),
    ...numbers(MIXED.ties).flatMap((number) => [sample(number, at(number)), sample(number, at(number), 1)]),
    ...numbers(MIXED.createdThenDeleted).flatMap((number) => [
      older(number),
      deletion(number, iso(at(number))),
    ]),
    ...numbers(MIXED.deletedOfFirstFile).map((number) => deletion(number, iso(at(number)))),
    ...numbers(MIXED.deletedNeverSeen).map((number) => deletion(number, iso(at(number)))),
  ];
  const bad = numbers(MIXED.bad).map((number, which) => spoil(sample(number, at(number)), which));
  return shuffled([
    ...good.map((record) => ({ record })),
    ...bad.map((bad) => ({ record: bad.record, bad })),
  ]);
}

/** Updates of the first file, and of the tombstones that the mixed file left. */
export function updateFile(): (Product | Deletion)[] {
  const at = (number: number): number => UPDATE_FILE + number * MINUTE;
  return shuffled([
    ...numbers(UPDATE.changed).map((number) => sample(number, at(number), 1)),
    ...numbers(UPDATE.sameContentNewer).map((number) => sample(number, at(number))),
    ...numbers(UPDATE.sentAgain).map((number) => sample(number, FIRST_FILE + number * MINUTE)),
    ...numbers(UPDATE.older).map((number) => sample(number, BEFORE + number * MINUTE, 1)),
    ...numbers(UPDATE.deleted).map((number) => deletion(number, iso(at(number)))),
    ...numbers(UPDATE.deletedTooLate).map((number) => deletion(number, iso(BEFORE + number * MINUTE))),
    ...numbers(UPDATE.deletedAgain).map((number) => deletion(number, iso(at(number)))),
    ...numbers(UPDATE.backAgain).map((number) => sample(number, at(number), 1)),
    ...numbers(UPDATE.olderThanTombstone).map((number) => sample(number, BEFORE + number * MINUTE, 2)),
  ]);
}

/** The three files in the order in which they are meant to be ingested. */
export function productSamples(): SampleFile[] {
  const mixed = mixedRows();
  const bad = mixed.flatMap(({ bad }, index) => (bad ? [{ index, fault: bad.fault, ...bad.expected }] : []));
  const lines = mixed.map(({ record }) => JSON.stringify(record));
  return [
    asNdjson('products/products-1000.ndjson', 'products', firstFile()),
    {
      path: 'products/products-mixed.json',
      dataSet: 'products',
      format: 'json',
      text: `[\n${lines.join(',\n')}\n]\n`,
      bad,
    },
    asNdjson('products/products-update.ndjson', 'products', updateFile()),
  ];
}
