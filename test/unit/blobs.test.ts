import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BlobServiceClient, BlockBlobClient, type ContainerClient } from '@azure/storage-blob';
import { blobConnectionString, startBlob } from '../../local/blob/server';
import type { Service } from '../../local/shared/child';
import { BlobChanged, createBlobs, type Blobs } from '../../src/clients/blobs';
import { streamBlob } from '../../src/clients/blobStream';
import { content } from '../conformance/blob/backends';

const ACCOUNT = { account: 'clients', key: randomBytes(64).toString('base64') };
const MiB = 1024 * 1024;

/** Passes connections on to the Blob endpoint, but lets only so many bytes of answers through each. */
class Strait {
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  connections = 0;
  /** When a client has closed a connection. */
  readonly left = Promise.withResolvers<void>();

  /**
   * @param width bytes after the first answer's headers, for the nth connection (from 0)
   * @param holds what is beyond does not close the connection, but never comes
   */
  constructor(target: number, width: (connection: number) => number, holds = false) {
    this.server = createServer((near) => {
      let left = width(this.connections++);
      let inBody = false;
      const far = connect(target, '127.0.0.1');
      this.sockets.add(near).add(far);
      const end = (): void => {
        near.destroy();
        far.destroy();
        this.left.resolve();
      };
      near.on('error', end).on('close', end).pipe(far);
      far.on('error', end).on('close', end);
      far.on('data', (piece: Buffer) => {
        const headers = inBody ? 0 : piece.indexOf('\r\n\r\n') + 4;
        inBody = true;
        const passed = piece.subarray(0, headers + left);
        left -= passed.length - headers;
        near.write(passed, () => left <= 0 && !holds && near.destroy());
      });
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((done) => this.server.listen(0, '127.0.0.1', done));
    return (this.server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((done) => this.server.close(done));
  }
}

let dataDir: string;
let service: Service;
let blobs: Blobs;
let uploads: ContainerClient;

const blobsAt = (port: number): Blobs =>
  createBlobs(
    { type: 'connectionString', connectionString: blobConnectionString({ port, ...ACCOUNT }) },
    true,
  );

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'headwater-blobs-'));
  service = await startBlob({ dataDir, port: 0, ...ACCOUNT });
  blobs = blobsAt(service.port);
  await blobs.describe('uploads', 'makes the container');
  const connectionString = blobConnectionString({ port: service.port, ...ACCOUNT });
  uploads = BlobServiceClient.fromConnectionString(connectionString).getContainerClient('uploads');
});

afterAll(async () => {
  await service.dispose();
  await rm(dataDir, { recursive: true });
});

const collect = async (pieces: AsyncIterable<Buffer> | undefined): Promise<Buffer> => {
  const all: Buffer[] = [];
  for await (const piece of pieces ?? []) all.push(piece);
  return Buffer.concat(all);
};

describe('a stream', () => {
  test('is the content as it is stored, whatever encoding its blob claims', async () => {
    const data = content(3 * MiB);
    await uploads.getBlockBlobClient('plain').uploadData(data, {
      blobHTTPHeaders: { blobContentEncoding: 'gzip', blobContentType: 'text/csv' },
    });
    expect((await collect(await blobs.stream('uploads', 'plain'))).equals(data)).toBe(true);
    expect(await blobs.describe('uploads', 'plain')).toMatchObject({
      bytes: 3 * MiB,
      contentType: 'text/csv',
    });
  });

  test('of nothing ends at once, and of no blob is none', async () => {
    await uploads.getBlockBlobClient('empty').upload('', 0);
    expect(await collect(await blobs.stream('uploads', 'empty'))).toEqual(Buffer.alloc(0));
    expect(await blobs.stream('uploads', 'none')).toBeUndefined();
    expect(await blobs.stream('uploads', 'none', { etag: '"0x1"' })).toBeUndefined();
    expect(await blobs.describe('uploads', 'none')).toBeUndefined();
  });

  test('goes on where its connection was cut', async () => {
    const data = content(4 * MiB, 2);
    await uploads.getBlockBlobClient('cut').uploadData(data);
    const strait = new Strait(service.port, (connection) => (connection + 1) * 500_000);
    try {
      const stream = await blobsAt(await strait.listen()).stream('uploads', 'cut');
      expect((await collect(stream)).equals(data)).toBe(true);
      expect(strait.connections).toBeGreaterThan(3);
    } finally {
      await strait.close();
    }
  });
});

test('a reader that leaves a stream leaves no connection behind', async () => {
  await uploads.getBlockBlobClient('left').uploadData(content(4 * MiB));
  const strait = new Strait(service.port, () => Infinity);
  try {
    for await (const piece of (await blobsAt(await strait.listen()).stream('uploads', 'left'))!) {
      expect(piece.length).toBeGreaterThan(0);
      break;
    }
    await strait.left.promise;
  } finally {
    await strait.close();
  }
});

describe('a stream that is pinned', () => {
  test('to another ETag is refused at once', async () => {
    const blob = uploads.getBlockBlobClient('pinned');
    const { etag } = await blob.upload('1', 1);
    expect(await collect(await blobs.stream('uploads', 'pinned', { etag: etag! }))).toEqual(Buffer.from('1'));
    await blob.upload('2', 1);
    await expect(blobs.stream('uploads', 'pinned', { etag: etag! })).rejects.toBeInstanceOf(BlobChanged);
  });

  test.each([
    ['written again', (name: string) => uploads.getBlockBlobClient(name).uploadData(content(4 * MiB, 4))],
    ['removed', (name: string) => blobs.remove('uploads', name)],
  ])('is never a mixture: content that is %s in the middle is an error of its own', async (what, change) => {
    const data = content(4 * MiB, 3);
    await uploads.getBlockBlobClient(what).uploadData(data);
    const strait = new Strait(service.port, (connection) => (connection === 0 ? 1_000_000 : Infinity));
    try {
      const stream = await blobsAt(await strait.listen()).stream('uploads', what);
      let offset = 0;
      const reading = (async () => {
        for await (const piece of stream!) {
          if (offset === 0) await change(what);
          expect(piece.equals(data.subarray(offset, offset + piece.length))).toBe(true);
          offset += piece.length;
        }
      })();
      await expect(reading).rejects.toBeInstanceOf(BlobChanged);
      expect(offset).toBeGreaterThan(0);
    } finally {
      await strait.close();
    }
  });
});

describe('a stream that does not come', () => {
  test('is given up when no connection brings anything', async () => {
    await uploads.getBlockBlobClient('barren').uploadData(content(MiB));
    const strait = new Strait(service.port, (connection) => (connection === 0 ? 200_000 : 0));
    try {
      const stream = await blobsAt(await strait.listen()).stream('uploads', 'barren');
      await expect(collect(stream)).rejects.toThrow();
      expect(strait.connections).toBeGreaterThan(2);
    } finally {
      await strait.close();
    }
  });

  test('is asked for again when a connection stands still', async () => {
    const data = content(2 * MiB, 5);
    await uploads.getBlockBlobClient('still').uploadData(data);
    const strait = new Strait(service.port, (connection) => (connection === 0 ? MiB : Infinity), true);
    try {
      const connectionString = blobConnectionString({ port: await strait.listen(), ...ACCOUNT });
      const client = new BlockBlobClient(connectionString, 'uploads', 'still');
      expect((await collect(await streamBlob(client, undefined, 200))).equals(data)).toBe(true);
      expect(strait.connections).toBe(2);
    } finally {
      await strait.close();
    }
  });
});

// What is said of the length decides with which operation it is made.
describe.each([
  ['a copy', 7],
  ['a copy of a large blob', 257 * MiB],
])('%s', (kind, bytes) => {
  const to = (name: string) => ({ container: 'archive', name: `${kind}/${name}` }) as const;
  const from = (name: string) => ({ container: 'uploads', name: `${kind}/${name}` }) as const;
  const upload = async (name: string, text: string): Promise<string> => {
    const { etag } = await uploads.getBlockBlobClient(`${kind}/${name}`).upload(text, text.length, {
      metadata: { sha256: 'forged' },
      blobHTTPHeaders: { blobContentType: 'text/html', blobContentDisposition: 'inline' },
    });
    return etag!;
  };
  const textOf = async (name: string) =>
    (await collect(await blobs.stream('archive', to(name).name))).toString();

  test('has the content, and nothing else of what the producer wrote', async () => {
    const etag = await upload('one', 'content');
    const options = {
      etag,
      bytes,
      metadata: { dataset: 'products' },
      contentType: 'text/csv',
      contentEncoding: 'gzip',
    };
    expect(await blobs.copy(from('one'), to('one'), options)).toBe('copied');
    expect(await textOf('one')).toBe('content');
    expect(await blobs.metadata('archive', to('one').name)).toEqual({
      dataset: 'products',
      copiedfrom: `uploads/${kind}/one`,
    });
    expect(await blobs.describe('archive', to('one').name)).toMatchObject({
      bytes: 7,
      contentType: 'text/csv',
    });
  });

  test('is made once, and counts for more than what became of its source', async () => {
    const etag = await upload('two', 'first');
    expect(await blobs.copy(from('two'), to('two'), { etag, bytes })).toBe('copied');
    expect(await blobs.copy(from('two'), to('two'), { etag, bytes })).toBe('exists');
    await upload('two', 'later');
    expect(await blobs.copy(from('two'), to('two'), { etag, bytes })).toBe('exists');
    await blobs.remove('uploads', from('two').name);
    expect(await blobs.copy(from('two'), to('two'), { etag, bytes })).toBe('exists');
    expect(await textOf('two')).toBe('first');
  });

  test('is not made of other content, nor of none', async () => {
    const etag = await upload('three', 'first');
    await upload('three', 'later');
    expect(await blobs.copy(from('three'), to('three'), { etag, bytes })).toBe('changed');
    expect(await blobs.copy(from('nothing'), to('three'), { etag, bytes })).toBe('missing');
    expect(await blobs.describe('archive', to('three').name)).toBeUndefined();
  });
});

describe('a grant', () => {
  test('opens its one blob for writing, until its end', async () => {
    const url = await blobs.grant('uploads', 'products/granted', new Date(Date.now() + 60_000));
    const put = { method: 'PUT', headers: { 'x-ms-blob-type': 'BlockBlob' }, body: 'x' };
    expect((await fetch(url, put)).status).toBe(201);
    expect(await blobs.describe('uploads', 'products/granted')).toMatchObject({ bytes: 1 });
    expect((await fetch(url)).status).toBe(403);
    const over = await blobs.grant('uploads', 'products/granted', new Date(Date.now() - 1_000));
    expect((await fetch(over, put)).status).toBe(403);
    // A start time would keep out whoever comes while the service's clock is behind ours.
    expect(new URL(url).searchParams.has('st')).toBe(false);
  });
});

describe('removing', () => {
  test('breaks the lease that a producer took, but only of what was not written since', async () => {
    const blob = uploads.getBlockBlobClient('leased');
    await blob.upload('x', 1);
    await blob.getBlobLeaseClient().acquireLease(-1);
    const { modifiedOn } = (await blobs.describe('uploads', 'leased'))!;
    await blobs.remove('uploads', 'leased', new Date(modifiedOn.getTime() - 1_000));
    expect(await blobs.describe('uploads', 'leased')).toBeDefined();
    await blobs.remove('uploads', 'leased', modifiedOn);
    expect(await blobs.describe('uploads', 'leased')).toBeUndefined();
  });
});

test('metadata are set on the state that was seen', async () => {
  const { etag } = await uploads.getBlockBlobClient('noted').upload('x', 1);
  expect(await blobs.setMetadata('uploads', 'noted', { a: '1' }, { etag: etag! })).toBe('set');
  expect(await blobs.setMetadata('uploads', 'noted', { a: '2' }, { etag: etag! })).toBe('changed');
  expect(await blobs.setMetadata('uploads', 'unheard-of', { a: '2' })).toBe('missing');
  expect(await blobs.metadata('uploads', 'noted')).toEqual({ a: '1' });
});
