import { products } from '../tools/lib/products';
import { rounded, scaled, type Bench } from './lib/bench';
import { cpuGrowth, readCpu } from './lib/cpu';
import { durableClient } from './lib/durable-client';
import { headwaterClient, type HeadwaterClient } from './lib/headwater-client';
import { amount, inLanes } from './lib/work';

const BATCHES = 1_000;
/** V8 takes about so many to compile what the SDKs and the app run for each. */
const WARM_UP = 2_000;
const LANES = 64;
const SEED = 64;

export const batches: Bench = {
  name: 'batches',
  what: `${BATCHES} batches of one product each, all of different keys, posted ${LANES} at a time through the app's own starter: batches a second from the first post to the last verdict, and the processor time that each process takes. ${WARM_UP} others went before.`,
  measuresNot:
    'large batches (see batch), and consumers: nobody has subscribed. The load comes from the same machine. That all verdicts are there is seen in the list of orchestrations, every 10 ms, and checked batch by batch after the clock has stopped.',
  thresholds: { perSecond: { min: 100 } },

  async run(context) {
    const cloud = await context.startCloud('everything');
    const client = headwaterClient(cloud, LANES);
    const durable = durableClient(cloud, 1);
    const settled = (ids: ReadonlySet<string>) => durable.drained((id) => ids.has(id));
    try {
      await settled((await post(client, 0, amount(scaled(WARM_UP, context), undefined))).ids);

      const total = scaled(BATCHES, context);
      const bar = context.progress('batches', total);
      const cpu = readCpu(cloud.processes());
      const begin = performance.now();
      const { ids, throttled } = await post(client, WARM_UP, amount(total, context.seconds), () => bar.add());
      const acknowledged = performance.now();
      await settled(ids);
      let end = performance.now();
      const used = readCpu(cloud.processes());
      bar.stop();

      for (const id of ids) {
        const state = await client.status(id);
        if (state.status === 'completed') continue;
        const late = await client.closed(id, 10);
        if (late.counts?.['upserted'] !== 1) throw new Error(`Batch ${id} ended as ${late.status}.`);
        // Its orchestration had ended without closing it; what closes it later belongs to the time.
        end = performance.now();
      }
      return {
        perSecond: rounded((ids.size * 1_000) / (end - begin)),
        postsPerSecond: rounded((ids.size * 1_000) / (acknowledged - begin)),
        batches: ids.size,
        throttled,
        cpuSecondsPer1000: cpuGrowth(cpu, used, 1_000 / ids.size),
      };
    } finally {
      client.dispose();
      durable.dispose();
      await cloud.dispose();
    }
  },
};

async function post(
  client: HeadwaterClient,
  firstId: number,
  numbers: Iterable<number>,
  done: () => void = () => undefined,
): Promise<{ ids: Set<string>; throttled: number }> {
  const ids = new Set<string>();
  let throttled = 0;
  const source = products({ seed: SEED, count: Number.MAX_SAFE_INTEGER, firstId, intervalMs: 1 });
  await inLanes(LANES, numbers, async () => {
    const next = source.next();
    if (next.done) return;
    const posted = await client.post(`${JSON.stringify(next.value)}\n`);
    ids.add(posted.batchId);
    throttled += posted.throttled;
    done();
  });
  return { ids, throttled };
}
