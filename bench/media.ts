import { uniqueJpeg } from '../tools/lib/tiles';
import { tweet } from '../tools/lib/tweets';
import { rounded, scaled, type Bench } from './lib/bench';
import { cpuGrowth, readCpu } from './lib/cpu';
import { headwaterClient, type HeadwaterClient } from './lib/headwater-client';
import { memoryFigures } from './lib/memory';

const TWEETS = 2_000;
const IMAGE_BYTES = 40 * 1024;
/** Batches of about 7 MB, as `npm run produce` makes them. */
const BATCH = 125;
/** Batches under way at the same time, as many as there. */
const AT_ONCE = 4;
/** Until the code is compiled. */
const WARM_UP = 8;
const POLL_MS = 200;
const SEED = 40;
const MiB = 1024 * 1024;

export const media: Bench = {
  name: 'media',
  what: `${TWEETS} tweets with a JPEG of ${IMAGE_BYTES / 1024} KB each, all different, as NDJSON in batches of ${BATCH}, ${AT_ONCE} at a time, after ${WARM_UP} batches that do not count: records a second from the first post to the last verdict; and the most memory that any process of the local cloud has had.`,
  measuresNot: `the making of the tweets, which is done before, and images that come twice, of which one is stored. The end of a batch is asked for every ${POLL_MS} ms. Memory is what the system calls resident, at its highest since the process started; Linux only.`,
  thresholds: { recordsPerSecond: { min: 400 }, maxRssMiB: { max: 512 } },

  async run(context) {
    const count = scaled(TWEETS, context);
    const warmUp = bodiesOf(count, scaled(WARM_UP * BATCH, context));
    const bodies = bodiesOf(0, count);
    const cloud = await context.startCloud('everything');
    const client = headwaterClient(cloud, AT_ONCE);
    try {
      await ingest(client, warmUp);
      const cpu = readCpu(cloud.processes());
      const begin = performance.now();
      const upserted = await ingest(client, bodies);
      const seconds = (performance.now() - begin) / 1_000;
      if (upserted !== count) throw new Error(`${upserted} of ${count} tweets were upserted.`);
      return {
        recordsPerSecond: rounded(count / seconds),
        ...memoryFigures(cloud.processes()),
        records: count,
        megabytes: Math.round(bodies.reduce((sum, body) => sum + body.length, 0) / MiB),
        cpuSecondsPer1000: cpuGrowth(cpu, readCpu(cloud.processes()), 1_000 / count),
      };
    } finally {
      client.dispose();
      await cloud.dispose();
    }
  },
};

/** Posts all bodies, and waits for their ends. @returns how many records were upserted */
async function ingest(client: HeadwaterClient, bodies: readonly Buffer[]): Promise<number> {
  let upserted = 0;
  const left = bodies.values();
  const sender = async (): Promise<void> => {
    for (const body of left) {
      const { batchId } = await client.post(body, { dataset: 'tweets' });
      const { counts } = await client.closed(batchId, POLL_MS);
      upserted += counts?.['upserted'] ?? 0;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, sender));
  return upserted;
}

/** Bodies of so many tweets from number `from` on. */
function bodiesOf(from: number, count: number): Buffer[] {
  const bodies: Buffer[] = [];
  for (let first = from; first < from + count; first += BATCH) {
    const numbers = Array.from({ length: Math.min(BATCH, from + count - first) }, (_, at) => first + at);
    const lines = numbers.map((number) => {
      const image = uniqueJpeg(SEED, number, IMAGE_BYTES).toString('base64');
      return JSON.stringify({ ...tweet(SEED, number), image_base64: image }) + '\n';
    });
    bodies.push(Buffer.from(lines.join('')));
  }
  return bodies;
}
