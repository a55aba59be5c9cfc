import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { RestError } from '@azure/storage-blob';
import { all, content, onEachBackend, refusal } from './backends';

onEachBackend('blobs', (context) => {
  const blobOf = (name: string) => context().container.getBlockBlobClient(name);

  test.each([0, 1, 65_535, 65_536, 65_537, 3_000_001])('of %d bytes come back as they were', async (size) => {
    const blob = blobOf(`size-${size}`);
    const data = content(size, size + 1);
    const put = await blob.upload(data, size);
    expect(Buffer.from(put.contentMD5 ?? []).toString('hex')).toBe(
      createHash('md5').update(data).digest('hex'),
    );
    expect((await blob.downloadToBuffer()).equals(data)).toBe(true);
    const properties = await blob.getProperties();
    expect(properties.contentLength).toBe(size);
    expect(properties.etag).toBe(put.etag);
    expect(properties.blobType).toBe('BlockBlob');
    expect(Buffer.from(properties.contentMD5 ?? [])).toEqual(Buffer.from(put.contentMD5 ?? []));
  });

  test('keep headers and metadata, and a new upload replaces them all', async () => {
    const blob = blobOf('headers');
    await blob.upload('{}', 2, {
      blobHTTPHeaders: {
        blobContentType: 'application/json',
        blobContentEncoding: 'identity',
        blobContentLanguage: 'en',
        blobContentDisposition: 'attachment; filename="x.json"',
        blobCacheControl: 'no-store',
      },
      metadata: { a_b: '1', a1: '2', plain: 'value with spaces' },
    });
    const first = await blob.getProperties();
    expect(first).toMatchObject({
      contentType: 'application/json',
      contentEncoding: 'identity',
      contentLanguage: 'en',
      contentDisposition: 'attachment; filename="x.json"',
      cacheControl: 'no-store',
      metadata: { a_b: '1', a1: '2', plain: 'value with spaces' },
    });
    await blob.upload('x', 1);
    const second = await blob.getProperties();
    expect(second.contentType).toBe('application/octet-stream');
    expect(second.cacheControl).toBeUndefined();
    expect(second.metadata).toEqual({});
    expect(second.createdOn).toEqual(first.createdOn);
    await blob.setHTTPHeaders({ blobContentType: 'text/plain' });
    expect((await blob.getProperties()).contentType).toBe('text/plain');
  });

  test('have any name that a URL can carry', async () => {
    for (const name of [
      'a b/c+d%20e',
      'ünï/çödé/日本/😀',
      "quote's&<amp>",
      'a?b#c',
      'x'.repeat(1024),
      'é=1&b=2',
    ]) {
      const blob = blobOf(name);
      await blob.upload(name, Buffer.byteLength(name));
      expect((await blob.downloadToBuffer()).toString()).toBe(name);
    }
    expect(await refusal(blobOf('x'.repeat(1025)).upload('', 0))).toBe('400 InvalidResourceName');
  });

  test('have a slash where their name was given a backslash', async () => {
    await blobOf('back\\slash').upload('x', 1);
    expect((await blobOf('back/slash').downloadToBuffer()).toString()).toBe('x');
    expect(
      (await all(context().container.listBlobsFlat({ prefix: 'back' }))).map(({ name }) => name),
    ).toEqual(['back/slash']);
  });

  test('are read in ranges', async () => {
    for (const size of [1_000, 200_000]) {
      const blob = blobOf(`ranges-${size}`);
      const data = content(size);
      await blob.upload(data, size);
      expect((await blob.downloadToBuffer(10, 20)).equals(data.subarray(10, 30))).toBe(true);
      expect((await blob.downloadToBuffer(size - 5)).equals(data.subarray(size - 5))).toBe(true);
      const reply = await blob.download(100, 1_000_000);
      expect(reply._response.status).toBe(206);
      expect(reply.contentRange).toBe(`bytes 100-${size - 1}/${size}`);
      expect(reply.contentLength).toBe(size - 100);
      reply.readableStreamBody?.resume();
      expect(await refusal(blob.download(size))).toBe('416 InvalidRange');
      const beyond = await blob.download(size).catch((error: RestError) => error);
      expect(beyond).toMatchObject({ response: { status: 416 } });
      expect((beyond as RestError).response?.headers.get('content-range')).toBe(`bytes */${size}`);
    }
  });

  test('tell the checksum of a range when asked', async () => {
    const blob = blobOf('range-checksum');
    const data = content(1_000);
    await blob.upload(data, 1_000);
    const reply = await blob.download(0, 100, { rangeGetContentMD5: true });
    reply.readableStreamBody?.resume();
    const md5 = createHash('md5').update(data.subarray(0, 100)).digest('base64');
    expect(Buffer.from(reply.contentMD5 ?? []).toString('base64')).toBe(md5);
    const crc = await blob.download(0, 100, { rangeGetContentCrc64: true });
    crc.readableStreamBody?.resume();
    expect(crc.contentCrc64?.byteLength).toBe(8);
  });

  test('that are missing say so in the header that clients read', async () => {
    const blob = blobOf('missing');
    expect(await refusal(blob.download())).toBe('404 BlobNotFound');
    expect(await refusal(blob.getProperties())).toBe('404 BlobNotFound');
    expect(await refusal(blob.setMetadata({ a: '1' }))).toBe('404 BlobNotFound');
    expect(await refusal(blob.delete())).toBe('404 BlobNotFound');
    expect(await blob.exists()).toBe(false);
    expect((await blob.deleteIfExists()).succeeded).toBe(false);
  });

  test('are deleted', async () => {
    const blob = blobOf('deleted');
    await blob.upload(content(100_000), 100_000);
    await blob.delete({ deleteSnapshots: 'include' });
    expect(await blob.exists()).toBe(false);
  });

  test('are created only once under If-None-Match: *', async () => {
    const blob = blobOf('once');
    const conditions = { ifNoneMatch: '*' };
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, (_, i) => blob.upload(`${i}`, 1, { conditions })),
    );
    const created = results.flatMap((result, i) => (result.status === 'fulfilled' ? [i] : []));
    expect(created).toHaveLength(1);
    expect((await blob.downloadToBuffer()).toString()).toBe(`${created[0]}`);
    expect(await refusal(blob.upload('x', 1, { conditions }))).toBe('409 BlobAlreadyExists');
  });

  test('change only under their etag when asked', async () => {
    const blob = blobOf('etag');
    expect(await refusal(blob.upload('x', 1, { conditions: { ifMatch: '"0x1"' } }))).toBe(
      '412 ConditionNotMet',
    );
    const first = await blob.upload('1', 1);
    const conditions = { ifMatch: first.etag! };
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, (_, i) => blob.setMetadata({ winner: `${i}` }, { conditions })),
    );
    const won = results.flatMap((result, i) => (result.status === 'fulfilled' ? [`${i}`] : []));
    expect(won).toHaveLength(1);
    expect((await blob.getProperties()).metadata).toEqual({ winner: won[0] });
    expect(await refusal(blob.upload('x', 1, { conditions }))).toBe('412 ConditionNotMet');
    expect(await refusal(blob.delete({ conditions }))).toBe('412 ConditionNotMet');
    expect(await refusal(blob.download(0, 1, { conditions }))).toBe('412 ConditionNotMet');
  });

  test('are not sent again to those who know them', async () => {
    const blob = blobOf('not-modified');
    const { etag, lastModified } = await blob.upload('1', 1);
    expect(await refusal(blob.download(0, undefined, { conditions: { ifNoneMatch: etag! } }))).toMatch(
      /^304 /,
    );
    const since = { ifModifiedSince: lastModified! };
    expect(await refusal(blob.download(0, undefined, { conditions: since }))).toMatch(/^304 /);
    const before = { ifUnmodifiedSince: new Date(lastModified!.getTime() - 5_000) };
    expect(await refusal(blob.download(0, undefined, { conditions: before }))).toBe('412 ConditionNotMet');
  });

  test('are refused with a wrong checksum, and then not there', async () => {
    for (const size of [10, 100_000]) {
      const blob = blobOf(`checksum-${size}`);
      const data = content(size);
      const right = createHash('md5').update(data).digest();
      const wrong = createHash('md5').update('other').digest();
      expect(await refusal(blob.upload(data, size, { blobHTTPHeaders: { blobContentMD5: wrong } }))).toBe(
        '400 Md5Mismatch',
      );
      expect(await blob.exists()).toBe(false);
      await blob.upload(data, size, { blobHTTPHeaders: { blobContentMD5: right } });
      expect((await blob.downloadToBuffer()).equals(data)).toBe(true);
    }
  });

  test('have at most 8 KB of metadata, under identifiers', async () => {
    const blob = blobOf('metadata');
    await blob.upload('x', 1, { metadata: { big: 'v'.repeat(8_000) } });
    expect((await blob.getProperties()).metadata?.['big']).toHaveLength(8_000);
    expect(await refusal(blob.setMetadata({ big: 'v'.repeat(9_000) }))).toBe('400 MetadataTooLarge');
    expect(await refusal(blob.setMetadata({ 'not-identifier': '1' }))).toBe('400 InvalidMetadata');
  });

  test('are streamed up and down in blocks', async () => {
    const blob = blobOf('streamed');
    const data = content(2_500_000);
    const pieces = Array.from({ length: 25 }, (_, i) => data.subarray(i * 100_000, (i + 1) * 100_000));
    await blob.uploadStream(Readable.from(pieces), 400_000, 3, {
      blobHTTPHeaders: { blobContentType: 'text/csv' },
    });
    const reply = await blob.download();
    const received: Buffer[] = [];
    for await (const piece of reply.readableStreamBody!) received.push(piece as Buffer);
    expect(Buffer.concat(received).equals(data)).toBe(true);
    expect(reply.contentType).toBe('text/csv');
  });

  test('are read to their end while they are replaced', async () => {
    const blob = blobOf('replaced-while-read');
    const data = content(12_000_000);
    await blob.uploadData(data, { blockSize: 1_000_000, maxSingleShotSize: 1_000_000 });
    const reply = await blob.download();
    const stream = reply.readableStreamBody!;
    const received: Buffer[] = [];
    let replaced: Promise<unknown> | undefined;
    for await (const piece of stream) {
      received.push(piece as Buffer);
      replaced ??= blob.upload('new', 3);
      await replaced;
    }
    expect(Buffer.concat(received).equals(data)).toBe(true);
    expect((await blob.downloadToBuffer()).toString()).toBe('new');
  });
});
