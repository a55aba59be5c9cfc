import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { contentTypeOf, postedBody, readManifest, textOf } from '../../tools/lib/manifest';
import { APP_DIR } from '../../tools/lib/paths';
import { compiled, schemaOf } from '../../tools/lib/rules';
import { manifestOf, recordsIn, sampleFiles } from '../../tools/lib/samples';
import { TILES } from '../../tools/lib/tiles';

const files = sampleFiles();
const manifest = readManifest();
const readme = readFileSync(join(APP_DIR, 'data', 'README.md'), 'utf8');
const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex');

const entryOf = (path: string) => manifest.files.find((file) => file.path === path)!;
/** What arrives at the app, by way of the committed file. */
const arrived = (path: string): unknown[] => {
  const { dataSet, contentType, contentEncoding, images } = entryOf(path);
  const text = contentEncoding ? textOf(entryOf(path)) : postedBody({ path, dataSet, images }).toString();
  const format = { 'text/csv': 'csv', 'application/json': 'json' }[contentType] ?? 'ndjson';
  return recordsIn(text, format as 'csv', dataSet);
};

test.each(files)('$path is what the generator makes', (file) => {
  expect(textOf(file) === file.text).toBe(true);
});

test('the manifest is what the generator makes', () => {
  expect(manifest).toEqual(manifestOf(files));
});

test('the expectations are those of the tables in the README', () => {
  const counts = ({ records, expected }: (typeof manifest.files)[number]) =>
    [records, expected.upserted, expected.unchanged, expected.stale, expected.quarantined].join(' ');
  expect(Object.fromEntries(manifest.files.map((file) => [file.path, counts(file)]))).toEqual({
    'products/products-1000.ndjson': '1000 1000 0 0 0',
    // 110 + 24 winners + 4 deleted at once + 8 + 4 deletions; 24 + 4 losers.
    'products/products-mixed.json': '200 150 0 28 22',
    // 120 + 20 + 4; 80 + 20 + 8; 40 + 4 + 4.
    'products/products-update.ndjson': '300 144 108 48 0',
    'tweets/tweets.csv': '2000 2000 0 0 0',
    // 13 + 4 + 1 + 1 + 3 + 2 new and 4 with more likes; 4 + 2 again; 1 + 3 + 2 losers and 2 older.
    'tweets/tweets-mixed.ndjson': '68 28 6 8 26',
    'orders/orders.csv': '9994 9994 0 0 0',
    // 30 + 8 + 4 + 3 new and 10 corrected; 12 again and 4 of a later day; 8 + 4 + 3 losers and 6 older.
    'orders/orders-mixed.csv': '121 55 16 21 29',
    'flights/flights.ndjson.gz': '7119 120 0 6999 0',
  });
  expect(manifest.after).toEqual({
    products: { liveDocuments: 1_110, tombstones: 32, versions: 1_294 },
    tweets: { liveDocuments: 2_024, tombstones: 0, versions: 2_028 },
    orders: { liveDocuments: 10_039, tombstones: 0, versions: 10_049 },
    flights: { liveDocuments: 120, tombstones: 0, versions: 120 },
  });
});

/** `keyword pointer` of every rule of the schema that a record breaks; `if` only repeats that one below it is broken. */
function brokenRules(check: ReturnType<typeof compiled>, record: unknown): string[] {
  check(record);
  return (check.errors ?? [])
    .filter(({ keyword }) => keyword !== 'if')
    .map(({ keyword, instancePath }) => `${keyword} ${instancePath}`);
}

/** What is found out by more than the schema. */
const BEYOND_SCHEMA = ['csv', 'media', 'eventTime'];

test.each(files)('$path: each bad record has its fault, the others have none', ({ path, dataSet, bad }) => {
  const check = compiled(schemaOf(dataSet), { allErrors: true });
  const faults = new Map(bad.map((one) => [one.index, one]));
  arrived(path).forEach((record, index) => {
    const { keyword, pointer } = faults.get(index) ?? {};
    const broken = record === undefined ? [] : brokenRules(check, record);
    const expected =
      keyword === undefined || BEYOND_SCHEMA.includes(keyword) ? [] : [`${keyword} ${pointer}`];
    if (broken.join() !== expected.join() || (record === undefined) !== (keyword === 'csv'))
      throw new Error(`Record ${index} breaks ${broken.join() || 'nothing'}, not ${keyword} ${pointer}.`);
  });
});

test('the line of a bad row is where it begins, also after cells of several lines', () => {
  const lines = textOf(entryOf('orders/orders-mixed.csv')).split('\n');
  const { bad, records } = entryOf('orders/orders-mixed.csv');
  expect(lines.length).toBeGreaterThan(records + 2);
  const lineOf = (fault: string): string => lines[bad.find((one) => one.fault === fault)!.line! - 1]!;
  expect(lineOf('sales-with-currency')).toContain(',$261.96,');
  expect(lineOf('quote-not-doubled')).toContain(',Binder 11" wide,');
  expect(lineOf('date-american')).toContain(',2/28/2018,');
  expect(bad.every(({ index, line }) => line! >= index + 2)).toBe(true);
});

test('every format, encoding and kind of fault is in the samples', () => {
  const kinds = new Set(manifest.files.map((file) => `${contentTypeOf(file)} ${file.contentEncoding}`));
  expect([...kinds].toSorted()).toEqual([
    'application/json undefined',
    'application/x-ndjson gzip',
    'application/x-ndjson undefined',
    'text/csv undefined',
  ]);
  const keywords = new Set(manifest.files.flatMap(({ bad }) => bad.map(({ keyword }) => keyword)));
  for (const keyword of ['csv', 'media', 'eventTime', 'required', 'type', 'format', 'enum', 'pattern'])
    expect(keywords).toContain(keyword);
});

test('what is not generated is what the README says it is', () => {
  const data = (path: string): Buffer => readFileSync(join(APP_DIR, 'data', path));
  for (const path of ['orders/orders.csv', ...TILES.map((name) => `tweets/images/${name}`)])
    expect(readme).toContain(sha256(data(path)));
});
