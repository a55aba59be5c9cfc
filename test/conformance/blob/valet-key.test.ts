import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import {
  AnonymousCredential,
  BlobSASPermissions,
  BlobServiceClient,
  BlockBlobClient,
  ContainerClient,
} from '@azure/storage-blob';
import { all, content, onEachBackend, refusal } from './backends';

const MiB = 1024 * 1024;
const NO_RETRY = { retryOptions: { maxTries: 1 } };
const PUT = { method: 'PUT', headers: { 'x-ms-blob-type': 'BlockBlob' } };

/** A link that lets its holder create and write one blob, and nothing else. */
onEachBackend('a valet key', (context) => {
  const fresh = async (expiresOn = new Date(Date.now() + 3_600_000)) => {
    // A slash in it, as names of uploads have.
    const blob = context().container.getBlockBlobClient(`products/${randomUUID()}`);
    const url = await blob.generateSasUrl({ permissions: BlobSASPermissions.parse('cw'), expiresOn });
    return { blob, url, holder: new BlockBlobClient(url, undefined, NO_RETRY) };
  };
  const outcome = async (reply: Promise<Response>): Promise<string> => {
    const { status, headers } = await reply;
    return `${status} ${headers.get('x-ms-error-code') ?? ''}`.trim();
  };

  test('takes a PUT of any client, and another one over it', async () => {
    const { blob, url } = await fresh();
    const data = content(300_000);
    const headers = { ...PUT.headers, 'Content-Type': 'text/csv', 'Content-Encoding': 'gzip' };
    const put = await fetch(url, { ...PUT, headers, body: new Uint8Array(data) });
    expect([put.status, put.headers.get('etag')]).toEqual([201, (await blob.getProperties()).etag]);
    expect(await blob.getProperties()).toMatchObject({ contentType: 'text/csv', contentEncoding: 'gzip' });
    expect((await blob.downloadToBuffer()).equals(data)).toBe(true);
    expect(await outcome(fetch(url, { ...PUT, body: 'again' }))).toBe('201');
    expect((await blob.downloadToBuffer()).toString()).toBe('again');
    expect(await outcome(fetch(url, { method: 'PUT', body: 'untyped' }))).toBe('400 MissingRequiredHeader');
  });

  test('takes files and streams of the SDK in blocks', async () => {
    const data = content(9 * MiB);
    const folder = await mkdtemp(join(tmpdir(), 'headwater-valet-'));
    try {
      const path = join(folder, 'file');
      await writeFile(path, data);
      const [file, stream] = [await fresh(), await fresh()];
      await file.holder.uploadFile(path, { maxSingleShotSize: MiB, blockSize: 2 * MiB });
      await stream.holder.uploadStream(Readable.from([data]), 2 * MiB, 3);
      for (const { blob } of [file, stream]) {
        expect((await blob.downloadToBuffer()).equals(data)).toBe(true);
        expect((await blob.getBlockList('committed')).committedBlocks).toHaveLength(5);
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('shows nothing before the blocks are committed', async () => {
    const { blob, holder } = await fresh();
    await holder.stageBlock(Buffer.from('0').toString('base64'), 'x', 1);
    expect(await blob.exists()).toBe(false);
    expect(await all(context().container.listBlobsFlat({ prefix: blob.name }))).toEqual([]);
    await holder.commitBlockList([Buffer.from('0').toString('base64')]);
    expect(await blob.exists()).toBe(true);
  });

  test('opens nothing else', async () => {
    const { blob, url, holder } = await fresh();
    await holder.upload('mine', 4);
    expect(await refusal(holder.download())).toBe('403 AuthorizationPermissionMismatch');
    expect(await refusal(holder.getProperties())).toMatch(/^403 /);
    expect(await refusal(holder.getBlockList('all'))).toBe('403 AuthorizationPermissionMismatch');
    expect(await refusal(holder.delete())).toBe('403 AuthorizationPermissionMismatch');
    const { container } = context();
    const { search } = new URL(url);
    const list = new ContainerClient(`${container.url}${search}`, new AnonymousCredential(), NO_RETRY);
    expect(await refusal(all(list.listBlobsFlat()))).toMatch(/^403 /);
    const service = new BlobServiceClient(
      context().service.url.replace(/\/$/, '') + search,
      undefined,
      NO_RETRY,
    );
    expect(await refusal(all(service.listContainers()))).toMatch(/^403 /);
    const other = await fresh();
    const elsewhere = other.blob.url + search;
    expect(await outcome(fetch(elsewhere, { ...PUT, body: 'x' }))).toBe('403 AuthenticationFailed');
    expect(await other.blob.exists()).toBe(false);
    expect((await blob.downloadToBuffer()).toString()).toBe('mine');
  });

  test.each([
    ['permissions', (url: string) => url.replace('sp=cw', 'sp=racwd')],
    ['an end', (url: string) => url.replace(/se=\d{4}/, 'se=2099')],
    ['a resource', (url: string) => url.replace('sr=b', 'sr=c')],
    ['a signature', (url: string) => url.replace(/sig=[^&]+/, 'sig=AAAA')],
  ])('with %s that it was not made with does not open', async (_what, alter) => {
    const { blob, url } = await fresh();
    const altered = alter(url);
    expect(altered).not.toBe(url);
    expect(await outcome(fetch(altered, { ...PUT, body: 'x' }))).toBe('403 AuthenticationFailed');
    expect(await blob.exists()).toBe(false);
  });

  test('ends with its time', async () => {
    const { blob, url } = await fresh(new Date(Date.now() - 60_000));
    expect(await outcome(fetch(url, { ...PUT, body: 'x' }))).toBe('403 AuthenticationFailed');
    expect(await blob.exists()).toBe(false);
  });

  test('may lease what it wrote; who owns the account breaks the lease', async () => {
    const { blob, holder } = await fresh();
    await holder.upload('x', 1);
    await holder.getBlobLeaseClient().acquireLease(-1);
    expect(await refusal(blob.delete())).toBe('412 LeaseIdMissing');
    await blob.getBlobLeaseClient().breakLease(0);
    await blob.delete({ deleteSnapshots: 'include' });
    expect(await blob.exists()).toBe(false);
  });
});
