import { generateLoad } from '../tools/lib/load/run';
import { rounded, type Bench } from './lib/bench';
import { cpuGrowth, readCpu } from './lib/cpu';

const RATE = 1_500;
const SECONDS = 20;
const WARM_UP_SECONDS = 20;
const CONNECTIONS = 100;
const SEED = 60;
const IDS = 100_000;

/** What makes batches of the records, and looks after it. */
const LANDING = ['recordsArrived', 'sweepIngress'];

export const accept: Bench = {
  name: 'accept',
  what: `the records door alone: ${RATE} requests a second with one product each over ${CONNECTIONS} connections, for ${SECONDS} s after ${WARM_UP_SECONDS} s that do not count, while nothing makes batches of what it accepts: CPU milliseconds a request, of all processes together and of each, and how long a request took from the moment at which it was due.`,
  measuresNot:
    'the landing of the records, which is turned off, and the generator of the load, which has its own process here.',
  thresholds: { cpuMsPerRequest: { max: 0.6 } },

  async run(context) {
    const settings = Object.fromEntries(LANDING.map((name) => [`AzureWebJobs.${name}.Disabled`, 'true']));
    const cloud = await context.startCloud('flex', settings);
    try {
      const load = (duration: number, seed: number) =>
        generateLoad({
          to: cloud.hostUrl,
          key: cloud.functionKey,
          dataset: 'products',
          rate: RATE,
          connections: CONNECTIONS,
          ids: IDS,
          duration,
          seed,
        });
      const seconds = Math.max(1, Math.round(SECONDS * context.scale));
      await load(Math.max(1, Math.round(WARM_UP_SECONDS * context.scale)), SEED);
      const before = readCpu(cloud.processes());
      const result = await load(seconds, SEED + 1);
      const { bench: generator = 0, ...cpu } = cpuGrowth(
        before,
        readCpu(cloud.processes()),
        1_000 / (RATE * seconds),
      );
      if (result.accepted !== RATE * seconds)
        throw new Error(`${result.accepted} of ${RATE * seconds} requests were accepted.`);
      return {
        cpuMsPerRequest: rounded(Object.values(cpu).reduce((sum, one) => sum + one, 0)),
        cpuMs: cpu,
        generatorMs: generator,
        p50Ms: result.latency?.p50 ?? null,
        p99Ms: result.latency?.p99 ?? null,
      };
    } finally {
      await cloud.dispose();
    }
  },
};
