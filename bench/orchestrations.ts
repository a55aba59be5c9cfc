import { build } from 'hdr-histogram-js';
import { rounded, scaled, type Bench } from './lib/bench';
import { cpuGrowth, readCpu } from './lib/cpu';
import { durableClient } from './lib/durable-client';
import { amount, inLanes } from './lib/work';

const INSTANCES = 2_000;
/** V8 takes about so many to compile what the engine runs for each. */
const WARM_UP = 2_000;
const LANES = 100;

export const orchestrations: Bench = {
  name: 'orchestrations',
  what: `${INSTANCES} instances of four activities, one after the other, each doing nothing, started ${LANES} at a time through the Durable HTTP API: instances a second from the first start request to the last completed instance, and how long a start takes to be acknowledged. The engine has run ${WARM_UP} others before.`,
  measuresNot:
    'the app: no starter of ours, no blob, hub or database is touched. The load comes from the same machine and takes its share of the processors. The end is asked for every 10 ms.',
  thresholds: { perSecond: { min: 1_000 }, ackP99Ms: { max: 60 } },

  async run(context) {
    const cloud = await context.startCloud('engine');
    const client = durableClient(cloud, LANES);
    try {
      const warmUp = scaled(WARM_UP, context);
      await inLanes(LANES, amount(warmUp, undefined), (at) => client.start('sequence', `warm-${at}`, null));
      await client.drained(() => true);

      const total = scaled(INSTANCES, context);
      const bar = context.progress('orchestrations', total);
      const acks = build({ highestTrackableValue: 600_000_000, numberOfSignificantValueDigits: 3 });
      const cpu = readCpu(cloud.processes());
      const begin = performance.now();
      await inLanes(LANES, amount(total, context.seconds), async (at) => {
        const asked = performance.now();
        await client.start('sequence', `run-${at}`, null);
        acks.recordValue(Math.round((performance.now() - asked) * 1_000));
        bar.add();
      });
      const acknowledged = performance.now();
      await client.drained(() => true);
      const seconds = (performance.now() - begin) / 1_000;
      const used = readCpu(cloud.processes());
      bar.stop();

      const started = acks.totalCount;
      const completed = await client.count('Completed', 'run-');
      if (completed !== started) throw new Error(`Of ${started} instances only ${completed} completed.`);
      return {
        perSecond: rounded(started / seconds),
        ackP99Ms: rounded(acks.getValueAtPercentile(99) / 1_000),
        ackP50Ms: rounded(acks.getValueAtPercentile(50) / 1_000),
        startsPerSecond: rounded((started * 1_000) / (acknowledged - begin)),
        instances: started,
        cpuSecondsPer1000: cpuGrowth(cpu, used, 1_000 / started),
      };
    } finally {
      client.dispose();
      await cloud.dispose();
    }
  },
};
