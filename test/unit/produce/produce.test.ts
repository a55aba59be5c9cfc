import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { brotliCompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { kindOf, type FileKind } from '../../../tools/lib/produce/formats';
import type { ProduceOptions } from '../../../tools/lib/produce/options';
import { produce } from '../../../tools/lib/produce/produce';
import { exitCode, type Summary } from '../../../tools/lib/produce/summary';
import { FakeHeadwater, FakeTime, problem } from './fake-headwater';

const folder = mkdtempSync(join(tmpdir(), 'produce-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

let server: FakeHeadwater;
let time: FakeTime;
beforeEach(async () => {
  server = await new FakeHeadwater().start();
  time = new FakeTime();
});
afterEach(() => server.close());

const ids = (from: number, to: number): { id: number }[] =>
  Array.from({ length: to - from }, (_, at) => ({ id: from + at }));
const ndjson = (records: readonly object[]): string =>
  records.map((record) => `${JSON.stringify(record)}\n`).join('');

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

type Given = Partial<Omit<ProduceOptions, 'input'>> & {
  images?: { dir: string; column: string; field: string };
};

/** Sends a file, one request at a time unless told otherwise. */
function send(path: string, { images, ...options }: Given = {}): Promise<Summary> {
  const as = kindOf(path) as FileKind;
  const input = { kind: 'file', file: path, as, ...(images ? { images } : {}) } as const;
  return produce(
    { api: server.api, dataset: 'things', input, connections: 1, batchRecords: 10, ...options },
    time,
  );
}

const sendRecords = (count: number, options: Given = {}): Promise<Summary> =>
  produce(
    {
      api: server.api,
      dataset: 'things',
      input: { kind: 'records', name: 'made up', count, records: ids(0, count) },
      connections: 1,
      batchRecords: 10,
      ...options,
    },
    time,
  );

describe('a file', () => {
  const records = ids(0, 25);
  const csv = `id\n${records.map(({ id }) => id).join('\n')}\n`;
  const asText = records.map(({ id }) => ({ id: String(id) }));

  test.each([
    ['a.ndjson', ndjson(records), records],
    ['a.jsonl', ndjson(records), records],
    ['a.json', JSON.stringify(records, undefined, 2), records],
    ['a.csv', csv, asText],
    ['a.ndjson.gz', gzipSync(ndjson(records)), records],
    ['a.csv.br', brotliCompressSync(csv), asText],
    ['A.JSON.GZ', gzipSync(JSON.stringify(records)), records],
  ])('%s arrives in batches', async (name, content, expected) => {
    const summary = await send(file(name, content));
    expect(server.records).toEqual(expected);
    expect(server.batches.map((batch) => batch.records.length)).toEqual([10, 10, 5]);
    expect(summary).toMatchObject({
      accepted: 25,
      counts: { upserted: 25, quarantined: 0 },
      requestCharge: 250,
      readAll: true,
      interrupted: false,
      replayed: 0,
      open: 0,
      rejected: [],
    });
    expect(summary.failure).toBeUndefined();
    expect(exitCode(summary)).toBe(0);
  });

  test('is posted with its format, key and choices', async () => {
    await send(file('choices.csv', 'id\n1\n'), { onInvalid: 'reject', gzip: true });
    const [post] = server.posted;
    expect(post?.url.pathname).toBe('/api/datasets/things/batches');
    expect(post?.url.searchParams.get('onInvalid')).toBe('reject');
    expect(post?.headers).toMatchObject({ 'content-type': 'text/csv', 'content-encoding': 'gzip' });
    expect(post?.body.toString()).toBe('id\n1\n');
  });

  test('that is cut off in its compression is a failure, and what came before may have landed', async () => {
    const whole = gzipSync(
      ndjson(Array.from({ length: 5000 }, (_, id) => ({ id, text: String(Math.sin(id)) }))),
    );
    const summary = await send(file('cut.ndjson.gz', whole.subarray(0, whole.length - 100)), {
      batchRecords: 1000,
    });
    expect(summary.failure).toMatchObject({ kind: 'input' });
    expect(summary.readAll).toBe(false);
    expect(summary.accepted).toBe(server.records.length);
    expect(exitCode(summary)).toBe(1);
  });

  test.each([
    ['that is not there', join(folder, 'none.json'), /ENOENT/],
    ['that is a folder', folder, /is a folder/],
  ])('%s is a failure', async (_, path, message) => {
    const input = { kind: 'file', file: path, as: { format: 'json' } } as const;
    const summary = await produce({ api: server.api, dataset: 'things', input }, time);
    expect(summary.failure).toMatchObject({ kind: 'input', message: expect.stringMatching(message) });
    expect(server.seen).toEqual([]);
  });

  test('without a record is a failure', async () => {
    for (const [name, content] of [
      ['e.ndjson', '\n\n'],
      ['e.json', '[]'],
      ['e.csv', 'a,b\n'],
    ] as const) {
      const { failure } = await send(file(name, content));
      expect(failure).toMatchObject({ kind: 'input', message: expect.stringContaining('holds no record') });
    }
    expect(server.posted).toEqual([]);
  });
});

describe('running it again', () => {
  const records = ids(0, 30);

  test('doubles nothing after an interruption; another name sends it anew', async () => {
    const path = file('again.ndjson', ndjson(records));
    server.script = ({ posts }) => (posts === 1 ? { status: 400, body: {} } : undefined);
    const first = await send(path);
    expect(first.accepted).toBe(10);
    server.script = () => undefined;
    const second = await send(path);
    expect(second).toMatchObject({ accepted: 30, replayed: 1, counts: { upserted: 30 } });
    expect(server.records).toEqual(records);
    const third = await send(path);
    expect(third.replayed).toBe(3);
    expect(exitCode(third)).toBe(0);
    expect((await send(path, { run: 'again' })).replayed).toBe(0);
    expect(server.batches).toHaveLength(6);
  });

  test('equal batches of one file are different ones', async () => {
    const same = Array.from({ length: 20 }, () => ({ id: 1 }));
    expect(await send(file('equal.ndjson', ndjson(same)))).toMatchObject({ accepted: 20, replayed: 0 });
  });
});

describe('what passes is tried again', () => {
  test('a broken connection, also when the batch was accepted: it is one batch', async () => {
    server.script = ({ posts, method }) =>
      method !== 'POST' ? undefined : posts === 0 ? 'cut' : posts === 2 ? 'cut-after' : undefined;
    const summary = await sendRecords(20);
    expect(server.records).toEqual(ids(0, 20));
    expect(summary).toMatchObject({ accepted: 20, repeats: 2, replayed: 1 });
    expect(exitCode(summary)).toBe(0);
  });

  test.each([429, 500, 502, 503])('a %i', async (status) => {
    server.script = ({ posts }) => (posts < 3 ? { status, body: {} } : undefined);
    expect(await sendRecords(5, { wait: false })).toMatchObject({ accepted: 5, repeats: 3 });
    // Half of 500, 1000, 2000: the chance is always a half.
    expect(time.delays).toEqual([250, 500, 1000]);
  });

  test('a key that is in use, but no other conflict', async () => {
    server.script = ({ posts }) => (posts < 2 ? problem(409, 'idempotency-key-in-use', 'Wait.') : undefined);
    expect(await sendRecords(5)).toMatchObject({ accepted: 5, repeats: 2 });
    server.script = () => problem(409, 'something-else', 'No.');
    expect((await sendRecords(6)).failure).toMatchObject({ kind: 'refused', code: 'something-else' });
  });

  test('for as long as Retry-After says, in seconds or as a date', async () => {
    const date = new Date(time.now() + 7_000 + 40_000).toUTCString();
    server.script = ({ posts }) =>
      posts > 1 ? undefined : { status: 429, headers: { 'Retry-After': posts === 0 ? '7' : date }, body: {} };
    const from = time.now();
    await sendRecords(5, { wait: false });
    expect(time.delays[0]).toBe(7_250);
    expect(time.delays[1]).toBe(40_000 - 250 + 500);
    expect(time.now() - from).toBe(47_500);
  });

  test('a pause that one request is told is kept by all', async () => {
    time.chance = 0;
    let posted = 0;
    let release = (): void => undefined;
    const both = new Promise<void>((resolve) => (release = resolve));
    server.script = async ({ posts, method }) => {
      if (method !== 'POST') return undefined;
      if (++posted === 2) release();
      if (posts < 2) await both;
      return posts === 0 ? { status: 429, headers: { 'Retry-After': '60' }, body: {} } : undefined;
    };
    const from = time.now();
    await sendRecords(30, { connections: 2, wait: false });
    // The third batch is not sent before the minute is over either.
    expect(time.now() - from).toBeGreaterThanOrEqual(60_000);
    expect(server.records).toHaveLength(30);
    expect(server.posted).toHaveLength(4);
  });

  test('but not for ever: then it says what was sent and what not', async () => {
    server.script = ({ posts }) => (posts > 0 ? 'cut' : undefined);
    const summary = await sendRecords(40, { retries: 3 });
    expect(summary.failure).toMatchObject({ kind: 'unreachable' });
    expect(summary.batches).toMatchObject([
      { first: 0, state: 'accepted', batchId: 'batch-0' },
      { first: 10, state: 'unanswered' },
    ]);
    expect(summary).toMatchObject({ accepted: 10, readAll: false, repeats: 3 });
    expect(server.posted).toHaveLength(5);
    expect(exitCode(summary)).toBe(1);
  });

  test('a pause of hours is not waited for', async () => {
    server.script = () => ({ status: 503, headers: { 'Retry-After': '9999' }, body: {} });
    const { failure } = await sendRecords(5);
    expect(failure).toMatchObject({ kind: 'unreachable', message: expect.stringContaining('9999 seconds') });
    expect(time.delays).toEqual([]);
  });

  test('nobody there', async () => {
    const { api } = server;
    await server.close();
    const summary = await produce(
      { api, dataset: 'd', input: { kind: 'records', name: 'x', records: ids(0, 5) }, retries: 2 },
      time,
    );
    expect(summary.failure).toMatchObject({
      kind: 'unreachable',
      message: expect.stringContaining('ECONNREFUSED'),
    });
    expect(summary.batches).toMatchObject([{ state: 'notSent' }]);
    server = await new FakeHeadwater().start();
  });
});

describe('what is refused is not tried again', () => {
  test('a line of a batch is told as one of the file', async () => {
    const lines = ids(0, 30).map((record) => JSON.stringify(record));
    lines.splice(12, 0, '', '');
    lines[25] = '{oops';
    server.script = ({ body }) =>
      body.includes('oops')
        ? problem(400, 'malformed-body', 'Line 4: no.', { line: 4, record: 3 })
        : undefined;
    const summary = await send(file('bad.ndjson', `${lines.join('\n')}\n`));
    expect(summary.failure).toMatchObject({
      kind: 'refused',
      status: 400,
      code: 'malformed-body',
      detail: 'no.',
      batch: 3,
      record: 23,
      line: 26,
    });
    expect(summary.batches.map(({ state }) => state)).toEqual(['accepted', 'accepted', 'refused']);
    expect(summary.counts.upserted).toBe(20);
    expect(summary.repeats).toBe(0);
    expect(exitCode(summary)).toBe(1);
  });

  test('of CSV by the line alone, and a record of a JSON array', async () => {
    // By what it holds: the batches come in any order.
    server.script = ({ body }) =>
      body.includes('"c\nd"') ? problem(400, 'malformed-body', 'No.', { line: 3 }) : undefined;
    const csv = await send(file('bad.csv', 'id,t\n1,"a\nb"\n2,"c\nd"\n3,"e\nf"\n'), { batchRecords: 1 });
    expect(csv.failure).toMatchObject({ kind: 'refused', batch: 2, record: 1, line: 5 });
    server.script = ({ body }) =>
      body.includes('[3') ? problem(400, 'malformed-body', 'No.', { record: 0 }) : undefined;
    const json = await send(file('bad.json', '[1,\n2,\n\n3]'), { batchRecords: 2 });
    expect(json.failure).toMatchObject({ kind: 'refused', record: 2, line: 4 });
  });

  test.each([
    [{ status: 401 }, /key does not open/],
    [{ status: 302, headers: { Location: 'http://127.0.0.1:1/' } }, /redirects are not followed/],
    [{ status: 404, body: 'no page' }, /no page/],
    [{ status: 202, body: { something: 'else' } }, /not that of Headwater/],
  ])('%j says what it is', async (answer, detail) => {
    server.script = () => answer;
    const summary = await sendRecords(20);
    expect(summary.failure).toMatchObject({ kind: 'refused', detail: expect.stringMatching(detail) });
    expect(server.seen).toHaveLength(1);
  });
});

describe('records that do not land', () => {
  const records = ids(0, 40).map((record) => (record.id % 15 === 7 ? { ...record, bad: true } : record));

  test('are told with their line, and the exit code says so', async () => {
    const summary = await send(file('mixed.ndjson', `\n${ndjson(records)}`));
    expect(summary.counts).toMatchObject({ upserted: 37, quarantined: 3 });
    expect(summary.rejected).toMatchObject([
      { record: 7, line: 9, index: 7, batchId: 'batch-0', key: 'key 7', verdict: 'quarantined' },
      { record: 22, line: 24, index: 2, batchId: 'batch-2' },
      { record: 37, line: 39, index: 7, batchId: 'batch-3' },
    ]);
    expect(summary.rejected[0]?.errors).toEqual([{ pointer: '/bad', message: 'must not be there' }]);
    expect(exitCode(summary)).toBe(3);
  });

  test('the first ones of the input are told, whatever closes first', async () => {
    const many = ids(0, 60).map((record) => ({ ...record, ...(record.id % 2 ? { bad: 1 } : { dead: 1 }) }));
    const path = file('many.ndjson', ndjson(many));
    const summary = await send(path, { show: 5, connections: 4 });
    expect(summary.rejected.map(({ record }) => record)).toEqual([0, 1, 2, 3, 4]);
    expect(summary.rejected[0]).toMatchObject({
      verdict: 'deadLettered',
      errors: [{ pointer: '', message: 'too large for the store' }],
    });
  });

  test('of a dry run nothing is stored, and they are told as well', async () => {
    const summary = await send(file('dry.ndjson', ndjson(records)), { mode: 'validate' });
    expect(summary.counts).toMatchObject({ upserted: 37, quarantined: 3 });
    expect(summary.rejected.map(({ line }) => line)).toEqual([8, 23, 38]);
    expect(summary.rejected[0]?.batchId).toBeUndefined();
    expect(server.batches).toEqual([]);
    expect(server.posted.every(({ headers }) => headers['idempotency-key'] === undefined)).toBe(true);
    expect(exitCode(summary)).toBe(3);
  });

  test('a dry run ends at once where there is no such thing', async () => {
    server.script = () => ({ status: 202, body: { batchId: 'b', accepted: 10 } });
    const summary = await send(file('undry.ndjson', ndjson(records)), { mode: 'validate' });
    expect(summary.failure).toMatchObject({ detail: expect.stringContaining('knows no dry run') });
    expect(summary.batches).toMatchObject([{ state: 'accepted', batchId: 'b' }]);
    expect(server.posted).toHaveLength(1);
  });
});

describe('waiting', () => {
  test('until every batch is closed', async () => {
    server.slowPolls = 3;
    const summary = await sendRecords(30);
    expect(summary).toMatchObject({ open: 0, counts: { upserted: 30 } });
    expect(summary.batches.every(({ status }) => status === 'completed')).toBe(true);
  });

  test('or not at all', async () => {
    const summary = await sendRecords(30, { wait: false });
    expect(summary).toMatchObject({ accepted: 30, open: 3, counts: { upserted: 0 } });
    expect(server.seen).toHaveLength(3);
    expect(exitCode(summary)).toBe(0);
  });

  test('but not for ever', async () => {
    server.slowPolls = Infinity;
    const summary = await sendRecords(30, { waitMs: 60_000 });
    expect(summary.failure).toMatchObject({ kind: 'open' });
    expect(summary).toMatchObject({ accepted: 30, open: 3 });
    expect(exitCode(summary)).toBe(1);
  });

  test('a status that cannot be had is asked for again', async () => {
    let asked = 0;
    server.script = ({ method }) =>
      method === 'GET' && asked++ < 3 ? (asked % 2 ? 'cut' : { status: 503 }) : undefined;
    expect(await sendRecords(10)).toMatchObject({ open: 0, counts: { upserted: 10 } });
  });

  test('a batch that ended as failed is a failure; the others are counted', async () => {
    server.script = ({ method, url }) =>
      method === 'GET' && url.pathname.endsWith('batch-0')
        ? {
            status: 200,
            body: {
              batchId: 'batch-0',
              status: 'failed',
              completedAt: '2026-01-05T06:00:00.000Z',
              counts: {
                accepted: 10,
                upserted: 4,
                unchanged: 0,
                stale: 0,
                quarantined: 0,
                deadLettered: 0,
                notApplied: 6,
                inFlight: 0,
              },
              requestCharge: 1,
              failure: { code: 'terminated', message: 'Somebody ended it.' },
            },
          }
        : undefined;
    const summary = await sendRecords(20);
    expect(summary.failure).toMatchObject({
      kind: 'failed',
      batchId: 'batch-0',
      message: 'terminated: Somebody ended it.',
    });
    expect(summary).toMatchObject({ accepted: 20, counts: { upserted: 14, notApplied: 6 } });
    expect(exitCode(summary)).toBe(1);
  });
});

describe('how fast', () => {
  test('a rate sends batches at their moments', async () => {
    const at: number[] = [];
    const from = time.now();
    server.script = ({ method }) => void (method === 'POST' && at.push(time.now() - from));
    const summary = await sendRecords(40, { rate: 20, wait: false });
    expect(at).toEqual([0, 500, 1000, 1500]);
    expect(summary.lateSeconds).toBe(0);
  });

  test('what is late is sent at once and does not shift what comes after it', async () => {
    const at: number[] = [];
    const from = time.now();
    server.script = ({ method, posts }) => {
      if (method === 'POST') at.push(time.now() - from);
      // The second answer takes 1.2 seconds.
      if (posts === 1) time.time += 1_200;
      return undefined;
    };
    const summary = await sendRecords(60, { rate: 20, wait: false });
    expect(at).toEqual([0, 500, 1700, 1700, 2000, 2500]);
    expect(summary.lateSeconds).toBeCloseTo(0.7);
  });

  test('as many requests at the same time as there are connections', async () => {
    let arrived = 0;
    let release = (): void => undefined;
    const all = new Promise<void>((resolve) => (release = resolve));
    server.script = async ({ method }) => {
      if (method === 'POST' && ++arrived === 3) release();
      if (method === 'POST') await all;
      return undefined;
    };
    const summary = await sendRecords(90, { connections: 3 });
    expect(server.mostPosting).toBe(3);
    expect(summary.accepted).toBe(90);
    expect(server.records.toSorted((a, b) => (a as { id: number }).id - (b as { id: number }).id)).toEqual(
      ids(0, 90),
    );
  });

  test('no more than a few batches are read ahead', async () => {
    let made = 0;
    let most = 0;
    const records = function* (): Generator<object> {
      for (; made < 500; made++) yield { id: made };
    };
    server.script = ({ method }) =>
      void (method === 'POST' && (most = Math.max(most, made - server.records.length)));
    const input = { kind: 'records', name: 'many', records: records() } as const;
    await produce({ api: server.api, dataset: 'd', input, batchRecords: 10, connections: 2 }, time);
    expect(server.records).toHaveLength(500);
    expect(most).toBeLessThanOrEqual(40);
  });
});

describe('Ctrl-C', () => {
  test('answers what is under way, sends no more, and tells what was accepted', async () => {
    const stop = new AbortController();
    server.slowPolls = Infinity;
    server.script = ({ posts, method }) => void (method === 'POST' && posts === 2 && stop.abort());
    // The grace of a request under way is not to be over at once.
    const patient = Object.assign(time, {
      delay: (ms: number, signal?: AbortSignal) =>
        ms === 5_000
          ? new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve()))
          : FakeTime.prototype.delay.call(time, ms, signal),
    });
    time = patient;
    const summary = await sendRecords(90, { signal: stop.signal });
    expect(server.posted).toHaveLength(3);
    expect(summary).toMatchObject({ interrupted: true, accepted: 30, open: 3, readAll: false });
    expect(summary.failure).toBeUndefined();
    expect(exitCode(summary)).toBe(130);
  });

  test('does not wait for a server that does not answer', async () => {
    const stop = new AbortController();
    server.script = () => {
      setImmediate(() => stop.abort());
      return 'hang';
    };
    const summary = await sendRecords(20, { signal: stop.signal });
    expect(summary).toMatchObject({ interrupted: true, accepted: 0 });
    expect(summary.batches).toMatchObject([{ state: 'unanswered' }]);
  });

  test.each(['post', 'upload'] as const)('(%s) also while a pipe says nothing', async (mode) => {
    const stop = new AbortController();
    const silent = new PassThrough();
    const read = silent.read.bind(silent);
    // As soon as somebody waits for it.
    silent.read = (size) => {
      setImmediate(() => stop.abort());
      return read(size);
    };
    const stdin = Object.getOwnPropertyDescriptor(process, 'stdin') as PropertyDescriptor;
    Object.defineProperty(process, 'stdin', { value: silent, configurable: true });
    try {
      const input = { kind: 'file', file: '-', as: { format: 'ndjson' } } as const;
      const options = { api: server.api, dataset: 'd', input, mode, signal: stop.signal };
      const summary = await produce(options, time);
      expect(summary).toMatchObject({ interrupted: true, accepted: 0 });
      expect(summary.failure).toBeUndefined();
      expect(server.posted).toEqual([]);
    } finally {
      Object.defineProperty(process, 'stdin', stdin);
    }
  });

  test('before it begins', async () => {
    const summary = await sendRecords(20, { signal: AbortSignal.abort() });
    expect(summary).toMatchObject({ interrupted: true, accepted: 0 });
    expect(server.seen).toEqual([]);
  });
});

describe('images', () => {
  const dir = join(folder, 'images');
  const images = { dir, column: 'image_file', field: 'image_base64' };
  beforeAll(() => {
    mkdirSync(dir);
    writeFileSync(join(dir, 'a.jpg'), Buffer.from([0xff, 0xd8, 1]));
    writeFileSync(join(dir, 'b, c.jpg'), Buffer.alloc(3_000, 7));
  });
  const csv = 'id,image_file,text\r\n1,a.jpg,"x ""y""\r\nz"\r\n2,,none\r\n3,"b, c.jpg",last\r\n';

  test('take the place of their names', async () => {
    const summary = await send(file('tweets.csv', csv), { images });
    expect(summary.failure).toBeUndefined();
    expect(server.records).toEqual([
      { id: '1', image_base64: readFileSync(join(dir, 'a.jpg')).toString('base64'), text: 'x "y"\r\nz' },
      { id: '2', image_base64: '', text: 'none' },
      { id: '3', image_base64: readFileSync(join(dir, 'b, c.jpg')).toString('base64'), text: 'last' },
    ]);
  });

  test('count for the size of a batch', async () => {
    await send(file('sized.csv', csv), { images, batchBytes: 2_000 });
    expect(server.batches.map(({ records }) => records.length)).toEqual([2, 1]);
  });

  test('one that is missing is told with line and file, before anything of its batch is sent', async () => {
    const path = file('missing.csv', `${csv}4,gone.jpg,x\n5,a.jpg,y\n`);
    const summary = await send(path, { images, batchRecords: 2 });
    expect(summary.failure).toMatchObject({
      kind: 'input',
      line: 6,
      message: expect.stringContaining(join(dir, 'gone.jpg')),
    });
    expect(server.records).toHaveLength(2);
  });

  test.each(['../tweets.csv', '/etc/hostname', '..', 'a.jpg\0'])(
    '%j does not lead out of the folder',
    async (name) => {
      file('tweets.csv', 'secret');
      const summary = await send(file('hostile.csv', `id,image_file\n1,"${name}"\n`), { images });
      expect(summary.failure).toMatchObject({
        kind: 'input',
        line: 2,
        message: expect.stringContaining('outside'),
      });
      expect(server.seen).toEqual([]);
    },
  );

  test('columns have to fit', async () => {
    const none = await send(file('none.csv', 'id\n1\n'), { images });
    expect(none.failure).toMatchObject({ message: expect.stringContaining('no column "image_file"') });
    const twice = await send(file('twice.csv', 'image_file,image_base64\na.jpg,\n'), { images });
    expect(twice.failure).toMatchObject({ message: expect.stringContaining('already has a column') });
  });

  test('rows that are no good CSV stay as they are', async () => {
    const rows = 'id,image_file\n1\n2,a.jpg,3\n"4"x,a.jpg\n';
    await send(file('broken.csv', rows), { images });
    expect(server.posted[0]?.body.toString()).toBe(rows.replace('image_file', 'image_base64'));
  });
});

describe('an upload', () => {
  const records = ids(0, 3_000);

  test.each([
    ['up.ndjson', ndjson(records), false, undefined],
    ['up.csv', `id\n${records.map(({ id }) => id).join('\n')}\n`, false, undefined],
    ['up.ndjson', ndjson(records), true, 'gzip'],
    ['up.ndjson.gz', gzipSync(ndjson(records)), true, 'gzip'],
  ])('%s goes to a blob and becomes one batch', async (name, content, gzip, encoding) => {
    server.script = ({ url }) => {
      // The fake reads what was uploaded as it is.
      for (const [id, bytes] of server.uploaded) {
        if (encoding && url.searchParams.get('upload') === id) server.uploaded.set(id, gunzipSync(bytes));
      }
      return undefined;
    };
    const summary = await send(file(name, content), { mode: 'upload', gzip });
    expect(summary.failure).toBeUndefined();
    expect(server.records).toHaveLength(3_000);
    expect(server.posted).toHaveLength(1);
    expect(server.posted[0]?.headers['content-encoding']).toBe(encoding);
    expect(summary).toMatchObject({
      accepted: 3_000,
      counts: { upserted: 3_000 },
      batches: [{ records: 3_000 }],
    });
  });

  test('again is the same batch', async () => {
    const path = file('twice.ndjson', ndjson(records));
    await send(path, { mode: 'upload' });
    expect(await send(path, { mode: 'upload' })).toMatchObject({ replayed: 1 });
    expect(server.batches).toHaveLength(1);
  });

  test('that is too large is told before it is sent', async () => {
    const path = file('large.ndjson', 'x'.repeat(1_000_001));
    const { failure } = await send(path, { mode: 'upload' });
    expect(failure).toMatchObject({ kind: 'input', message: expect.stringContaining('at most 1000000') });
    expect(server.seen).toHaveLength(1);
  });

  test('that the blob refuses is a failure', async () => {
    server.script = ({ method }) => (method === 'PUT' ? { status: 403 } : undefined);
    const { failure } = await send(file('refused.ndjson', ndjson(records)), { mode: 'upload' });
    expect(failure).toMatchObject({ kind: 'refused', status: 403 });
    expect(server.posted).toEqual([]);
  });
});
