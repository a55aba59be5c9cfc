import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { BlobServiceClient, BlockBlobClient } from '@azure/storage-blob';
import type { BatchReport, RecordReport } from '../../tools/lib/api';
import { headwater, ROOT, type Headwater } from '../support/headwater';

const MAX_BYTES = 200_000;

/** What docs/datasets.md says: the file, the body of its request. */
const tutorial = readFileSync(join(ROOT, 'docs', 'datasets.md'), 'utf8');
const [, levels = ''] = /```json\n([^`]+)```/.exec(tutorial) ?? [];
const [, levelsCsv = ''] = /<<'END'\n([^`]+)END\n/.exec(tutorial) ?? [];

let hw: Headwater;
beforeAll(async () => {
  hw = await headwater({
    schemas: { levels },
    settings: { HEADWATER_MAX_BATCH_BYTES: String(MAX_BYTES), HEADWATER_MAX_UPLOAD_RECORDS: '3000' },
  });
});
afterAll(() => hw?.dispose());

const BATCHES = '/api/datasets/things/batches';

const ndjson = (...records: unknown[]): string => records.map((record) => JSON.stringify(record)).join('\n');

async function all(batchId: string, query = ''): Promise<RecordReport[]> {
  const list: RecordReport[] = [];
  for await (const record of hw.api.records(batchId, query)) list.push(record);
  return list.toSorted((a, b) => a.index - b.index);
}

async function post(
  body: string | Buffer,
  headers: Record<string, string> = {},
  path = BATCHES,
): Promise<{ status: number; document: Record<string, unknown> }> {
  const response = await hw.api.request(path, {
    method: 'POST',
    body,
    headers: { 'Content-Type': 'application/x-ndjson', ...headers },
  });
  return { status: response.status, document: (await response.json()) as Record<string, unknown> };
}

/** Posts, and waits for the end. */
async function land(
  body: string | Buffer,
  headers: Record<string, string> = {},
  path = BATCHES,
): Promise<BatchReport> {
  const { status, document } = await post(body, headers, path);
  expect([status, document]).toEqual([202, document]);
  return hw.api.closed(String(document['batchId']));
}

const data = async (path: string): Promise<unknown> =>
  (await hw.api.get<{ data: unknown }>(`/api/datasets/things/documents/${path}`)).data;

describe('CSV', () => {
  test('lands its rows; bad ones are quarantined with their line and text', async () => {
    const body = [
      'path,size,gone,note',
      'csv/1,1,false,"a, ""b""',
      'c"',
      'csv/2,x,,',
      'csv/3,3',
      '"csv/4"4,4,,',
      'csv/5,,,=1+1',
      '',
    ].join('\r\n');
    const report = await land(body, { 'Content-Type': 'text/csv; charset=utf-8' });
    expect(report.counts).toMatchObject({ accepted: 5, upserted: 2, quarantined: 3 });
    expect(report.archive?.path).toMatch(/\.csv$/);
    expect(await data('csv/1')).toEqual({ path: 'csv/1', size: 1, gone: false, note: 'a, "b"\r\nc' });
    expect(await data('csv/5')).toEqual({ path: 'csv/5', note: '=1+1' });
    const bad = await all(report.batchId, '?verdict=quarantined');
    expect(bad).toMatchObject([
      {
        index: 1,
        line: 4,
        key: 'csv/2',
        record: { path: 'csv/2', size: 'x' },
        errors: [{ pointer: '/size', keyword: 'type' }],
      },
      { index: 2, line: 5, record: 'csv/3,3', errors: [{ keyword: 'csv' }] },
      { index: 3, line: 6, record: '"csv/4"4,4,,', errors: [{ keyword: 'csv' }] },
    ]);
  });

  test('whose quote is never closed is 400 with its line', async () => {
    const { status, document } = await post('path,note\na,"b\nc,d\n', { 'Content-Type': 'text/csv' });
    expect([status, document]).toMatchObject([400, { code: 'malformed-body', line: 2, record: 0 }]);
  });
});

describe('compressed bodies', () => {
  test.each([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
  ] as const)('%s', async (encoding, compress) => {
    const report = await land(compress(ndjson({ path: `packed/${encoding}` })), {
      'Content-Encoding': encoding,
    });
    expect(report.counts).toMatchObject({ accepted: 1, upserted: 1 });
    const text = ndjson({ path: `packed/${encoding}` });
    expect(report.archive).toMatchObject({ bytes: Buffer.byteLength(text) });
    expect((await hw.recount.blob(report.archive?.path ?? ''))?.toString()).toBe(text);
  });

  test('meet the limit, not the memory', async () => {
    const bomb = gzipSync(Buffer.alloc(100_000_000, 0x20));
    expect(bomb.length).toBeLessThan(MAX_BYTES);
    expect(await post(bomb, { 'Content-Encoding': 'gzip' })).toMatchObject({
      status: 413,
      document: { code: 'batch-too-large', limit: MAX_BYTES },
    });
  });

  test.each([
    ['cut off', gzipSync('{"path":"x"}').subarray(0, 20), 'gzip'],
    ['followed by something', Buffer.concat([gzipSync('{"path":"x"}'), Buffer.from('x')]), 'gzip'],
    ['in another way than said', gzipSync('{"path":"x"}'), 'br'],
    ['not at all', Buffer.from('{"path":"x"}'), 'gzip'],
  ])('%s are 400', async (_, body, encoding) => {
    expect(await post(body, { 'Content-Encoding': encoding })).toMatchObject({
      status: 400,
      document: { code: 'malformed-body' },
    });
  });

  test('in other ways are 415', async () => {
    for (const encoding of ['deflate', 'gzip, br', 'zstd'])
      expect(await post('x', { 'Content-Encoding': encoding })).toMatchObject({
        status: 415,
        document: { supported: ['gzip', 'br', 'identity'] },
      });
  });
});

test('of records with one key in a batch the newest wins, and all others are stale, however far apart', async () => {
  const filler = (from: number) =>
    Array.from({ length: 900 }, (_, at) => ({ path: `filler/${from + at}`, size: 1 }));
  const body = ndjson(
    { path: 'twin', size: 1 },
    ...filler(0),
    { path: 'twin', size: 2 },
    { path: 'other', size: 1 },
    ...filler(900),
    { path: 'twin', size: 3 },
    { path: 'twin', size: 'invalid' },
    ...filler(1_800),
    // The hundred keys of one bucket and its group are full by now.
    ...Array.from({ length: 300 }, () => ({ path: 'twin', size: 4 })),
  );
  const { batchId, counts } = await land(body);
  expect(counts).toMatchObject({ accepted: 3_005, upserted: 2_702, stale: 302, quarantined: 1 });
  expect(await hw.api.get('/api/datasets/things/documents/twin')).toMatchObject({
    version: 1,
    data: { size: 4 },
  });
  const stale = await all(batchId, '?verdict=stale&maxpagesize=1000');
  expect(new Set(stale.map(({ winner }) => winner?.index))).toEqual(new Set([3_004]));
});

describe('a dry run', () => {
  test('tells what would become of the records, and stores nothing', async () => {
    await land(ndjson({ path: 'dry/same', size: 1 }, { path: 'dry/changed', size: 1 }));
    const before = await hw.recount.batches();
    const body = ndjson(
      { path: 'dry/same', size: 1 },
      { path: 'dry/changed', size: 1 },
      { path: 'dry/changed', size: 2 },
      { path: 'dry/new', picture: 'broken' },
      { path: 'dry/new' },
    );
    const { status, document } = await post(body, {}, `${BATCHES}?validate=only`);
    expect([status, document]).toMatchObject([
      200,
      {
        dataset: 'things',
        accepted: 5,
        counts: { upserted: 2, unchanged: 1, stale: 1, quarantined: 1, notApplied: 0 },
        records: [
          { index: 1, verdict: 'stale', key: 'dry/changed', winner: { index: 2 } },
          { index: 3, verdict: 'quarantined', key: 'dry/new', errors: [{ pointer: '/picture' }] },
        ],
        truncated: false,
      },
    ]);
    expect(await hw.recount.batches()).toHaveLength(before.length);
    expect((await hw.api.request('/api/datasets/things/documents/dry/new')).status).toBe(404);
  });

  test('of a batch to be rejected says that the good ones would not be applied', async () => {
    const body = ndjson({ path: 'dry/good' }, {});
    const { document } = await post(body, {}, `${BATCHES}?validate=only&onInvalid=reject`);
    expect(document).toMatchObject({ counts: { notApplied: 1, quarantined: 1, upserted: 0 } });
  });

  test('refuses what a batch refuses', async () => {
    expect(await post('x', {}, `${BATCHES}?validate=only`)).toMatchObject({ status: 400 });
    expect(await post('{}', {}, `${BATCHES}?validate=maybe`)).toMatchObject({ status: 400 });
  });
});

interface Upload {
  readonly uploadId: string;
  readonly uploadUrl: string;
  readonly headers: Record<string, string>;
  readonly batchUrl: string;
}

async function upload(content: string | Buffer): Promise<Upload> {
  const response = await hw.api.request('/api/datasets/things/uploads', { method: 'POST' });
  expect(response.status).toBe(201);
  const grant = (await response.json()) as Upload;
  const put = await fetch(grant.uploadUrl, { method: 'PUT', headers: grant.headers, body: content });
  expect(put.status).toBe(201);
  return grant;
}

describe('an upload', () => {
  const rows = Array.from({ length: 2_500 }, (_, at) => `up/${at},${at}`);

  test.each([
    ['text/csv', undefined, `path,size\n${rows.join('\n')}`],
    ['application/x-ndjson', 'gzip', ndjson(...rows.map((row) => ({ path: `gz/${row}` })))],
    ['application/json', 'br', JSON.stringify(rows.map((row) => ({ path: `br/${row}` })))],
  ] as const)('of %s, compressed as %s, becomes a batch', async (type, encoding, text) => {
    const compress = { gzip: gzipSync, br: brotliCompressSync };
    const bytes = encoding === undefined ? Buffer.from(text) : compress[encoding](text);
    const { batchUrl } = await upload(bytes);
    const headers = { 'Content-Type': type, ...(encoding ? { 'Content-Encoding': encoding } : {}) };
    const { status, document } = await post('', headers, batchUrl);
    expect([status, document]).toMatchObject([202, { accepted: null }]);
    const report = await hw.api.closed(String(document['batchId']));
    expect(report.counts).toMatchObject({ accepted: 2_500, upserted: 2_500 });
    const archived = await hw.recount.archived(report.archive?.path ?? '');
    expect(report.archive).toMatchObject({ bytes: bytes.length, sha256: archived?.sha256 });
    expect(await hw.recount.blob(report.archive?.path ?? '')).toEqual(bytes);
  });

  test('put in blocks by the SDK becomes a batch, once for an idempotency key', async () => {
    const { uploadUrl, batchUrl } = await upload('');
    await new BlockBlobClient(uploadUrl).uploadData(Buffer.from(ndjson({ path: 'blocks' })), {
      blockSize: 8,
      maxSingleShotSize: 8,
    });
    const answers = [
      await post('', { 'Idempotency-Key': 'blocks' }, batchUrl),
      await post('', { 'Idempotency-Key': 'blocks' }, batchUrl),
    ];
    const ids = answers.map(({ document }) => document['batchId']);
    expect(ids[0]).toBe(ids[1]);
    expect((await hw.api.closed(String(ids[0]))).counts).toMatchObject({ accepted: 1, upserted: 1 });
  });

  test.each([
    ['a line that is no JSON', '{"path":"half"}\n{"path"', 'malformed-body', /^Line 2: /],
    ['nothing', '\n', 'empty-batch', /no record/],
    ['too many records', '{}\n'.repeat(3_001), 'batch-too-large', /3000 records/],
  ])('with %s ends as failed, and nothing of it lands', async (_, content, code, message) => {
    const { batchUrl } = await upload(content);
    const report = await land('', {}, batchUrl);
    expect(report).toMatchObject({
      status: 'failed',
      failure: { code, message: expect.stringMatching(message) as string },
      counts: { accepted: 0, upserted: 0, inFlight: 0 },
    });
    expect((await hw.api.request('/api/datasets/things/documents/half')).status).toBe(404);
  });

  test('that is no gzip, though it is said to be, fails as malformed', async () => {
    const { batchUrl } = await upload('{"path":"x"}');
    const report = await land('', { 'Content-Encoding': 'gzip' }, batchUrl);
    expect(report.failure).toMatchObject({ code: 'malformed-body' });
  });

  test('that is written again after it was accepted does not become something else', async () => {
    const grant = await upload(ndjson({ path: 'overwritten', size: 1 }));
    // Accepted, but held back: its inbox is not read before the orchestration begins.
    const { document } = await post('', {}, grant.batchUrl);
    const { headers } = grant;
    await fetch(grant.uploadUrl, { method: 'PUT', headers, body: ndjson({ path: 'overwritten', size: 2 }) });
    const report = await hw.api.closed(String(document['batchId']));
    if (report.status === 'failed') expect(report.failure).toMatchObject({ code: 'upload-changed' });
    else expect(await data('overwritten')).toMatchObject({ size: 1 });
  });

  test('that does not exist is 404; with a body of its own 400', async () => {
    const none = `${BATCHES}?upload=${'0'.repeat(32)}`;
    expect(await post('', {}, none)).toMatchObject({ status: 404, document: { code: 'unknown-upload' } });
    expect(await post('', {}, `${BATCHES}?upload=../x`)).toMatchObject({ status: 404 });
    expect(await post('{}', {}, none)).toMatchObject({ status: 400 });
    const response = await hw.api.request('/api/datasets/things/uploads', { method: 'POST' });
    const { batchUrl } = (await response.json()) as Upload;
    expect(await post('', {}, batchUrl)).toMatchObject({ status: 404 });
  });
});

describe('a re-drive', () => {
  const redrive = (batchId: string, body = '', query = '') =>
    post(body, {}, `/api/batches/${batchId}/redrive${query}`);

  test('of repaired records lands them as a new batch, linked to the old one', async () => {
    const first = await land(
      ndjson({ path: 'fixed/a', size: 'one' }, { path: 'fixed/b' }, { path: 'fixed/c', size: '' }),
    );
    const bad = await all(first.batchId, '?verdict=quarantined');
    const items = bad.map((item) => ({ ...item, record: { ...(item.record as object), size: 7 } }));
    const { status, document } = await redrive(first.batchId, ndjson(...items));
    expect([status, document]).toMatchObject([202, { accepted: 2, redriveOf: first.batchId }]);
    const second = await hw.api.closed(String(document['batchId']));
    expect(second).toMatchObject({ redriveOf: first.batchId, counts: { upserted: 2 } });
    expect(await data('fixed/a')).toEqual({ path: 'fixed/a', size: 7 });
    expect(await hw.api.batch(first.batchId)).toMatchObject({ redrives: [second.batchId] });
    const events = await hw.recount.events();
    const times = [`${first.batchId}/0`, `${first.batchId}/2`, `${second.batchId}/0`].map((id) =>
      events.get(id),
    );
    expect(times).toEqual([1, 1, undefined]);
  });

  test('keeps the order: what came between has won', async () => {
    const first = await land(ndjson({ path: 'late', size: 'one' }));
    await land(ndjson({ path: 'late', size: 2 }));
    const { document } = await redrive(
      first.batchId,
      ndjson({ index: 0, record: { path: 'late', size: 1 } }),
    );
    expect((await hw.api.closed(String(document['batchId']))).counts).toMatchObject({ stale: 1 });
    expect(await data('late')).toMatchObject({ size: 2 });
    // So does a re-drive of what came by a re-drive.
    const spoilt = await redrive(first.batchId, ndjson({ index: 0, record: { path: 'late', size: 'no' } }));
    const again = await hw.api.closed(String(spoilt.document['batchId']));
    expect(again.counts).toMatchObject({ quarantined: 1 });
    const last = await redrive(again.batchId, ndjson({ index: 0, record: { path: 'late', size: 3 } }));
    expect((await hw.api.closed(String(last.document['batchId']))).counts).toMatchObject({ stale: 1 });
  });

  test('without a body takes all of one verdict as they are, media included', async () => {
    const picture = Buffer.from('\x89PNG\r\n\x1a\n0', 'latin1').toString('base64');
    const first = await land(
      ndjson({ path: 'all/a', picture }, { path: 'all/b', extra: 1 }),
      {},
      `${BATCHES}?onInvalid=reject`,
    );
    expect(first).toMatchObject({ status: 'rejected', counts: { notApplied: 1, quarantined: 1 } });
    expect(await redrive(first.batchId)).toMatchObject({
      status: 409,
      document: { code: 'nothing-to-redrive' },
    });
    const { document } = await redrive(first.batchId, '', '?verdict=notApplied');
    expect((await hw.api.closed(String(document['batchId']))).counts).toMatchObject({ upserted: 1 });
    expect(await data('all/a')).toMatchObject({ picture: { contentType: 'image/png' } });
    const still = await redrive(first.batchId, '', '?verdict=quarantined');
    expect((await hw.api.closed(String(still.document['batchId']))).counts).toMatchObject({ quarantined: 1 });
  });

  test('names what is wrong with its items', async () => {
    const { batchId } = await land(ndjson({ path: 'items/a', size: 'x' }, { path: 'items/b' }));
    const body = ndjson(
      { index: 0, record: {} },
      { index: 0, record: {} },
      { index: 1, record: {} },
      { index: 9, record: {} },
      { index: 0.5, record: {} },
      { record: {} },
      { index: 0 },
      'x',
    );
    const { status, document } = await redrive(batchId, body);
    expect([status, document['code']]).toEqual([400, 'invalid-redrive']);
    expect((document['errors'] as { item: number }[]).map(({ item }) => item)).toEqual([1, 4, 5, 6, 7]);
    const landed = await redrive(batchId, ndjson({ index: 1, record: {} }, { index: 9, record: {} }));
    expect(landed.document).toMatchObject({
      code: 'invalid-redrive',
      errors: [
        { item: 0, message: expect.stringContaining('has landed') as string },
        { item: 1, message: expect.stringContaining('no record 9') as string },
      ],
    });
    expect(await redrive('0'.repeat(32))).toMatchObject({ status: 404 });
    expect(
      await post('a,b', { 'Content-Type': 'text/csv' }, `/api/batches/${batchId}/redrive`),
    ).toMatchObject({
      status: 415,
    });
  });
});

test('media of invalid records are not stored', async () => {
  const picture = Buffer.from('\x89PNG\r\n\x1a\nonly here', 'latin1').toString('base64');
  const media = BlobServiceClient.fromConnectionString(
    hw.cloud.settings['AzureWebJobsStorage'] ?? '',
  ).getContainerClient('media');
  const count = async (): Promise<number> => {
    let found = 0;
    for await (const _ of media.listBlobsFlat()) found++;
    return found;
  };
  const before = await count();
  await land(ndjson({ path: 'invalid', picture, size: 'x' }));
  expect(await count()).toBe(before);
});

test('a fifth data set is one file: as docs/datasets.md says', async () => {
  const path = '/api/datasets/levels/batches';
  const csv = { 'Content-Type': 'text/csv' };
  const dry = await post(levelsCsv, csv, `${path}?validate=only`);
  expect([dry.status, dry.document]).toMatchObject([
    200,
    {
      counts: { upserted: 1, quarantined: 1 },
      records: [{ line: 3, key: 'Magdeburg', errors: [{ pointer: '/levelCm', message: 'must be integer' }] }],
    },
  ]);
  const report = await land(levelsCsv, csv, path);
  expect(report.counts).toMatchObject({ accepted: 2, upserted: 1, quarantined: 1 });
  expect(await hw.api.get('/api/datasets/levels/documents/Dresden')).toMatchObject({
    eventTime: '2026-11-22T06:00:00.000Z',
    data: { levelCm: 141 },
  });
  const names = await hw.api.get<{ value: { name: string }[] }>('/api/datasets');
  expect(names.value.map(({ name }) => name)).toContain('levels');
});

test('the ledger balances after all of it', async () => {
  const ledger = await hw.api.ledger();
  expect(ledger.faults).toEqual([]);
  expect(ledger.balanced).toBe(true);
});
