import { Readable } from 'node:stream';
import { BlockBlobClient } from '@azure/storage-blob';
import { ndjson, products } from '../tools/lib/products';
import { rounded, scaled, type Bench } from './lib/bench';
import { headwaterClient } from './lib/headwater-client';
import { memoryFigures } from './lib/memory';

const RECORDS = 100_000;
const POLL_MS = 200;
const SEED = 10_000;
const MiB = 1024 * 1024;

export const big: Bench = {
  name: 'big',
  what: `one upload of ${RECORDS} products as NDJSON, put in blocks by the SDK as it is made, and the batch of it: from the post of the batch to the last verdict; and the most memory that any process of the local cloud has had.`,
  measuresNot:
    'the time of the upload itself, and the memory of whoever uploads. Memory is what the system calls resident, at its highest since the process started; Linux only.',
  thresholds: { completed: { min: 1 }, maxRssMiB: { max: 512 } },

  async run(context) {
    const cloud = await context.startCloud('everything');
    const client = headwaterClient(cloud, 1);
    try {
      const count = scaled(RECORDS, context);
      const { uploadId, uploadUrl } = await client.grant('products');
      const bytes = await put(uploadUrl, count);
      context.note(`big: ${count} records, ${Math.round(bytes / MiB)} MiB are uploaded`);
      const begin = performance.now();
      const { batchId } = await client.post('', { upload: uploadId });
      const batch = await client.closed(batchId, POLL_MS);
      const seconds = (performance.now() - begin) / 1_000;
      const completed = batch.status === 'completed' && batch.counts?.['upserted'] === count;
      return {
        completed: completed ? 1 : 0,
        ...memoryFigures(cloud.processes()),
        seconds: rounded(seconds),
        recordsPerSecond: rounded(count / seconds),
        records: count,
        megabytes: Math.round(bytes / MiB),
      };
    } finally {
      client.dispose();
      await cloud.dispose();
    }
  },
};

/** Puts so many products. @returns bytes */
async function put(url: string, count: number): Promise<number> {
  let bytes = 0;
  const lines = function* (): Generator<Buffer> {
    for (const line of ndjson(products({ seed: SEED, count, firstId: 0, ids: count, intervalMs: 1 }))) {
      const buffer = Buffer.from(line);
      bytes += buffer.length;
      yield buffer;
    }
  };
  await new BlockBlobClient(url).uploadStream(Readable.from(lines(), { objectMode: false }), 4 * MiB, 2);
  return bytes;
}
