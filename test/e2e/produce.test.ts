import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { kindOf, type FileKind } from '../../tools/lib/produce/formats';
import type { ProduceOptions } from '../../tools/lib/produce/options';
import { produce } from '../../tools/lib/produce/produce';
import { exitCode, type Summary } from '../../tools/lib/produce/summary';
import { headwater, ROOT, type Headwater } from '../support/headwater';

let hw: Headwater;
beforeAll(async () => {
  hw = await headwater();
});
afterAll(() => hw?.dispose());

function file(name: string, content: string | Buffer): string {
  const path = join(hw.folder, name);
  writeFileSync(path, content);
  return path;
}

type Given = Partial<ProduceOptions> & { images?: { dir: string; column: string; field: string } };

function send(path: string, { images, ...options }: Given = {}): Promise<Summary> {
  const input = {
    kind: 'file',
    file: path,
    as: kindOf(path) as FileKind,
    ...(images ? { images } : {}),
  } as const;
  return produce({ api: hw.api, dataset: 'things', input, ...options });
}

const things = (count: number, prefix: string): object[] =>
  Array.from({ length: count }, (_, size) => ({ path: `${prefix}/${size}`, size }));
const ndjson = (records: readonly object[]): string =>
  records.map((record) => `${JSON.stringify(record)}\n`).join('');

test('a file is sent once, however often it is sent', async () => {
  const [sample] =
    readFileSync(join(ROOT, 'data/products/products-1000.ndjson'), 'utf8').match(/(.*\n){120}/) ?? [];
  const path = file('products.ndjson', sample ?? '');
  const options = { dataset: 'products', batchRecords: 50, gzip: true };
  const first = await send(path, options);
  expect(first.failure).toBeUndefined();
  expect(first).toMatchObject({ accepted: 120, counts: { upserted: 120 }, replayed: 0, open: 0 });
  expect(first.requestCharge).toBeGreaterThan(0);
  const again = await send(path, options);
  expect(again).toMatchObject({ accepted: 120, counts: { upserted: 120 }, replayed: 3 });
  const anew = await send(path, { ...options, run: 'again' });
  expect(anew).toMatchObject({ counts: { upserted: 0, unchanged: 120 }, replayed: 0 });
  expect(await hw.api.ledger()).toMatchObject({ balanced: true, datasets: { products: { accepted: 240 } } });
});

test('CSV with images: what is good lands, what is bad is told by its line', async () => {
  const dir = join(hw.folder, 'pictures');
  mkdirSync(dir);
  const png = Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
    'base64',
  );
  writeFileSync(join(dir, 'one.png'), png);
  writeFileSync(join(dir, 'two.png'), 'no picture at all');
  const rows = [
    'path,size,file,note',
    'csv/1,10,one.png,"a note',
    'of two lines"',
    'csv/2,twelve,,x',
    '',
    'csv/3,3,two.png,',
    'csv/4,4',
    'csv/5,5,,"said ""so"""',
  ];
  const images = { dir, column: 'file', field: 'picture' };
  const path = file('things.csv', `\uFEFF${rows.join('\r\n')}\r\n`);
  const dry = await send(path, { images, mode: 'validate' });
  expect(dry.counts).toMatchObject({ upserted: 2, quarantined: 3 });
  expect((await hw.api.request('/api/datasets/things/documents/csv/1')).status).toBe(404);
  const summary = await send(path, { images, batchRecords: 2 });
  expect(summary.failure).toBeUndefined();
  expect(summary.counts).toMatchObject({ upserted: 2, quarantined: 3 });
  for (const { rejected } of [dry, summary]) expect(rejected.map(({ line }) => line)).toEqual([4, 6, 7]);
  expect(exitCode(summary)).toBe(3);
  const found = await hw.api.get<{ data: { picture: { path: string } } }>(
    '/api/datasets/things/documents/csv/1',
  );
  expect(found.data).toMatchObject({ size: 10, note: 'a note\r\nof two lines' });
  expect(await hw.recount.blob(found.data.picture.path)).toEqual(png);
});

test('a file that goes to a blob is one batch, also when it is sent again', async () => {
  const path = file(
    'up.ndjson.gz',
    gzipSync(ndjson([...things(200, 'up'), { path: 'up/bad', size: 'big' }])),
  );
  const first = await send(path, { mode: 'upload' });
  expect(first.failure).toBeUndefined();
  expect(first).toMatchObject({ accepted: 201, counts: { upserted: 200, quarantined: 1 }, replayed: 0 });
  expect(first.rejected).toMatchObject([{ record: 200, key: 'up/bad', errors: [{ pointer: '/size' }] }]);
  const again = await send(path, { mode: 'upload' });
  expect(again).toMatchObject({
    accepted: 201,
    replayed: 1,
    batches: [{ batchId: first.batches[0]?.batchId }],
  });
});

test('an upload that cannot be read is a failure with its place', async () => {
  const summary = await send(file('bad.csv', 'path,size\na,1\n"b,2\n'), { mode: 'upload' });
  expect(summary.failure).toMatchObject({
    kind: 'failed',
    message: expect.stringMatching(/malformed-body.*3/),
  });
  expect(exitCode(summary)).toBe(1);
});

test('what cannot be read is refused by its line in the file', async () => {
  const path = file('bad.ndjson', `${ndjson(things(25, 'bad'))}{"path":\n${ndjson(things(5, 'more'))}`);
  const summary = await send(path, { batchRecords: 10, connections: 1 });
  expect(summary.failure).toMatchObject({
    kind: 'refused',
    code: 'malformed-body',
    line: 26,
    record: 25,
    batch: 3,
  });
  expect(summary).toMatchObject({ accepted: 20, counts: { upserted: 20 } });
});

test('the command: standard input, JSON on standard output, the exit code', async () => {
  const child = spawn(
    process.execPath,
    [
      join(ROOT, 'build/tools/produce.js'),
      'things',
      '--file',
      '-',
      '--format',
      'ndjson',
      '--to',
      hw.api.url,
      '--json',
    ],
    { env: { ...process.env, HEADWATER_KEY: hw.api.key }, stdio: ['pipe', 'pipe', 'inherit'] },
  );
  child.stdin.end(ndjson([...things(30, 'command'), { path: 'command/bad', size: -0.5 }]));
  const output: Buffer[] = [];
  child.stdout.on('data', (part: Buffer) => output.push(part));
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect(JSON.parse(Buffer.concat(output).toString())).toMatchObject({
    accepted: 31,
    counts: { upserted: 30, quarantined: 1 },
    rejected: [{ record: 30, line: 31 }],
  });
  expect(code).toBe(3);
});
