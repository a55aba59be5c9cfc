import { randomBytes, randomUUID } from 'node:crypto';
import { BlobServiceClient } from '@azure/storage-blob';
import { inLanes } from '../work';
import { perSecond, type Amount } from './rate';

const LANES = 16;
const BYTES = 1_024;

export interface BlobRates {
  readonly puts: number;
  readonly gets: number;
}

/** Blobs of 1 KB a second that the SDK puts, and gets, 16 at a time. */
export async function blobRates(connectionString: string, amount: Amount): Promise<BlobRates> {
  const service = BlobServiceClient.fromConnectionString(connectionString);
  const container = service.getContainerClient(`bench-${randomUUID()}`);
  await container.create();
  const content = randomBytes(BYTES);
  const rates = {
    puts: await perSecond(amount(3_000), (count) =>
      inLanes(LANES, Array(count).keys(), async (at) => {
        await container.getBlockBlobClient(`blob-${at}`).upload(content, BYTES);
      }),
    ),
    gets: await perSecond(amount(3_000), (count) =>
      inLanes(LANES, Array(count).keys(), async (at) => {
        const got = await container.getBlockBlobClient(`blob-${at}`).downloadToBuffer();
        if (!got.equals(content)) throw new Error(`blob-${at} is not what was put.`);
      }),
    ),
  };
  await container.delete();
  return rates;
}
