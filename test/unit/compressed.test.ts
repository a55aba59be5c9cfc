import { brotliCompressSync, gzipSync } from 'node:zlib';
import type { HttpRequest } from '@azure/functions';
import { readBody, Unreadable } from '../../src/activities/ingest/body';
import type { BatchHeader, Encoding } from '../../src/domain/ingest/batch';
import type { Json } from '../../src/domain/json';
import { bodyOf } from '../../src/triggers/ingest/reception';
import { readings } from './builders';

const MAX_BYTES = 1_000;

/** The text of a body that is posted. */
async function posted(bytes: Buffer, encoding: Encoding): Promise<string> {
  const request = {
    headers: new Headers({ 'content-encoding': encoding }),
    body: new Blob([new Uint8Array(bytes)]).stream(),
  } as unknown as HttpRequest;
  return (await bodyOf(request, MAX_BYTES)).toString();
}

/** The records of an upload that is read in pieces of so many bytes. */
async function uploaded(bytes: Buffer, encoding: Encoding, size: number): Promise<Json[]> {
  const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
    bytes.subarray(at * size, (at + 1) * size),
  );
  const deps = {
    schemas: { at: () => Promise.resolve({ dataset: readings() }) },
    blobs: { stream: () => Promise.resolve(pieces) },
    uploads: { maxBytes: MAX_BYTES, maxRecords: 10 },
  } as unknown as Parameters<typeof readBody>[0];
  const batch = {
    id: 'b',
    dataset: 'readings',
    format: 'ndjson',
    receivedAt: '2026-03-01T12:00:00.000Z',
    bytes: bytes.length,
    upload: { id: 'u', etag: 'e', encoding },
  } as unknown as BatchHeader;
  const records: Json[] = [];
  await readBody(deps, batch, (raws) => {
    records.push(...raws.map(({ record }) => record));
    return Promise.resolve();
  });
  return records;
}

const SIZES = [1, 7, 1_000];

// https://www.rfc-editor.org/rfc/rfc1952#section-2.2
test('gzip may have several members', async () => {
  const bytes = Buffer.concat([gzipSync('1\n'), gzipSync(''), gzipSync('2\n3')]);
  expect(await posted(bytes, 'gzip')).toBe('1\n2\n3');
  for (const size of SIZES) expect(await uploaded(bytes, 'gzip', size)).toEqual([1, 2, 3]);
});

test.each([
  ['gzip', 'zeros', Buffer.concat([gzipSync('1'), Buffer.alloc(9)])],
  ['gzip', 'zeros and a member', Buffer.concat([gzipSync('1'), Buffer.alloc(1), gzipSync('2')])],
  ['gzip', 'text', Buffer.concat([gzipSync('1'), Buffer.from('2\n')])],
  ['gzip', 'the beginning of a member', Buffer.concat([gzipSync('1'), gzipSync('2').subarray(0, 5)])],
  ['br', 'zeros', Buffer.concat([brotliCompressSync('1'), Buffer.alloc(9)])],
  ['br', 'a second stream', Buffer.concat([brotliCompressSync('1'), brotliCompressSync('2')])],
] as const)('behind the end of %s, %s are refused, not lost', async (encoding, _, bytes) => {
  await expect(posted(bytes, encoding)).rejects.toMatchObject({ code: 'malformed-body' });
  for (const size of SIZES) {
    const failure = await uploaded(bytes, encoding, size).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Unreadable);
    expect(failure).toMatchObject({ failure: { code: 'malformed-body' } });
  }
});

test('what expands beyond the bound is refused, however often it begins anew', async () => {
  const bytes = Buffer.concat(Array.from({ length: 11 }, () => gzipSync(' '.repeat(100))));
  await expect(posted(bytes, 'gzip')).rejects.toMatchObject({ code: 'batch-too-large' });
  await expect(uploaded(bytes, 'gzip', 50)).rejects.toMatchObject({ failure: { code: 'batch-too-large' } });
});
