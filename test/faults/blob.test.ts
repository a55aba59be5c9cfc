import { fork, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, truncate, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { BlobServiceClient, type BlockBlobClient, type ContainerClient } from '@azure/storage-blob';
import { blobConnectionString, startBlob } from '../../local/blob/server';
import type { FromChild } from '../../local/shared/child';
import { realFiles, type Files } from '../../local/shared/files';
import { all, content, refusal } from '../conformance/blob/backends';

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

function containerAt(port: number): ContainerClient {
  const connection = blobConnectionString({ port, account, key });
  const service = BlobServiceClient.fromConnectionString(connection, { retryOptions: { maxTries: 1 } });
  return service.getContainerClient('faults');
}

/** Starts the endpoint in a process of its own. */
async function startChild(
  env: NodeJS.ProcessEnv,
): Promise<{ child: ChildProcess; container: ContainerClient }> {
  const child = fork(MAIN, [], { env: { ...process.env, ...env } });
  children.add(child);
  child.once('exit', () => children.delete(child));
  child.send({ type: 'start', options: { dataDir, port: 0, account, key } });
  const [message] = (await once(child, 'message')) as [FromChild];
  if (message.type !== 'ready') throw new Error(message.message);
  return { child, container: containerAt(message.port) };
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
    const container = containerAt(service.port);
    await container.createIfNotExists();
    return await use(container);
  } finally {
    await service.dispose();
  }
}

function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const SIZES = [10, 1_000, 40_000, 70_000, 200_000];
const WRITERS = 8;

/** What one blob may hold after a crash: the last acknowledged version, or the one that was under way. */
interface History {
  acknowledged: Buffer | undefined;
  underWay: Buffer | undefined;
}

/** One more version of a blob: as a whole, or in blocks. */
async function writeVersion(blob: BlockBlobClient, version: Buffer, inBlocks: boolean): Promise<void> {
  if (!inBlocks) {
    await blob.upload(version, version.length, { metadata: { size: String(version.length) } });
    return;
  }
  const ids = [0, 1].map((part) => Buffer.from(`block-${part}`).toString('base64'));
  const half = Math.ceil(version.length / 2);
  await Promise.all(
    ids.map((id, part) => {
      const data = version.subarray(part * half, (part + 1) * half);
      return blob.stageBlock(id, data, data.length);
    }),
  );
  await blob.commitBlockList(ids, { metadata: { size: String(version.length) } });
}

/** Writes from several sides, kills the process at a moment chosen by the seed, and returns what was promised. */
async function crashUnderLoad(seed: number, env: NodeJS.ProcessEnv): Promise<Map<string, History>> {
  const pick = random(seed);
  const { child, container } = await startChild(env);
  await container.create();
  const histories = new Map<string, History>();
  const killAfter = 60 + pick(80);
  let acknowledged = 0;
  const exited = once(child, 'exit');

  const write = async (writer: number): Promise<void> => {
    for (let turn = 0; ; turn++) {
      // Every third write replaces an earlier blob.
      const name = `${writer}/${turn % 3 === 2 ? pick(turn) : turn}`;
      const version = content(SIZES[pick(SIZES.length)]!, 1 + pick(1_000_000));
      const history = histories.get(name) ?? { acknowledged: undefined, underWay: undefined };
      histories.set(name, history);
      history.underWay = version;
      await writeVersion(container.getBlockBlobClient(name), version, pick(4) === 0);
      history.acknowledged = version;
      history.underWay = undefined;
      if (++acknowledged === killAfter) child.kill('SIGKILL');
    }
  };
  await Promise.allSettled(Array.from({ length: WRITERS }, (_, writer) => write(writer)));
  child.kill('SIGKILL'); // Still alive only if writes were refused, which the next line tells.
  await exited;
  expect(acknowledged).toBeGreaterThanOrEqual(killAfter);
  return histories;
}

async function expectPromisesKept(
  container: ContainerClient,
  histories: Map<string, History>,
): Promise<void> {
  const listed = new Map<string, number>();
  for await (const { name, properties } of container.listBlobsFlat()) {
    listed.set(name, properties.contentLength ?? -1);
  }
  for (const [name, { acknowledged, underWay }] of histories) {
    const found = listed.has(name) ? await container.getBlobClient(name).downloadToBuffer() : undefined;
    const allowed = [acknowledged, underWay].some((version) =>
      version && found ? version.equals(found) : version === found,
    );
    expect({ name, size: found?.length, allowed }).toEqual({ name, size: listed.get(name), allowed: true });
    listed.delete(name);
  }
  expect([...listed.keys()]).toEqual([]);
}

describe.each([
  ['is killed', {}],
  ['loses power', { HEADWATER_POWER_LOSS: '1' }],
])('when the process %s under load', (_, env) => {
  test.each([1, 2, 3])(
    'every acknowledged write is there, and nothing is half there (seed %d)',
    async (seed) => {
      const histories = await crashUnderLoad(seed, env);
      const { child, container } = await startChild(env);
      await expectPromisesKept(container, histories);
      const again = container.getBlockBlobClient('again');
      await again.upload(content(100_000), 100_000);
      expect((await again.downloadToBuffer()).length).toBe(100_000);
      await stopChild(child);
    },
  );
});

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
