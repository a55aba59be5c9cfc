import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rounded, type Bench } from './lib/bench';
import { cpuGrowth, readCpu } from './lib/cpu';
import { headwaterClient } from './lib/headwater-client';
import { median } from './lib/work';

const RUNS = 3;
const POLL_MS = 20;

export const csv: Bench = {
  name: 'csv',
  what: `the 9,994 orders of data/orders as one CSV batch: records a second from the post to the last verdict, the median of ${RUNS} batches of new keys, one after the other, after one that does not count.`,
  measuresNot: 'updates, several batches at once, and consumers: nobody has subscribed.',
  thresholds: { recordsPerSecond: { min: 4_000 } },

  async run(context) {
    const text = readFileSync(join(context.root, 'data', 'orders', 'orders.csv'), 'utf8');
    const cloud = await context.startCloud('everything');
    const client = headwaterClient(cloud, 1);
    try {
      const rates: number[] = [];
      let records = 0;
      const cpu = readCpu(cloud.processes());
      for (let run = 0; run <= RUNS; run++) {
        const body = renumbered(text, run * 1_000_000);
        const begin = performance.now();
        const { batchId } = await client.post(body, { dataset: 'orders', contentType: 'text/csv' });
        const { status, counts } = await client.closed(batchId, POLL_MS);
        const seconds = (performance.now() - begin) / 1_000;
        records = counts?.['accepted'] ?? 0;
        if (status !== 'completed' || counts?.['upserted'] !== records)
          throw new Error(`The batch ended as ${status} with ${JSON.stringify(counts)}.`);
        if (run > 0) rates.push(records / seconds);
      }
      return {
        recordsPerSecond: rounded(median(rates)),
        slowest: rounded(Math.min(...rates)),
        fastest: rounded(Math.max(...rates)),
        records,
        cpuSecondsPer10000: cpuGrowth(cpu, readCpu(cloud.processes()), 10_000 / (records * (RUNS + 1))),
      };
    } finally {
      client.dispose();
      await cloud.dispose();
    }
  },
};

/** Other keys: `row_id` is the first column. */
function renumbered(text: string, by: number): string {
  return text.replaceAll(/^\d+(?=,)/gm, (id) => String(Number(id) + by));
}
