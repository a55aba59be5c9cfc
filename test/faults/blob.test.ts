import { fork, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, truncate, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob';
import { blobConnectionString, startBlob } from '../../local/blob/server';
import type { FromChild } from '../../local/shared/child';
import { realFiles, type Files } from '../../local/shared/files';
import { random as seeded } from '../../tools/lib/random';
import { all, content, refusal } from '../conformance/blob/backends';
import { BlobLoad, CONTAINER } from './blob-load';

const account = 'faults';
const key = randomBytes(64).toString('base64');
const MAIN = resolve(__dirname, '../../build/local/blob/main.js');

let dataDir: string;
const children = new Set<ChildProcess>();
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'headwater-blob-'));
});
afterEach(async () => {
  // A case that failed has left its process behind.
  for (const child of children) {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
  await rm(dataDir, { recursive: true });
});

function serviceAt(port: number): BlobServiceClient {
  const connection = blobConnectionString({ port, account, key });
  return BlobServiceClient.fromConnectionString(connection, { retryOptions: { maxTries: 1 } });
}

/** Starts the endpoint in a process of its own. */
async function startChild(
  env: NodeJS.ProcessEnv,
): Promise<{ child: ChildProcess; service: BlobServiceClient; container: ContainerClient }> {
  const child = fork(MAIN, [], { env: { ...process.env, ...env } });
  children.add(child);
  child.once('exit', () => children.delete(child));
  child.send({ type: 'start', options: { dataDir, port: 0, account, key } });
  const [message] = (await once(child, 'message')) as [FromChild];
  if (message.type !== 'ready') throw new Error(message.message);
  const service = serviceAt(message.port);
  return { child, service, container: service.getContainerClient(CONTAINER) };
}

async function stopChild(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.send({ type: 'stop' });
  await ended;
}

/** Starts the endpoint in this process, for the length of `use`. */
async function withService<T>(
  use: (container: ContainerClient) => Promise<T>,
  files: Files = realFiles,
): Promise<T> {
  const service = await startBlob({ dataDir, port: 0, account, key, files });
  try {
    const container = serviceAt(service.port).getContainerClient(CONTAINER);
    await container.createIfNotExists();
    return await use(container);
  } finally {
    await service.dispose();
  }
}

const WRITERS = 8;
const CRASHES = 3;
const DAY_MS = 24 * 60 * 60 * 1000;

test.each([
  ['is killed', {}],
  ['loses power', { HEADWATER_POWER_LOSS: '1' }],
])(
  'when the process %s under load, what was acknowledged is there, and nothing is half there',
  async (_, env) => {
    const random = seeded(Number(process.env['SEED'] ?? 1));
    const load = new BlobLoad(WRITERS);
    let { child, service, container } = await startChild(env);
    await container.create();
    for (let crashes = 0; crashes < CRASHES; crashes++) {
      let left = random.integer(100, 250);
      const exited = once(child, 'exit');
      await load.run(service, random, () => {
        if (--left === 0) child.kill('SIGKILL');
      });
      child.kill('SIGKILL'); // Still alive only if requests were refused, which the next line tells.
      await exited;
      expect(left).toBeLessThanOrEqual(0);
      ({ child, service, container } = await startChild(env));
      await load.check(service);
    }
    await load.clear(service);
    // What a crash has left is removed at a start, what was deleted in the background.
    await stopChild(child);
    ({ child } = await startChild(env));
    while ((await readdir(join(dataDir, 'content'))).length > 0) await pause(5);
    await stopChild(child);
  },
);

test('a stop in good order keeps everything too', async () => {
  const first = await startChild({});
  await first.container.create({ metadata: { kept: 'yes' } });
  await first.container.getBlockBlobClient('x').upload('x', 1, { metadata: { a: '1' } });
  await stopChild(first.child);
  const second = await startChild({});
  expect((await second.container.getProperties()).metadata).toEqual({ kept: 'yes' });
  expect((await second.container.getBlobClient('x').getProperties()).metadata).toEqual({ a: '1' });
  await stopChild(second.child);
});

test('blocks that nobody commits for a week are removed at a start', async () => {
  await withService((container) =>
    container.getBlockBlobClient('x').stageBlock('AAAA', content(100_000), 100_000),
  );
  for (const [days, answer, files] of [
    [6, 'no refusal', 1],
    [8, '404 BlobNotFound', 0],
  ] as const) {
    const clock = jest.spyOn(Date, 'now').mockReturnValue(Date.now() + days * DAY_MS);
    const service = await startBlob({ dataDir, port: 0, account, key });
    // Requests carry the time as it is.
    clock.mockRestore();
    const blob = serviceAt(service.port).getContainerClient(CONTAINER).getBlockBlobClient('x');
    expect(await refusal(blob.getBlockList('uncommitted'))).toBe(answer);
    await service.dispose();
    expect(await readdir(join(dataDir, 'content'))).toHaveLength(files);
  }
});

describe('when the disk is full', () => {
  const full = () => Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });

  test.each(['write', 'datasync', 'syncFolder'] as const)(
    'at %s, nothing changes and reads go on',
    async (where) => {
      let isFull = false;
      const files: Files = {
        ...realFiles,
        open: async (path) => {
          const file = await realFiles.open(path);
          return {
            ...file,
            write: (...args) => (isFull && where === 'write' ? Promise.reject(full()) : file.write(...args)),
            datasync: () => (isFull && where === 'datasync' ? Promise.reject(full()) : file.datasync()),
          };
        },
        syncFolder: (path) =>
          isFull && where === 'syncFolder' ? Promise.reject(full()) : realFiles.syncFolder(path),
      };
      await withService(async (container) => {
        const data = content(3_000_000);
        const before = container.getBlockBlobClient('before');
        await before.upload(data, data.length);
        isFull = true;
        const next = container.getBlockBlobClient('next');
        expect(await refusal(next.upload(data, data.length))).toBe('507 InsufficientStorage');
        expect(await refusal(before.upload(data.subarray(5), data.length - 5))).toBe(
          '507 InsufficientStorage',
        );
        expect(await next.exists()).toBe(false);
        expect((await before.downloadToBuffer()).equals(data)).toBe(true);
        isFull = false;
        await next.upload(data, data.length);
        expect((await next.downloadToBuffer()).equals(data)).toBe(true);
      }, files);
    },
  );
});

/** The largest file of the store: the content of its largest blob. */
async function largestFile(): Promise<string> {
  const names = await readdir(dataDir, { recursive: true });
  const sizes = await Promise.all(
    names.map(async (name) => ({ path: join(dataDir, name), info: await stat(join(dataDir, name)) })),
  );
  const files = sizes.filter(({ info }) => info.isFile()).sort((a, b) => b.info.size - a.info.size);
  return files[0]!.path;
}

describe.each([900_000, 9_000_000])('when the content file of a blob of %d bytes', (size) => {
  test.each([
    ['is truncated', (path: string) => truncate(path, size - 1)],
    ['is gone', (path: string) => unlink(path)],
  ])('%s, reading it fails and the rest goes on', async (_, damage) => {
    await withService(async (container) => {
      await container.getBlockBlobClient('large').upload(content(size), size);
      await container.getBlockBlobClient('other').upload(content(100_000), 100_000);
    });
    await damage(await largestFile());
    await withService(async (container) => {
      const large = container.getBlockBlobClient('large');
      expect(await refusal(large.download())).toBe('500 InternalError');
      expect(await refusal(large.downloadToBuffer(0, 10))).toBe('500 InternalError');
      expect((await container.getBlobClient('other').downloadToBuffer()).equals(content(100_000))).toBe(true);
      await large.upload('repaired', 8);
      expect((await large.downloadToBuffer()).toString()).toBe('repaired');
    });
  });
});

describe('a store whose database', () => {
  const database = () => join(dataDir, 'blobs.sqlite');

  test.each([
    ['has a damaged beginning', (bytes: Buffer) => bytes.fill(0x55, 0, 100)],
    ['has a damaged page', (bytes: Buffer) => bytes.fill(0x55, 4_096, 12_288)],
    ['is cut', (bytes: Buffer) => bytes.subarray(0, bytes.length - 4_096 * 3)],
    ['is something else', () => Buffer.from('{"not":"a database"}')],
  ])('%s is not started, and left as it is', async (_, damage) => {
    await withService(async (container) => {
      for (let i = 0; i < 20; i++) await container.getBlockBlobClient(`${i}`).upload(content(10_000), 10_000);
    });
    await writeFile(database(), damage(await readFile(database())));
    const damaged = await readFile(database());
    const start = startBlob({ dataDir, port: 0, account, key });
    await expect(start).rejects.toThrow(database());
    expect((await readFile(database())).equals(damaged)).toBe(true);
  });

  test('is in use is not started a second time', async () => {
    await withService(async (container) => {
      await expect(startBlob({ dataDir, port: 0, account, key })).rejects.toThrow('another process uses it');
      await container.getBlockBlobClient('x').upload('x', 1);
      expect(await all(container.listBlobsFlat())).toHaveLength(1);
    });
  });
});
