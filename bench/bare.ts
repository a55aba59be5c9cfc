import { ndjson, products } from '../tools/lib/products';
import { openBare } from './lib/bare-pipeline';
import { rounded, scaled, type Bench } from './lib/bench';

const RECORDS = 10_000;
const WARM_UP = 2_000;
const SEED = 6_000;

export const bare: Bench = {
  name: 'bare',
  what: `the ${RECORDS} products of \`batch\` without orchestration, verdicts or a starter, straight through the SDKs against the same endpoints: archive the body, validate with ajv, send one event a record to the hub, write documents and markers in transactional batches, as much at once as helps. Records a second; what \`batch\` is held against. ${WARM_UP} others went before.`,
  measuresNot:
    'anything that makes it safe to fail: it knows no retry, no duplicate, no older version, and reads nothing before it writes.',
  thresholds: { recordsPerSecond: { min: 6_000 } },

  async run(context) {
    const cloud = await context.startCloud('stores');
    try {
      const pipeline = await openBare(cloud, context.root);
      try {
        const count = scaled(RECORDS, context);
        const body = (firstId: number, amount: number): Buffer =>
          Buffer.from([...ndjson(products({ seed: SEED, count: amount, firstId, intervalMs: 1 }))].join(''));
        const warmUp = scaled(WARM_UP, context);
        await pipeline.ingest('warm', body(count, warmUp));

        const measured = body(0, count);
        const begin = performance.now();
        const { groups, sends } = await pipeline.ingest('measured', measured);
        const seconds = (performance.now() - begin) / 1_000;

        const found = await pipeline.count();
        const expected = count + warmUp;
        if (found.documents !== expected || found.events !== expected) {
          throw new Error(`Of ${expected} there are ${found.documents} documents, ${found.events} events.`);
        }
        return {
          recordsPerSecond: rounded(count / seconds),
          seconds: rounded(seconds),
          transactionalBatches: groups,
          sends,
          records: count,
        };
      } finally {
        await pipeline.dispose();
      }
    } finally {
      await cloud.dispose();
    }
  },
};
