/** What `npm run test:power` has found or led to, made by hand: its own cuts are chance. */
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { BlobServiceClient } from '@azure/storage-blob';
import { blobConnectionString, startBlob } from '../../../local/blob/server';
import { type Files, realFiles } from '../../../local/shared/files';
import { Endpoint } from '../../conformance/eventhubs/support';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headwater-power-found-'));
});
afterEach(() => rm(folder, { recursive: true }));

test('a blob store whose very first start was cut short is started', async () => {
  const dataDir = join(folder, 'store');
  await mkdir(dataDir);
  const database = new DatabaseSync(join(folder, 'blobs.sqlite'));
  // More than fits into memory: SQLite writes its journal, syncs it, and writes the file before the commit.
  database.exec('PRAGMA cache_size = 1; BEGIN; CREATE TABLE t (x)');
  for (let i = 0; i < 20; i++) database.prepare('INSERT INTO t VALUES (zeroblob(4000))').run();
  for (const name of ['blobs.sqlite', 'blobs.sqlite-journal']) {
    await cp(join(folder, name), join(dataDir, name));
  }
  database.exec('ROLLBACK');
  database.close();
  expect((await readFile(join(dataDir, 'blobs.sqlite'))).length).toBeGreaterThan(0);

  const options = { account: 'power', key: Buffer.from('a key for tests only').toString('base64') };
  const service = await startBlob({ dataDir, port: 0, ...options });
  const connection = blobConnectionString({ port: service.port, ...options });
  const container = BlobServiceClient.fromConnectionString(connection).getContainerClient('container');
  await container.create();
  expect(await container.exists()).toBe(true);
  await service.dispose();
});

describe('an event that a power cut has torn, before whole ones', () => {
  const AT = { partitionId: '0' };
  const FILLER = 'x'.repeat(600);
  let endpoint: Endpoint;
  let dataDir: string;

  /** Two sends, and what a cut leaves when the first sector of an event named by its body never came to the disk. */
  async function tear(body: string): Promise<void> {
    endpoint = await Endpoint.start({ segmentBytes: 1_000_000 });
    const producer = endpoint.producer();
    for (const send of ['first', 'second']) {
      await producer.sendBatch(
        [1, 2, 3].map((n) => ({ body: `${send}-${n} ${FILLER}` })),
        AT,
      );
    }
    dataDir = join(folder, 'store');
    await cp(endpoint.dataDir, dataDir, { recursive: true });
    await endpoint.dispose();
    const partition = join(dataDir, 'orders', '0');
    // It is not synced, so a cut may leave an old one, or none.
    await rm(join(partition, 'acknowledged'));
    const [log = ''] = (await readdir(partition)).filter((name) => name.endsWith('.log'));
    const bytes = await readFile(join(partition, log));
    bytes.fill(0, bytes.indexOf(body), bytes.indexOf(body) + 500);
    await writeFile(join(partition, log), bytes);
  }

  test('of the same write is cut off with them', async () => {
    await tear('second-1');
    const left = await Endpoint.start({ dataDir });
    const producer = left.producer();
    expect((await producer.getPartitionProperties('0')).lastEnqueuedSequenceNumber).toBe(2);
    await producer.sendBatch([{ body: 'again' }], AT);
    expect((await producer.getPartitionProperties('0')).lastEnqueuedSequenceNumber).toBe(3);
    await left.dispose();
  });

  test('of a later write is damage', async () => {
    await tear('first-2');
    await expect(Endpoint.start({ dataDir })).rejects.toThrow('whole ones follow');
  });
});

test('owner levels that a killed process may not have synced are synced before older ones are removed', async () => {
  const first = await Endpoint.start();
  for (const ownerLevel of [1, 2]) {
    const producer = first.idempotentProducer({ '0': { ownerLevel, producerGroupId: 7 } });
    await producer.getPartitionPublishingProperties('0');
  }
  const dataDir = join(folder, 'store');
  await cp(first.dataDir, dataDir, { recursive: true });
  await first.dispose();
  const partition = join(dataDir, 'orders', '0');
  await cp(join(partition, 'producers.2'), join(partition, 'producers.1'));

  const done: string[] = [];
  const files: Files = {
    ...realFiles,
    open: async (path) => {
      const file = await realFiles.open(path);
      const datasync = async (): Promise<void> => {
        done.push(`sync ${relative(partition, path)}`);
        await file.datasync();
      };
      return { ...file, datasync };
    },
    remove: async (path) => {
      done.push(`remove ${relative(partition, path)}`);
      await realFiles.remove(path);
    },
  };
  const second = await Endpoint.start({ dataDir, files });
  await second.dispose();
  expect(done.filter((what) => what.includes('producers'))).toEqual([
    'sync producers.2',
    'remove producers.1',
  ]);
});
