import { all, onEachBackend, refusal } from './backends';

onEachBackend('lists of blobs', (context) => {
  const names = ['a', 'a/1', 'a/2', 'a/b/1', 'a/b/2', 'b', 'b/1', 'c~', 'ü/1'];

  beforeAll(async () => {
    for (const name of names) {
      const blob = context().container.getBlockBlobClient(name);
      await blob.upload(name, Buffer.byteLength(name), { metadata: { named: encodeURIComponent(name) } });
    }
  });

  test('are in order and tell what the blobs are', async () => {
    const { container } = context();
    const found = await all(container.listBlobsFlat());
    expect(found.map(({ name }) => name)).toEqual(names);
    const properties = await container.getBlobClient('a/1').getProperties();
    expect(found[1]?.properties).toMatchObject({
      etag: properties.etag?.replaceAll('"', ''),
      contentLength: 3,
      contentType: 'application/octet-stream',
      blobType: 'BlockBlob',
      lastModified: properties.lastModified,
    });
    expect(found[1]?.metadata).toBeUndefined();
  });

  test('can be limited to a prefix, and include metadata', async () => {
    const found = await all(context().container.listBlobsFlat({ prefix: 'a/', includeMetadata: true }));
    expect(found.map(({ name, metadata }) => [name, metadata])).toEqual(
      ['a/1', 'a/2', 'a/b/1', 'a/b/2'].map((name) => [name, { named: encodeURIComponent(name) }]),
    );
    expect(await all(context().container.listBlobsFlat({ prefix: 'nothing' }))).toEqual([]);
  });

  test.each(['+', ' ', '%2B', '=&', 'a=b&c=d', '\u{1f600}'])(
    'can be limited to the prefix %j',
    async (prefix) => {
      const { container } = context();
      const blob = container.getBlockBlobClient(`${prefix}special`);
      await blob.upload('', 0);
      const found = await all(container.listBlobsFlat({ prefix }));
      await blob.delete();
      expect(found.map(({ name }) => name)).toEqual([blob.name]);
    },
  );

  test.each([1, 2, 3, 8, 9, 10])('in pages of %d miss nothing and repeat nothing', async (maxPageSize) => {
    const pages = await all(context().container.listBlobsFlat().byPage({ maxPageSize }));
    expect(pages.flatMap((page) => page.segment.blobItems.map(({ name }) => name))).toEqual(names);
    for (const page of pages) expect(page.segment.blobItems.length).toBeLessThanOrEqual(maxPageSize);
  });

  test.each([1, 2, 100])('by hierarchy fold what is below, in pages of %d', async (maxPageSize) => {
    const { container } = context();
    const level = async (prefix: string) => {
      const pages = await all(container.listBlobsByHierarchy('/', { prefix }).byPage({ maxPageSize }));
      return pages
        .flatMap(({ segment }) => [
          ...(segment.blobPrefixes ?? []).map(({ name }) => name),
          ...segment.blobItems.map(({ name }) => name),
        ])
        .sort();
    };
    expect(await level('')).toEqual(['a', 'a/', 'b', 'b/', 'c~', 'ü/']);
    expect(await level('a/')).toEqual(['a/1', 'a/2', 'a/b/']);
    expect(await level('a/b/')).toEqual(['a/b/1', 'a/b/2']);
  });

  test('fold long runs, and go on behind them', async () => {
    const { container } = context();
    const run = Array.from({ length: 70 }, (_, i) => `long/x/${i}`);
    const flat = Array.from({ length: 70 }, (_, i) => `long/${String(i).padStart(2, '0')}`);
    await Promise.all(
      [...run, ...flat, 'long/z'].map((name) => container.getBlockBlobClient(name).upload('', 0)),
    );
    const found = await all(container.listBlobsByHierarchy('/', { prefix: 'long/' }));
    expect(found.map(({ name }) => name).sort()).toEqual([...flat, 'long/x/', 'long/z']);
    await Promise.all([...run, ...flat, 'long/z'].map((name) => container.deleteBlob(name)));
  });

  test('include blobs of which only blocks are there, when asked', async () => {
    const { container } = context();
    const staged = ['staged/2', 'staged/x/1'];
    for (const name of ['staged/1', 'staged/3', 'staged/x/2']) {
      await container.getBlockBlobClient(name).upload('x', 1);
    }
    for (const name of [...staged, 'staged/1'])
      await container.getBlockBlobClient(name).stageBlock('AAAA', 'x', 1);
    const options = { prefix: 'staged/', includeUncommitedBlobs: true };
    const committed = await all(container.listBlobsFlat({ prefix: 'staged/' }));
    expect(committed.map(({ name }) => name)).toEqual(['staged/1', 'staged/3', 'staged/x/2']);
    for (const maxPageSize of [1, 2, 10]) {
      const pages = await all(container.listBlobsFlat(options).byPage({ maxPageSize }));
      expect(pages.flatMap((page) => page.segment.blobItems.map(({ name }) => name))).toEqual([
        'staged/1',
        'staged/2',
        'staged/3',
        'staged/x/1',
        'staged/x/2',
      ]);
    }
    const folded = await all(container.listBlobsByHierarchy('/', options));
    expect(folded.map(({ name }) => name).sort()).toEqual(['staged/1', 'staged/2', 'staged/3', 'staged/x/']);
    for (const name of ['staged/1', 'staged/3', 'staged/x/2']) await container.deleteBlob(name);
  });

  test('carry names that XML cannot', async () => {
    const { container } = context();
    const strange = ['odd/&<>"\'', 'odd/\u0001', 'odd/\uffff', 'odd/ space '];
    for (const name of strange) await container.getBlockBlobClient(name).upload('', 0);
    const found = await all(container.listBlobsFlat({ prefix: 'odd/' }));
    expect(found.map(({ name }) => name).sort()).toEqual([...strange].sort());
    for (const name of strange) await container.deleteBlob(name);
  });

  test('refuse a page size of nothing and a marker that is none', async () => {
    const { container } = context();
    const first = (settings: { maxPageSize?: number; continuationToken?: string }) =>
      refusal(container.listBlobsFlat().byPage(settings).next());
    expect(await first({ maxPageSize: -1 })).toBe('400 OutOfRangeQueryParameterValue');
    expect(await first({ continuationToken: 'no/marker' })).toBe('400 InvalidQueryParameterValue');
  });
});
