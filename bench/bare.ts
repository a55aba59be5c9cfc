import { openBare } from './lib/bare-pipeline';
import { rounded, scaled, type Bench, type Context, type Figures } from './lib/bench';
import { cpuGrowth, readCpu } from './lib/cpu';
import { productBody } from './lib/product-body';
import { median } from './lib/work';

export const RECORDS = 10_000;
export const RUNS = 5;

export const bare: Bench = {
  name: 'bare',
  what: `the same ${RECORDS} products as \`batch\` without orchestration, verdicts or a starter, straight through the SDKs against the same endpoints: archive the body, validate with ajv, hash the content, send the same events to the hub, read what is stored of each group, keep the newer records and write the same documents and markers in transactional batches, as much at once as helps. Records a second, the median of ${RUNS} runs with different keys after one that does not count; what \`batch\` is held against.`,
  measuresNot:
    'anything that makes it safe to fail: it knows no retry, no ETag, no duplicate, and nobody could ask what became of a record.',
  thresholds: { recordsPerSecond: { min: 6_000 } },

  async run(context) {
    const runner = await openBareRunner(context);
    try {
      const bar = context.progress('bare', RUNS);
      const rates: number[] = [];
      for (let run = 1; run <= RUNS; run++) {
        rates.push(await runner.rateOf(run));
        bar.add();
      }
      bar.stop();
      return {
        recordsPerSecond: rounded(median(rates)),
        slowest: rounded(Math.min(...rates)),
        fastest: rounded(Math.max(...rates)),
        records: runner.records,
        ...(await runner.check(RUNS)),
      };
    } finally {
      await runner.dispose();
    }
  },
};

/** Runs the pipeline without safety on a cloud of its own, and has done so once. */
export interface BareRunner {
  /** of one run */
  readonly records: number;
  /** Records a second of run number `run`. */
  rateOf(run: number): Promise<number>;
  /** @throws when what `runs` runs have left is not what they were given */
  check(runs: number): Promise<Figures>;
  dispose(): Promise<void>;
}

export async function openBareRunner(context: Context): Promise<BareRunner> {
  const records = scaled(RECORDS, context);
  const cloud = await context.startCloud('stores');
  try {
    const pipeline = await openBare(cloud, context.root);
    let made = await pipeline.ingest('warm', productBody(0, records));
    const cpu = readCpu(cloud.processes());
    return {
      records,
      async rateOf(run) {
        const body = productBody(run * records, records);
        const begin = performance.now();
        made = await pipeline.ingest(`run-${run}`, body);
        return (records * 1_000) / (performance.now() - begin);
      },
      async check(runs) {
        const used = readCpu(cloud.processes());
        const found = await pipeline.count();
        const expected = records * (runs + 1);
        if (found.documents !== expected || found.events !== expected)
          throw new Error(`Of ${expected} there are ${found.documents} documents, ${found.events} events.`);
        return {
          transactionalBatches: made.groups,
          sends: made.sends,
          cpuSecondsPer10000: cpuGrowth(cpu, used, 10_000 / (records * runs)),
        };
      },
      async dispose() {
        await pipeline.dispose();
        await cloud.dispose();
      },
    };
  } catch (error) {
    await cloud.dispose();
    throw error;
  }
}
