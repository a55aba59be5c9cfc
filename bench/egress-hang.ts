import { rounded, scaled, type Bench, type Context } from './lib/bench';
import { headwaterClient } from './lib/headwater-client';
import { closedPerSecond, pacedLoad } from './lib/load';
import { startReceivers } from './lib/receivers';
import { quantile, subscribeAll, waitsOf } from './lib/subscribers';
import { median } from './lib/work';

const HANGING = 20;
/** Runs of each kind, in turn: an odd number has a median. */
const RUNS = 3;
const LOAD = { recordsPerSecond: 100, batchRecords: 10 };
const SECONDS = 10;
const WARM_UP_SECONDS = 4;
const FIRST_ID = 1_000_000;

export const egressHang: Bench = {
  name: 'egress-hang',
  what: `${LOAD.recordsPerSecond} new records a second for ${SECONDS} s in batches of ${LOAD.batchRecords}, posted at fixed moments, to a healthy subscriber: alone, and beside ${HANGING} others that accept every request and never answer; ${RUNS} runs of each in turn, each on a store of its own, after ${WARM_UP_SECONDS} s that do not count. \`p90OfAlone\` is how many times as long as alone it takes beside the others, from the moment at which a change's batch was to be posted to the arrival of the first request about it, at the 90th percentile; \`ingestOfAlone\` the records a second that are closed, held against those alone. Both are the medians' quotients.`,
  measuresNot:
    'how much more can be ingested: the load is fixed, and the same for both. The time-out of requests is the usual one of 15 s, so that those that hang do so for the whole run. All consumers run in one process of their own, and verify no signatures.',
  thresholds: { p90OfAlone: { max: 2 }, ingestOfAlone: { min: 0.9 } },

  async run(context) {
    const alone: Measured[] = [];
    const beside: Measured[] = [];
    const bar = context.progress('egress-hang', 2 * RUNS);
    for (let run = 0; run < RUNS; run++) {
      alone.push(await measure(context, 0));
      bar.add();
      beside.push(await measure(context, HANGING));
      bar.add();
    }
    bar.stop();
    const of = (runs: readonly Measured[], figure: keyof Measured): number =>
      median(runs.map((one) => one[figure]));
    return {
      p90OfAlone: rounded(of(beside, 'p90Ms') / of(alone, 'p90Ms')),
      ingestOfAlone: rounded(of(beside, 'perSecond') / of(alone, 'perSecond')),
      aloneP50Ms: rounded(of(alone, 'p50Ms')),
      aloneP90Ms: rounded(of(alone, 'p90Ms')),
      besideP50Ms: rounded(of(beside, 'p50Ms')),
      besideP90Ms: rounded(of(beside, 'p90Ms')),
      alonePerSecond: rounded(of(alone, 'perSecond')),
      besidePerSecond: rounded(of(beside, 'perSecond')),
      hangingRequests: of(beside, 'hangingRequests'),
    };
  },
};

interface Measured {
  readonly p50Ms: number;
  readonly p90Ms: number;
  /** Records closed a second. */
  readonly perSecond: number;
  /** Requests that were never answered. */
  readonly hangingRequests: number;
}

async function measure(context: Context, hanging: number): Promise<Measured> {
  const others = Array.from({ length: hanging }, () => ({ hang: true }));
  const receivers = await startReceivers([{}, ...others]);
  try {
    const cloud = await context.startCloud('everything');
    const client = headwaterClient(cloud, 16);
    try {
      await subscribeAll(cloud, receivers.urls);
      const warm = await pacedLoad(client, { ...LOAD, seconds: WARM_UP_SECONDS, firstId: 0 });
      const seconds = scaled(SECONDS, context);
      const posted = await pacedLoad(client, { ...LOAD, seconds, firstId: FIRST_ID });
      const perSecond = await closedPerSecond(client, posted);
      const expected = (warm.length + posted.length) * LOAD.batchRecords;
      if (!(await receivers.reached(0, expected))) throw new Error('Deliveries to the healthy one ceased.');
      const waits = waitsOf(posted, await receivers.log(0));
      const [, ...states] = await receivers.states();
      const silent = states.filter(({ received }) => received === 0).length;
      if (silent > 0) throw new Error(`${silent} of ${hanging} that hang were sent nothing.`);
      return {
        p50Ms: quantile(waits, 0.5),
        p90Ms: quantile(waits, 0.9),
        perSecond,
        hangingRequests: states.reduce((sum, { received }) => sum + received, 0),
      };
    } finally {
      client.dispose();
      await cloud.dispose();
    }
  } finally {
    await receivers.dispose();
  }
}
