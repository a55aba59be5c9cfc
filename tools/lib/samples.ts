import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import addFormats from 'ajv-formats';
import Ajv2020 from 'ajv/dist/2020';
import { FAULTS, spoil, type BadProduct } from './bad-products';
import { deletion, ndjson, product, products, type Deletion, type Product } from './products';
import { random } from './random';
import { countVerdicts, VerdictModel, type DataSetRules, type VerdictCounts } from './verdicts';

export const SAMPLE_SEED = 20_260_105;

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

const numbers = ({ first, length }: { first: number; length: number }): number[] =>
  Array.from({ length }, (_, at) => first + at);

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

/** Fisher–Yates with the samples' seed. */
function shuffled<T>(items: readonly T[]): T[] {
  const source = random(SAMPLE_SEED);
  const result = [...items];
  for (let last = result.length - 1; last > 0; last--) {
    const other = source.integer(0, last);
    [result[last], result[other]] = [result[other] as T, result[last] as T];
  }
  return result;
}

export interface SampleFile {
  /** Below `data/`. */
  readonly path: string;
  readonly format: 'ndjson' | 'json';
  readonly contentType: string;
  readonly records: readonly unknown[];
  readonly text: string;
  /** The rows that were spoilt on purpose. */
  readonly bad: readonly { index: number; fault: string; keyword: string; pointer: string }[];
}

/** The three files in the order in which they are meant to be ingested. */
export function sampleFiles(): SampleFile[] {
  const mixed = mixedRows();
  const bad = mixed.flatMap(({ bad }, index) => (bad ? [{ index, fault: bad.fault, ...bad.expected }] : []));
  const mixedRecords = mixed.map(({ record }) => record);
  return [
    asNdjson('products/products-1000.ndjson', firstFile()),
    {
      path: 'products/products-mixed.json',
      format: 'json',
      contentType: 'application/json',
      records: mixedRecords,
      text: `[\n${mixedRecords.map((record) => JSON.stringify(record)).join(',\n')}\n]\n`,
      bad,
    },
    asNdjson('products/products-update.ndjson', updateFile()),
  ];
}

function asNdjson(path: string, records: readonly object[]): SampleFile {
  const text = [...ndjson(records)].join('');
  return { path, format: 'ndjson', contentType: 'application/x-ndjson', records, text, bad: [] };
}

export interface Manifest {
  readonly dataSet: string;
  readonly schema: string;
  readonly seed: number;
  readonly files: readonly (Pick<SampleFile, 'path' | 'format' | 'contentType'> & {
    readonly dataSet: string;
    readonly records: number;
    readonly bytes: number;
    readonly sha256: string;
    /** Verdicts when the files are ingested in this order, each after the one before, on an empty store. */
    readonly expected: VerdictCounts & { deadLettered: 0; notApplied: 0 };
    readonly bad: SampleFile['bad'];
  })[];
  /** The store after all of them; `versions` is the sum of all documents' versions. */
  readonly after: { liveDocuments: number; tombstones: number; versions: number };
}

/** What `data/manifest.json` says of the files, its expectations worked out by {@link VerdictModel}. */
export function manifestOf(files: readonly SampleFile[], rules: DataSetRules): Manifest {
  const model = new VerdictModel(rules);
  const dataSet = 'products';
  const entries = files.map((file, at) => {
    // Any clock that reads the files will do: all good event times have passed, the bad one never will.
    const verdicts = model.ingest(file.records, iso(Date.parse('2026-07-01T00:00:00Z') + at * MINUTE));
    return {
      path: file.path,
      dataSet,
      format: file.format,
      contentType: file.contentType,
      records: file.records.length,
      bytes: Buffer.byteLength(file.text),
      sha256: createHash('sha256').update(file.text).digest('hex'),
      expected: { ...countVerdicts(verdicts), deadLettered: 0 as const, notApplied: 0 as const },
      bad: file.bad,
    };
  });
  return {
    dataSet,
    schema: 'schemas/products.json',
    seed: SAMPLE_SEED,
    files: entries,
    after: model.totals(),
  };
}

/** The rules of the data set `products`, from its schema in `root`. */
export function productRules(root: string): DataSetRules {
  const schema = JSON.parse(readFileSync(join(root, 'schemas', 'products.json'), 'utf8')) as ProductSchema;
  const ajv = new Ajv2020({ strict: true });
  addFormats(ajv);
  ajv.addKeyword('x-headwater');
  const settings = schema['x-headwater'];
  return {
    keyProperty: settings.key.slice(1),
    eventTimeProperty: settings.eventTime.pointer.slice(1),
    deletionProperty: settings.deletion.pointer.slice(1),
    allowedSkewMs: settings.eventTime.allowedSkewSeconds * 1_000,
    valid: ajv.compile(schema),
  };
}

interface ProductSchema {
  readonly 'x-headwater': {
    readonly key: string;
    readonly eventTime: { readonly pointer: string; readonly allowedSkewSeconds: number };
    readonly deletion: { readonly pointer: string };
  };
}
