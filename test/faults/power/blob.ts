import {
  BlobServiceClient,
  type BlobItem,
  type BlockBlobClient,
  type ContainerClient,
} from '@azure/storage-blob';
import { blobConnectionString, startBlob } from '../../../local/blob/server';
import type { Random } from '../../../tools/lib/random';
import { all, content } from '../../conformance/blob/backends';
import { RecordedEndpoint } from './child';
import type { NoteBook, Promises, Writes } from './promises';
import type { PowerService } from './service';

const OPTIONS = { account: 'power', key: Buffer.from('a key for tests only').toString('base64') };
const WORKERS = 6;
/** Up to 64 KB are stored in the database, more in a file. */
const SIZES = [0, 10, 1_000, 40_000, 70_000, 150_000];
const BLOCK_SIZES = [5_000, 80_000];
/** Every lease of the test has this id and no end. */
const LEASE_ID = '11111111-2222-3333-4444-555555555555';

function containerAt(port: number): ContainerClient {
  const connection = blobConnectionString({ port, ...OPTIONS });
  const service = BlobServiceClient.fromConnectionString(connection, { retryOptions: { maxTries: 1 } });
  return service.getContainerClient('container');
}

/** A version is told by seed and size, from which its content follows. */
function contentOf(version: string): Buffer {
  const [seed = 0, size = 0] = version.split('-').map(Number);
  return content(size, seed);
}

const blobKey = (name: string): string => `blob ${name}`;
const blockKey = (name: string, index: number): string => `block ${index} of ${name}`;
const leaseKey = (name: string): string => `lease of ${name}`;
const CONTAINER_KEY = 'container';

function blockId(index: number): string {
  return Buffer.from(`block-${index}`).toString('base64');
}

class Writer {
  private readonly names: string[] = [];

  constructor(
    private readonly container: ContainerClient,
    private readonly notes: NoteBook,
    private readonly random: Random,
    private readonly worker: string,
  ) {}

  /** One operation after the other. */
  async run(): Promise<never> {
    for (let turn = 0; ; turn++) {
      const name = `${this.worker}/${turn}`;
      const [old] = this.names;
      const kind = this.random.integer(0, 6);
      if (old === undefined || kind <= 1) await this.upload(name);
      else if (kind === 2) await this.upload(old);
      else if (kind === 3) await this.inBlocks(name);
      else if (kind === 4) await this.lease(old);
      else if (kind === 5) await this.copy(old, name);
      else await this.remove(old);
    }
  }

  private blob(name: string): BlockBlobClient {
    return this.container.getBlockBlobClient(name);
  }

  private version(sizes = SIZES): string {
    return `${this.random.integer(1, 1_000_000)}-${this.random.pick(sizes)}`;
  }

  private async upload(name: string): Promise<void> {
    const version = this.version();
    const bytes = contentOf(version);
    await this.notes.ask({ [blobKey(name)]: version }, () =>
      this.blob(name).upload(bytes, bytes.length, { metadata: { version } }),
    );
    if (!this.names.includes(name)) this.names.push(name);
  }

  /** Two blocks, and a list of them; sometimes the blocks are left alone. */
  private async inBlocks(name: string): Promise<void> {
    const version = this.version(BLOCK_SIZES);
    const bytes = contentOf(version);
    const half = Math.ceil(bytes.length / 2);
    for (const index of [0, 1]) {
      const block = bytes.subarray(index * half, (index + 1) * half);
      await this.notes.ask({ [blockKey(name, index)]: `${block.length}` }, () =>
        this.blob(name).stageBlock(blockId(index), block, block.length),
      );
    }
    if (this.random.integer(0, 3) === 0) return;
    const writes: Writes = { [blobKey(name)]: version, [blockKey(name, 0)]: null, [blockKey(name, 1)]: null };
    await this.notes.ask(writes, () =>
      this.blob(name).commitBlockList([0, 1].map(blockId), { metadata: { version } }),
    );
    this.names.push(name);
  }

  private async copy(from: string, to: string): Promise<void> {
    const { metadata } = await this.blob(from).getProperties();
    await this.notes.ask({ [blobKey(to)]: metadata?.['version'] ?? '' }, async () => {
      const poller = await this.blob(to).beginCopyFromURL(this.blob(from).url);
      await poller.pollUntilDone();
    });
    this.names.push(to);
  }

  /** A lease, which stays; nobody else writes this blob any more. */
  private async lease(name: string): Promise<void> {
    this.names.shift();
    const lease = this.blob(name).getBlobLeaseClient(LEASE_ID);
    await this.notes.ask({ [leaseKey(name)]: 'held' }, () => lease.acquireLease(-1));
    if (this.random.integer(0, 1) === 0) return;
    await this.notes.ask({ [leaseKey(name)]: null }, () => lease.releaseLease());
  }

  private async remove(name: string): Promise<void> {
    this.names.shift();
    await this.notes.ask({ [blobKey(name)]: null }, () => this.blob(name).delete());
  }
}

async function stateOf(container: ContainerClient, item: BlobItem): Promise<[string, string][]> {
  const { name, metadata, properties } = item;
  const blob = container.getBlockBlobClient(name);
  const found: [string, string][] = [];
  const version = metadata?.['version'];
  if (version !== undefined) {
    const bytes = await blob.downloadToBuffer();
    found.push([blobKey(name), bytes.equals(contentOf(version)) ? version : 'damaged']);
  }
  if (properties.leaseState === 'leased') {
    await blob.getBlobLeaseClient(LEASE_ID).renewLease();
    found.push([leaseKey(name), 'held']);
  }
  const { uncommittedBlocks = [] } = await blob.getBlockList('uncommitted');
  for (const { name: id, size } of uncommittedBlocks) {
    found.push([blockKey(name, [0, 1].map(blockId).indexOf(id)), `${size}`]);
  }
  return found;
}

/** Blob Storage: blobs in the database and in files, replaced and deleted, in blocks, copied, leased. */
export const blob: PowerService<RecordedEndpoint> = {
  name: 'blob',

  start: (dataDir) => RecordedEndpoint.start('blob', { dataDir, ...OPTIONS }),

  async load({ port }, notes, random, life) {
    const container = containerAt(port);
    if (life === 0) await notes.ask({ [CONTAINER_KEY]: 'there' }, () => container.create());
    const writers = Array.from(
      { length: WORKERS },
      (_, worker) => new Writer(container, notes, random, `${life}-${worker}`),
    );
    await Promise.all(writers.map((writer) => writer.run()));
  },

  async check(dataDir: string, promises: Promises) {
    const service = await startBlob({ dataDir, port: 0, ...OPTIONS });
    try {
      const container = containerAt(service.port);
      const found = new Map<string, string>();
      if (await container.exists()) {
        found.set(CONTAINER_KEY, 'there');
        const items = await all(
          container.listBlobsFlat({ includeMetadata: true, includeUncommitedBlobs: true }),
        );
        const states = await Promise.all(items.map((item) => stateOf(container, item)));
        for (const [key, value] of states.flat()) found.set(key, value);
      }
      const faults = promises.faults(found);
      await container.createIfNotExists();
      const after = container.getBlockBlobClient('after');
      await after.upload(contentOf('1-100000'), 100_000);
      const isThere = (await after.downloadToBuffer()).equals(contentOf('1-100000'));
      return isThere ? faults : [...faults, 'what was uploaded after the cut is not there'];
    } finally {
      await service.dispose();
    }
  },
};
