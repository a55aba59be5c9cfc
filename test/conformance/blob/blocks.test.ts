import { content, onEachBackend, refusal } from './backends';

const id = (name: string) => Buffer.from(name.padStart(8, '0')).toString('base64');

onEachBackend('blocks', (context) => {
  const blobOf = (name: string) => context().container.getBlockBlobClient(name);

  test('become a blob in the order of the list, and may be used twice', async () => {
    const blob = blobOf('ordered');
    const parts = ['a', 'b', 'c'].map((name, i) => ({ name, data: content(70_000 * i + 10, i + 1) }));
    for (const { name, data } of parts) await blob.stageBlock(id(name), data, data.length);
    expect(await blob.exists()).toBe(false);
    await blob.commitBlockList([id('c'), id('a'), id('c')]);
    const [a, , c] = parts.map(({ data }) => data);
    expect((await blob.downloadToBuffer()).equals(Buffer.concat([c!, a!, c!]))).toBe(true);
    const list = await blob.getBlockList('all');
    expect(list.committedBlocks?.map((block) => [block.name, block.size])).toEqual([
      [id('c'), c!.length],
      [id('a'), a!.length],
      [id('c'), c!.length],
    ]);
    expect(list.uncommittedBlocks ?? []).toEqual([]);
  });

  test('of an earlier list can be kept, and the last staged one wins', async () => {
    const blob = blobOf('edited');
    for (const name of ['a', 'b']) await blob.stageBlock(id(name), name, 1);
    await blob.commitBlockList([id('a'), id('b')]);
    await blob.stageBlock(id('b'), 'x', 1);
    await blob.stageBlock(id('b'), 'y', 1);
    await blob.stageBlock(id('c'), 'c', 1);
    expect((await blob.downloadToBuffer()).toString()).toBe('ab');
    await blob.commitBlockList([id('a'), id('b'), id('c')]);
    expect((await blob.downloadToBuffer()).toString()).toBe('ayc');
    await blob.commitBlockList([id('c')]);
    expect((await blob.downloadToBuffer()).toString()).toBe('c');
    expect(await refusal(blob.commitBlockList([id('a')]))).toBe('400 InvalidBlockList');
    expect((await blob.downloadToBuffer()).toString()).toBe('c');
  });

  test('are shown while they wait, and dropped by a plain upload', async () => {
    const blob = blobOf('waiting');
    await blob.stageBlock(id('a'), 'a', 1);
    expect((await blob.getBlockList('uncommitted')).uncommittedBlocks).toEqual([{ name: id('a'), size: 1 }]);
    expect(await refusal(blob.getBlockList('committed'))).toBe('404 BlobNotFound');
    await blob.upload('plain', 5);
    const list = await blob.getBlockList('all');
    expect([list.committedBlocks ?? [], list.uncommittedBlocks ?? []]).toEqual([[], []]);
    expect(await refusal(blob.commitBlockList([id('a')]))).toBe('400 InvalidBlockList');
  });

  test('have ids of one length, of at most 64 bytes', async () => {
    const blob = blobOf('ids');
    await blob.stageBlock(id('a'), 'a', 1);
    const longer = Buffer.from('another length').toString('base64');
    expect(await refusal(blob.stageBlock(longer, 'a', 1))).toBe('400 InvalidBlobOrBlock');
    const tooLong = Buffer.alloc(65, 'x').toString('base64');
    expect(await refusal(blobOf('ids-2').stageBlock(tooLong, 'a', 1))).toBe('400 InvalidBlobOrBlock');
    await blobOf('ids-3').stageBlock(Buffer.alloc(64, 'x').toString('base64'), 'a', 1);
  });

  test('are committed under conditions', async () => {
    const blob = blobOf('conditions');
    await blob.stageBlock(id('a'), 'a', 1);
    await blob.commitBlockList([id('a')], { conditions: { ifNoneMatch: '*' }, metadata: { by: 'list' } });
    expect((await blob.getProperties()).metadata).toEqual({ by: 'list' });
    await blob.stageBlock(id('b'), 'b', 1);
    const again = blob.commitBlockList([id('b')], { conditions: { ifNoneMatch: '*' } });
    expect(await refusal(again)).toBe('409 BlobAlreadyExists');
    expect((await blob.downloadToBuffer()).toString()).toBe('a');
  });

  test('make an empty blob of an empty list', async () => {
    const blob = blobOf('empty');
    await blob.commitBlockList([]);
    expect((await blob.getProperties()).contentLength).toBe(0);
  });

  test('are checked by CRC64 and MD5', async () => {
    const blob = blobOf('checked');
    // The check value of CRC-64/NVME, whose parameters the service uses: https://reveng.sourceforge.io/crc-catalogue/17plus.htm
    const crc64 = Buffer.from('ae8b14860a799888', 'hex').reverse();
    const data = '123456789';
    const staged = blob.stageBlock(id('a'), data, 9, { transactionalContentCrc64: Buffer.alloc(8) });
    expect(await refusal(staged)).toBe('400 Crc64Mismatch');
    await blob.stageBlock(id('a'), data, 9, { transactionalContentCrc64: crc64 });
    const both = blob.stageBlock(id('a'), data, 9, {
      transactionalContentCrc64: crc64,
      transactionalContentMD5: Buffer.alloc(16),
    });
    expect(await refusal(both)).toBe('400 BothCrc64AndMd5HeaderPresent');
    const wrongMd5 = blob.stageBlock(id('a'), data, 9, { transactionalContentMD5: Buffer.alloc(16) });
    expect(await refusal(wrongMd5)).toBe('400 Md5Mismatch');
  });
});
