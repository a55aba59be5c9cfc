import { openBare } from './lib/bare-pipeline';
import { rounded, scaled, type Bench } from './lib/bench';
import { cpuGrowth, readCpu } from './lib/cpu';
import { productBody } from './lib/product-body';
import { median } from './lib/work';

export const RECORDS = 10_000;
export const RUNS = 3;

export const bare: Bench = {
  name: 'bare',
  what: `the same ${RECORDS} products as \`batch\` without orchestration, verdicts or a starter, straight through the SDKs against the same endpoints: archive the body, validate with ajv, hash the content, send the same events to the hub, read what is stored of each group, keep the newer records and write the same documents and markers in transactional batches, as much at once as helps. Records a second, the median of ${RUNS} runs with different keys after one that does not count; what \`batch\` is held against.`,
  measuresNot:
    'anything that makes it safe to fail: it knows no retry, no ETag, no duplicate, and nobody could ask what became of a record.',
  thresholds: { recordsPerSecond: { min: 6_000 } },

  async run(context) {
    const cloud = await context.startCloud('stores');
    try {
      const pipeline = await openBare(cloud, context.root);
      try {
        const count = scaled(RECORDS, context);
        const bar = context.progress('bare', RUNS);
        const rates: number[] = [];
        let made = { groups: 0, sends: 0 };
        await pipeline.ingest('warm', productBody(0, count));
        const cpu = readCpu(cloud.processes());
        for (let run = 1; run <= RUNS; run++) {
          const body = productBody(run * count, count);
          const begin = performance.now();
          made = await pipeline.ingest(`run-${run}`, body);
          rates.push((count * 1_000) / (performance.now() - begin));
          bar.add();
        }
        const used = readCpu(cloud.processes());
        bar.stop();

        const found = await pipeline.count();
        const expected = count * (RUNS + 1);
        if (found.documents !== expected || found.events !== expected) {
          throw new Error(`Of ${expected} there are ${found.documents} documents, ${found.events} events.`);
        }
        return {
          recordsPerSecond: rounded(median(rates)),
          slowest: rounded(Math.min(...rates)),
          fastest: rounded(Math.max(...rates)),
          records: count,
          transactionalBatches: made.groups,
          sends: made.sends,
          cpuSecondsPer10000: cpuGrowth(cpu, used, 10_000 / (count * RUNS)),
        };
      } finally {
        await pipeline.dispose();
      }
    } finally {
      await cloud.dispose();
    }
  },
};
