import type { RecordReport } from '../../tools/lib/api';
import { postedBody, readManifest } from '../../tools/lib/manifest';
import { headwater, type Headwater } from '../support/headwater';

const manifest = readManifest();
const mixedProducts = (): Buffer => postedBody({ path: 'products/products-mixed.json', dataSet: 'products' });
const ndjson = (...records: unknown[]): string =>
  records.map((record) => JSON.stringify(record)).join('\n') + '\n';

let hw: Headwater;
beforeAll(async () => {
  hw = await headwater();
});
afterAll(() => hw?.dispose());

async function all(records: AsyncIterable<RecordReport>): Promise<RecordReport[]> {
  const list: RecordReport[] = [];
  for await (const record of records) list.push(record);
  return list;
}

async function problem(response: Response): Promise<Record<string, unknown>> {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  const document = (await response.json()) as Record<string, unknown>;
  expect(document['status']).toBe(response.status);
  return document;
}

const post = (
  body: string | Buffer,
  headers: Record<string, string> = {},
  path = '/api/datasets/things/batches',
): Promise<Response> =>
  hw.api.request(path, {
    method: 'POST',
    body,
    headers: { 'Content-Type': 'application/x-ndjson', ...headers },
  });

describe('the samples', () => {
  test.each(manifest.files)('$path ends as its manifest says', async (file) => {
    const accepted = await hw.api.post(file.dataSet, postedBody(file), file);
    expect(accepted).toMatchObject({ dataset: file.dataSet, accepted: file.records });
    const report = await hw.api.closed(accepted.batchId);
    expect(report.counts).toEqual({ accepted: file.records, ...file.expected, inFlight: 0 });
    expect(report.archive).toMatchObject({ sha256: file.sha256 });
    expect(await hw.recount.archived(report.archive?.path ?? '')).toMatchObject({ sha256: file.sha256 });
    const records = await all(hw.api.records(accepted.batchId, '?maxpagesize=500'));
    expect(new Set(records.map(({ index }) => index)).size).toBe(file.records);
    for (const { index, keyword, pointer, line } of file.bad) {
      const record = records.find((record) => record.index === index);
      expect(record?.line).toBe(line);
      expect(record?.errors).toContainEqual(
        expect.objectContaining({ keyword, pointer, message: expect.any(String) }),
      );
    }
    for (const record of records.filter(({ verdict }) => verdict === 'stale')) {
      expect(record.winner).toEqual({
        batchId: expect.any(String),
        index: expect.any(Number),
        eventTime: expect.stringMatching(/Z$/),
      });
    }
  });

  test('every valid record is in the hub', async () => {
    const events = await hw.recount.events();
    const valid = manifest.files.reduce(
      (total, { records, expected }) => total + records - expected.quarantined,
      0,
    );
    expect(events.size).toBe(valid);
  });
});

describe('documents', () => {
  test('keys may hold slashes and anything else', async () => {
    const key = 'a/b c/åäö?#%/日本';
    const { batchId } = await hw.api.post('things', ndjson({ path: key, size: 1 }));
    expect((await hw.api.closed(batchId)).counts.upserted).toBe(1);
    const path = key.split('/').map(encodeURIComponent).join('/');
    expect(await hw.api.get(`/api/datasets/things/documents/${path}`)).toMatchObject({
      key,
      version: 1,
      data: { path: key, size: 1 },
    });
  });

  test('a deletion leaves a tombstone, and the document comes back with a higher version', async () => {
    const land = async (record: object) =>
      hw.api.closed((await hw.api.post('things', ndjson(record))).batchId);
    await land({ path: 'reborn', size: 1 });
    await land({ path: 'reborn', gone: true });
    const gone = await hw.api.request('/api/datasets/things/documents/reborn');
    expect(gone.status).toBe(410);
    expect(await problem(gone)).toMatchObject({ code: 'document-deleted', version: 2 });
    await land({ path: 'reborn', size: 1 });
    expect(await hw.api.get('/api/datasets/things/documents/reborn')).toMatchObject({ version: 3 });
  });

  test('media move to a blob and leave a reference', async () => {
    const picture = Buffer.from('\x89PNG\r\n\x1a\n, and not much of a picture', 'latin1').toString('base64');
    const { batchId } = await hw.api.post(
      'things',
      ndjson({ path: 'pictured', picture }, { path: 'broken', picture: '!' }),
    );
    const report = await hw.api.closed(batchId);
    expect(report.counts).toMatchObject({ upserted: 1, quarantined: 1 });
    const found = await hw.api.get<{ data: { picture: { path: string; bytes: number } } }>(
      '/api/datasets/things/documents/pictured',
    );
    expect((await hw.recount.blob(found.data.picture.path))?.toString('base64')).toBe(picture);
  });

  test('an unknown one is 404', async () => {
    const response = await hw.api.request('/api/datasets/things/documents/never');
    expect(await problem(response)).toMatchObject({ code: 'unknown-document', status: 404 });
  });
});

describe('an accepted batch', () => {
  test('says where to ask, and when', async () => {
    const response = await post(ndjson({ path: 'asked' }));
    expect(response.status).toBe(202);
    const body = (await response.json()) as Record<string, string>;
    expect(Object.keys(body).toSorted()).toEqual(
      ['accepted', 'batchId', 'dataset', 'id', 'statusQueryGetUri', 'terminatePostUri'].toSorted(),
    );
    expect(response.headers.get('location')).toBe(body['statusQueryGetUri']);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  test('counts add up at every moment', async () => {
    const records = Array.from({ length: 3000 }, (_, index) => ({ path: `moment/${index}` }));
    const { batchId } = await hw.api.post('things', ndjson(...records));
    for (let closed = false; !closed;) {
      const { counts, completedAt } = await hw.api.batch(batchId);
      const { accepted, ...others } = counts;
      expect(Object.values(others).reduce((sum, count) => sum + count, 0)).toBe(accepted);
      closed = completedAt !== null;
    }
  });

  test('of many at once with one key: the newest wins, and every change of content is counted once', async () => {
    const accepted = await Promise.all(
      Array.from({ length: 12 }, (_, size) => hw.api.post('things', ndjson({ path: 'contended', size }))),
    );
    const reports = await Promise.all(accepted.map(({ batchId }) => hw.api.closed(batchId)));
    const newest = reports.toSorted((a, b) => {
      const [first, second] = [a, b].map(({ receivedAt, batchId }) => `${receivedAt} ${batchId}`);
      return (first ?? '') < (second ?? '') ? -1 : 1;
    });
    const document = await hw.api.get<{ version: number; batchId: string }>(
      '/api/datasets/things/documents/contended',
    );
    expect(document.batchId).toBe(newest.at(-1)?.batchId);
    expect(reports.reduce((sum, { counts }) => sum + counts.upserted, 0)).toBe(document.version);
    expect(reports.every(({ counts }) => counts.upserted + counts.stale === 1)).toBe(true);
  });
});

describe('onInvalid=reject', () => {
  test('one bad record, and nothing lands', async () => {
    const body = ndjson({ path: 'r1' }, { path: 'r2', size: 'big' }, { path: 'r3' });
    const { batchId } = await hw.api.post('things', body, { query: '?onInvalid=reject' });
    const report = await hw.api.closed(batchId);
    expect(report.status).toBe('rejected');
    expect(report.counts).toMatchObject({ accepted: 3, quarantined: 1, notApplied: 2, upserted: 0 });
    expect((await hw.api.request('/api/datasets/things/documents/r1')).status).toBe(404);
    expect([...(await hw.recount.events()).keys()].some((id) => id.startsWith(batchId))).toBe(false);
  });
});

describe('idempotency', () => {
  test('the same request is the same batch; other content is refused', async () => {
    const body = ndjson({ path: 'idem', size: 1 });
    const first = await post(body, { 'Idempotency-Key': 'k1' });
    const again = await post(body, { 'Idempotency-Key': 'k1' });
    expect([first.status, again.status]).toEqual([202, 202]);
    expect(first.headers.get('idempotency-replayed')).toBeNull();
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(await again.json()).toEqual(await first.json());
    const other = await post(ndjson({ path: 'idem', size: 2 }), { 'Idempotency-Key': 'k1' });
    expect(await problem(other)).toMatchObject({ code: 'idempotency-key-reused', status: 422 });
    const elsewhere = await post(
      mixedProducts(),
      { 'Idempotency-Key': 'k1', 'Content-Type': 'application/json' },
      '/api/datasets/products/batches',
    );
    expect(elsewhere.status).toBe(202);
  });

  test('two at once with one key make one batch', async () => {
    const body = ndjson({ path: 'twice', size: 1 });
    const answers = await Promise.all([1, 2, 3, 4].map(() => post(body, { 'Idempotency-Key': 'at once' })));
    const ids = new Set<unknown>();
    for (const answer of answers) {
      expect([202, 409]).toContain(answer.status);
      const document = (await answer.json()) as { batchId?: string; code?: string };
      if (answer.status === 202) ids.add(document.batchId);
      else expect(document.code).toBe('idempotency-key-in-use');
    }
    expect(ids.size).toBe(1);
  });
});

describe('what is refused', () => {
  test.each([
    ['a line that is no JSON', '{"path":"a"}\n{oops\n', { code: 'malformed-body', line: 2, record: 1 }],
    ['invalid UTF-8', Buffer.from([0x22, 0xff, 0x22, 0x0a]), { code: 'malformed-body', line: 1 }],
    ['a number beyond a double', '{"path":"a","size":1e999}\n', { code: 'malformed-body', line: 1 }],
    ['nesting without end', `${'['.repeat(5000)}${']'.repeat(5000)}\n`, { code: 'malformed-body', line: 1 }],
    ['nothing', '', { code: 'empty-batch' }],
    ['blank lines', '\n \r\n\n', { code: 'empty-batch' }],
  ])('%s is 400', async (_name, body, expected) => {
    const response = await post(body);
    expect(response.status).toBe(400);
    expect(await problem(response)).toMatchObject(expected);
  });

  test('JSON that is no array is 400', async () => {
    const response = await post('{"path":"a"}', { 'Content-Type': 'application/json' });
    expect(await problem(response)).toMatchObject({ code: 'malformed-body', status: 400 });
  });

  test('a key is needed, and a wrong one is not enough', async () => {
    for (const key of ['', 'wrong']) {
      expect((await hw.api.request('/api/datasets', { headers: { 'x-functions-key': key } })).status).toBe(
        401,
      );
    }
    expect((await fetch(`${hw.cloud.url}/api/datasets?code=${hw.api.key}`)).status).toBe(200);
  });

  test('an unknown data set is 404 and names those that exist', async () => {
    const response = await post('{}', {}, '/api/datasets/nothing/batches');
    expect(await problem(response)).toMatchObject({
      code: 'unknown-dataset',
      status: 404,
      datasets: ['flights', 'orders', 'products', 'things', 'tweets'],
    });
  });

  test('an unknown batch is 404', async () => {
    for (const id of ['x', '0'.repeat(32), '..%2f..']) {
      expect(await problem(await hw.api.request(`/api/batches/${id}`))).toMatchObject({
        code: 'unknown-batch',
      });
    }
  });

  test('other content types and encodings are 415', async () => {
    const wrong: Record<string, string>[] = [
      { 'Content-Type': 'text/plain' },
      { 'Content-Encoding': 'zstd' },
    ];
    for (const headers of wrong) {
      expect(await problem(await post('{}', headers))).toMatchObject({
        code: 'unsupported-media-type',
        status: 415,
      });
    }
  });

  test('too many bytes or records are 413, with the limit', async () => {
    const records = await post('{}\n'.repeat(50_001));
    expect(await problem(records)).toMatchObject({
      code: 'batch-too-large',
      status: 413,
      limit: 50_000,
      unit: 'records',
    });
    const bytes = await post(Buffer.alloc(32 * 1024 * 1024 + 1, 0x20));
    expect(await problem(bytes)).toMatchObject({ code: 'batch-too-large', status: 413, unit: 'bytes' });
  });

  test.each(['?onInvalid=maybe', '?onInvalid='])('%s is 400', async (query) => {
    expect(await problem(await post('{}', {}, `/api/datasets/things/batches${query}`))).toMatchObject({
      code: 'invalid-parameter',
    });
  });

  test('a list refuses what it does not understand', async () => {
    const { batchId } = await hw.api.post('things', ndjson({ path: 'listed' }));
    for (const query of ['verdict=fine', 'maxpagesize=0', 'maxpagesize=x', 'continuationToken=zzz']) {
      expect((await hw.api.request(`/api/batches/${batchId}/records?${query}`)).status).toBe(400);
    }
  });
});

describe('hostile records', () => {
  test('are quarantined, each with its reason, and come back as they were', async () => {
    const records = [
      { path: 'deep', note: 'x', size: 1 },
      { path: 'huge', note: 'x'.repeat(950_000) },
      { path: '\ud800' },
      { path: 'x'.repeat(3000) },
      5,
      null,
      [],
      { path: '' },
    ];
    const body = `${ndjson(...records)}{"__proto__":{"path":"proto"}}\n{"path":"p","__proto__":1}\n`;
    const { batchId } = await hw.api.post('things', body);
    const report = await hw.api.closed(batchId);
    expect(report.counts).toMatchObject({ accepted: 10, upserted: 1, quarantined: 9 });
    const quarantined = await all(hw.api.records(batchId, '?verdict=quarantined'));
    for (const { errors, schemaVersion } of quarantined) {
      expect(errors?.length).toBeGreaterThan(0);
      expect(schemaVersion).toMatch(/^3\+[0-9a-f]{8}$/);
    }
    expect(quarantined.find(({ index }) => index === 1)).toMatchObject({
      errors: [{ keyword: 'maxBytes' }],
      record: records[1],
    });
    expect(quarantined.find(({ index }) => index === 4)?.record).toBe(5);
  });
});

describe('signed links', () => {
  test('answer with the status JSON and codes of Durable, for their own batch only', async () => {
    const one = await hw.api.post('things', ndjson({ path: 'link 1' }));
    const two = await hw.api.post('things', ndjson({ path: 'link 2' }));
    await hw.api.closed(one.batchId);
    const status = await fetch(one.statusQueryGetUri);
    expect(status.status).toBe(200);
    expect(await status.json()).toMatchObject({
      instanceId: one.id,
      name: 'ingestBatch',
      runtimeStatus: 'Completed',
      output: { status: 'completed' },
    });
    const crossed = one.statusQueryGetUri.replace(one.id, two.id);
    expect(await problem(await fetch(crossed))).toMatchObject({ code: 'invalid-signature', status: 403 });
    const otherUse = one.terminatePostUri.replace(
      /sig=[^&]+/,
      new URL(one.statusQueryGetUri).search.slice(1),
    );
    expect((await fetch(otherUse, { method: 'POST' })).status).toBe(403);
    expect(await problem(await fetch(one.terminatePostUri, { method: 'POST' }))).toMatchObject({
      code: 'batch-closed',
      status: 410,
    });
  });

  test('a terminated batch closes as failed; what had not landed is not applied', async () => {
    const records = Array.from({ length: 5000 }, (_, index) => ({
      path: `terminated/${index}`,
      size: index,
    }));
    const accepted = await hw.api.post('things', ndjson(...records));
    const answer = await fetch(accepted.terminatePostUri.replace('{text}', 'enough'), { method: 'POST' });
    expect(answer.status).toBe(202);
    const report = await hw.api.closed(accepted.batchId);
    expect(report).toMatchObject({
      status: 'failed',
      failure: { code: 'terminated', message: expect.stringContaining('enough') },
    });
    const { counts } = report;
    expect(counts.inFlight).toBe(0);
    expect(counts.upserted + counts.notApplied).toBe(5000);
    const landed = (await hw.recount.documents()).filter(({ _hw }) => _hw.maker.batchId === accepted.batchId);
    expect(landed.length).toBe(counts.upserted);
    expect(report.archive).not.toBeNull();
  });
});

describe('data sets', () => {
  test('are listed and described', async () => {
    const { value } = await hw.api.get<{ value: { name: string }[] }>('/api/datasets');
    expect(value.map(({ name }) => name)).toEqual(['flights', 'orders', 'products', 'things', 'tweets']);
    expect(await hw.api.get('/api/datasets/things')).toMatchObject({
      name: 'things',
      configuration: { key: '/path' },
      schema: { title: 'Thing' },
    });
  });
});
