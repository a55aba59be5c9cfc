import { rounded, scaled, type Bench } from './lib/bench';
import { durableClient, type DurableClient } from './lib/durable-client';
import { median, until } from './lib/work';

const WIDTH = 1_000;
const RUNS = 5;
const POLL_MS = 3;

export const fanout: Bench = {
  name: 'fanout',
  what: `one instance that calls ${WIDTH} activities at once, each doing nothing: seconds from its start request to the first answer that calls it completed, asked every ${POLL_MS} ms; the median of ${RUNS} runs after one that does not count.`,
  measuresNot:
    'activities that do something, or return more than a number. The asking takes its share of the host.',
  thresholds: { seconds: { max: 0.4 } },

  async run(context) {
    const cloud = await context.startCloud('engine');
    const client = durableClient(cloud, 2);
    try {
      const width = scaled(WIDTH, context);
      await once(client, 'warm', width);
      const bar = context.progress('fanout', RUNS);
      const runs: number[] = [];
      for (let run = 0; run < RUNS; run++) {
        runs.push(await once(client, `run-${run}`, width));
        bar.add();
      }
      bar.stop();
      return {
        seconds: rounded(median(runs)),
        fastest: rounded(Math.min(...runs)),
        slowest: rounded(Math.max(...runs)),
        activities: width,
      };
    } finally {
      client.dispose();
      await cloud.dispose();
    }
  },
};

/** Seconds that one run takes. @throws when its result is wrong. */
async function once(client: DurableClient, instanceId: string, width: number): Promise<number> {
  const begin = performance.now();
  await client.start('fanout', instanceId, width);
  const end = await until('The end of the fan-out', POLL_MS, 120_000, async () => {
    const status = await client.status(instanceId);
    return ['Pending', 'Running'].includes(status.runtimeStatus) ? undefined : status;
  });
  const seconds = (performance.now() - begin) / 1_000;
  if (end.runtimeStatus !== 'Completed' || end.output !== width) {
    throw new Error(`The fan-out ended as ${end.runtimeStatus} with ${JSON.stringify(end.output)}.`);
  }
  return seconds;
}
