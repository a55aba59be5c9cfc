import { Readable } from 'node:stream';
import type { HttpRequest, InvocationContext } from '@azure/functions';
import type { Problem } from '../../src/domain/problem';
import { parseDataSet } from '../../src/domain/dataset';
import type { TriggerDeps } from '../../src/triggers/ingest/deps';
import { InFlightLimit } from '../../src/triggers/ingest/inFlight';
import { createAccept } from '../../src/triggers/ingest/acceptance';
import { createPostBatch } from '../../src/triggers/ingest/postBatch';

const schema = JSON.stringify({ type: 'object', 'x-headwater': { version: 1, key: '/id' } });
const readings = parseDataSet('readings', schema);

function deps(open: number): TriggerDeps {
  const some: Partial<TriggerDeps> = {
    schemas: { all: new Map([['readings', readings]]) } as Partial<
      TriggerDeps['schemas']
    > as TriggerDeps['schemas'],
    batches: { countOpen: () => Promise.resolve(open) } as TriggerDeps['batches'],
    now: () => new Date('2026-03-01T12:00:00Z'),
    config: { limits: { batchBytes: 1000, batchRecords: 10, batchesInFlight: 5 } } as TriggerDeps['config'],
  };
  return some as TriggerDeps;
}

async function* piecesOf(body: Promise<Buffer>): AsyncGenerator<Buffer> {
  yield await body;
}

function request(body: Promise<Buffer>, key: string): HttpRequest {
  const headers = new Map([
    ['content-type', 'application/x-ndjson'],
    ['idempotency-key', key],
  ]);
  const part = {
    params: { dataset: 'readings' },
    headers,
    query: new Map(),
    body: Readable.from(piecesOf(body)),
  };
  const get = (map: Map<string, string>) => ({ get: (name: string) => map.get(name) ?? null });
  return { ...part, headers: get(headers), query: get(new Map()) } as unknown as HttpRequest;
}

const context = {} as InvocationContext;
const bytes = (text: string): Buffer => Buffer.from(text);
const postBatch = (of: TriggerDeps) => createPostBatch(of, createAccept(of));
const code = (code: Problem['code'], headers: object) => expect.objectContaining({ code, headers });

test('while a request is being received, another with its key is refused, and a third with another key is not', async () => {
  const post = postBatch(deps(5));
  const arriving = Promise.withResolvers<Buffer>();
  const first = post(request(arriving.promise, 'one'), context);
  await expect(post(request(arriving.promise, 'one'), context)).rejects.toEqual(
    code('idempotency-key-in-use', { 'Retry-After': '1' }),
  );
  const other = post(request(Promise.resolve(bytes('{}')), 'two'), context);
  await expect(other).rejects.toEqual(code('too-many-batches', { 'Retry-After': '5' }));
  arriving.resolve(bytes('no JSON'));
  await expect(first).rejects.toMatchObject({ code: 'malformed-body' });
  // Its key is free again, although it failed.
  await expect(post(request(Promise.resolve(bytes('')), 'one'), context)).rejects.toMatchObject({
    code: 'empty-batch',
  });
});

describe('the limit of batches in flight', () => {
  test('counts what is open in the store and what it has let in since', async () => {
    let now = 0;
    let open = 3;
    const limit = new InFlightLimit({ countOpen: () => Promise.resolve(open) }, 5, () => new Date(now));
    expect([await limit.admit(), await limit.admit(), await limit.admit()]).toEqual([true, true, false]);
    open = 1;
    now = 1_000;
    expect(await limit.admit()).toBe(false);
    now = 2_001;
    expect(await limit.admit()).toBe(true);
  });
});
