import { createHash } from 'node:crypto';
import { BlobSASPermissions, BlockBlobClient } from '@azure/storage-blob';
import { content, onEachBackend, refusal } from './backends';

onEachBackend('copies', (context) => {
  const blobOf = (name: string) => context().container.getBlockBlobClient(name);
  const hour = () => new Date(Date.now() + 3_600_000);

  test.each([100, 300_000])('of %d bytes are blobs of their own', async (size) => {
    const source = blobOf(`source-${size}`);
    const target = blobOf(`target-${size}`);
    const data = content(size);
    await source.upload(data, size, {
      metadata: { from: 'source' },
      blobHTTPHeaders: { blobContentType: 'text/plain' },
    });
    const poller = await target.beginCopyFromURL(source.url);
    expect((await poller.pollUntilDone()).copyStatus).toBe('success');
    await source.upload('changed', 7);
    expect((await target.downloadToBuffer()).equals(data)).toBe(true);
    await source.delete();
    expect((await target.downloadToBuffer()).equals(data)).toBe(true);
    expect(await target.getProperties()).toMatchObject({
      metadata: { from: 'source' },
      contentType: 'text/plain',
      copyStatus: 'success',
    });
    await target.delete();
    expect(await target.exists()).toBe(false);
  });

  test('are made at once from a URL with a SAS, with metadata of their own', async () => {
    const source = blobOf('sas-source');
    await source.upload('content', 7, { metadata: { from: 'source' } });
    const url = await source.generateSasUrl({
      permissions: BlobSASPermissions.parse('r'),
      expiresOn: hour(),
    });
    const target = blobOf('sas-target');
    const reply = await target.syncCopyFromURL(url, {
      metadata: { from: 'copy' },
      conditions: { ifNoneMatch: '*' },
    });
    expect(reply.copyStatus).toBe('success');
    expect((await target.downloadToBuffer()).toString()).toBe('content');
    expect((await target.getProperties()).metadata).toEqual({ from: 'copy' });
    const again = target.syncCopyFromURL(url, { conditions: { ifNoneMatch: '*' } });
    expect(await refusal(again)).toBe('409 BlobAlreadyExists');
  });

  describe('from the URL of another blob', () => {
    const sourceOf = async (name: string, size: number) => {
      const source = blobOf(name);
      await source.upload(content(size), size, {
        metadata: { from: 'source' },
        blobHTTPHeaders: { blobContentType: 'text/csv', blobContentLanguage: 'de' },
      });
      const permissions = BlobSASPermissions.parse('r');
      return { source, url: await source.generateSasUrl({ permissions, expiresOn: hour() }) };
    };
    const md5 = (data: Buffer) => createHash('md5').update(data).digest();

    test.each([0, 100, 300_000])('a whole blob of %d bytes is put', async (size) => {
      const { url } = await sourceOf(`url-source-${size}`, size);
      const target = blobOf(`url-target-${size}`);
      await target.syncUploadFromURL(url, { sourceContentMD5: md5(content(size)) });
      expect((await target.downloadToBuffer()).equals(content(size))).toBe(true);
      expect(await target.getProperties()).toMatchObject({
        contentType: 'text/csv',
        contentLanguage: 'de',
        contentMD5: md5(content(size)),
      });
      await target.syncUploadFromURL(url, {
        copySourceBlobProperties: false,
        blobHTTPHeaders: { blobContentLanguage: 'fr' },
        metadata: { mine: 'yes' },
      });
      expect(await target.getProperties()).toMatchObject({
        contentType: 'application/octet-stream',
        contentLanguage: 'fr',
        metadata: { mine: 'yes' },
      });
    });

    test('blocks are put, of parts of it', async () => {
      const { source, url } = await sourceOf('url-blocks', 200_000);
      const target = blobOf('url-blocks-target');
      const ids = ['0', '1', '2'].map((id) => Buffer.from(id).toString('base64'));
      await target.stageBlockFromURL(ids[0]!, url, 0, 150_000);
      await target.stageBlockFromURL(ids[1]!, url, 150_000);
      await target.stageBlockFromURL(ids[2]!, url, 5, 10, {
        sourceContentMD5: md5(content(200_000).subarray(5, 15)),
      });
      await target.commitBlockList(ids);
      await source.delete();
      const data = content(200_000);
      const expected = Buffer.concat([data, data.subarray(5, 15)]);
      expect((await target.downloadToBuffer()).equals(expected)).toBe(true);
    });

    test('what is wrong is refused', async () => {
      const { source, url } = await sourceOf('url-wrong', 100);
      const target = blobOf('url-wrong-target');
      const id = Buffer.from('0').toString('base64');
      const sourceConditions = { ifMatch: '"0x8D00000000000000"' };
      const wrongMd5 = { sourceContentMD5: Buffer.alloc(16) };
      expect(await refusal(target.syncUploadFromURL(url, { sourceConditions }))).toBe(
        '412 SourceConditionNotMet',
      );
      expect(await refusal(target.syncUploadFromURL(url, wrongMd5))).toBe('400 Md5Mismatch');
      expect(await refusal(target.stageBlockFromURL(id, url, 0, 100, wrongMd5))).toBe('400 Md5Mismatch');
      expect(await refusal(target.stageBlockFromURL(id, url, 100, 10))).toMatch(/^416 /);
      const conditions = { ifMatch: '"0x8D00000000000000"' };
      expect(await refusal(target.syncUploadFromURL(url, { conditions }))).toMatch(/^412 /);
      await source.delete();
      expect(await refusal(target.syncUploadFromURL(url))).toMatch(/^404 /);
      expect(await target.exists()).toBe(false);
    });
  });

  test('onto themselves and onto earlier copies lose nothing', async () => {
    const data = content(200_000);
    const source = blobOf('self');
    const target = blobOf('self-copy');
    await source.upload(data, data.length);
    for (let i = 0; i < 2; i++) {
      await (await source.beginCopyFromURL(source.url)).pollUntilDone();
      await (await target.beginCopyFromURL(source.url)).pollUntilDone();
    }
    expect((await source.downloadToBuffer()).equals(data)).toBe(true);
    await source.delete();
    expect((await target.downloadToBuffer()).equals(data)).toBe(true);
  });

  test('need a source that is there and may be read', async () => {
    const source = blobOf('guarded');
    await source.upload('x', 1);
    const writeOnly = await blobOf('guarded-target').generateSasUrl({
      permissions: BlobSASPermissions.parse('cw'),
      expiresOn: hour(),
    });
    const target = new BlockBlobClient(writeOnly, undefined, { retryOptions: { maxTries: 1 } });
    expect(await refusal(target.syncCopyFromURL(source.url))).toMatch(/^40[134] /);
    const noRead = await source.generateSasUrl({
      permissions: BlobSASPermissions.parse('w'),
      expiresOn: hour(),
    });
    expect(await refusal(target.syncCopyFromURL(noRead))).toMatch(/^40[134] /);
    const read = await source.generateSasUrl({
      permissions: BlobSASPermissions.parse('r'),
      expiresOn: hour(),
    });
    await target.syncCopyFromURL(read);
    expect(await refusal(blobOf('t').beginCopyFromURL(blobOf('missing').url))).toMatch(/^404 /);
  });

  test('are made only while the source is what it was', async () => {
    const source = blobOf('conditional');
    const { etag } = await source.upload('1', 1);
    await source.upload('2', 1);
    const copying = blobOf('conditional-copy').beginCopyFromURL(source.url, {
      sourceConditions: { ifMatch: etag! },
    });
    expect(await refusal(copying)).toBe('412 SourceConditionNotMet');
    const target = blobOf('conditional-target');
    await target.upload('3', 1);
    const replacing = target.beginCopyFromURL(source.url, { conditions: { ifMatch: etag! } });
    expect(await refusal(replacing)).toBe('412 TargetConditionNotMet');
    // Several conditions fail here: which of them is told of is the service's choice.
    const both = target.beginCopyFromURL(source.url, {
      conditions: { ifNoneMatch: '*' },
      sourceConditions: { ifMatch: etag! },
    });
    expect(await refusal(both)).toMatch(/^4(09 BlobAlreadyExists|12 (Source|Target)ConditionNotMet)$/);
  });

  test('have metadata of their own, or else the source’s, and always its headers', async () => {
    const source = blobOf('labelled');
    await source.upload('1', 1, {
      metadata: { from: 'source' },
      blobHTTPHeaders: { blobContentType: 'text/html', blobContentEncoding: 'gzip' },
    });
    const target = blobOf('labelled-copy');
    await (await target.beginCopyFromURL(source.url, { metadata: { own: 'yes' } })).pollUntilDone();
    const { etag, ...copied } = await target.getProperties();
    expect(copied).toMatchObject({
      metadata: { own: 'yes' },
      contentType: 'text/html',
      contentEncoding: 'gzip',
    });
    await target.setHTTPHeaders({ blobContentType: 'text/csv' }, { conditions: { ifMatch: etag! } });
    const labelled = await target.getProperties();
    expect([labelled.contentType, labelled.contentEncoding, labelled.metadata]).toEqual([
      'text/csv',
      undefined,
      { own: 'yes' },
    ]);
    expect(
      await refusal(target.setHTTPHeaders({ blobContentType: 'x' }, { conditions: { ifMatch: etag! } })),
    ).toBe('412 ConditionNotMet');
  });
});
