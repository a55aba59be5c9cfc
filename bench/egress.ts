import { rounded, scaled, type Bench, type Context, type Figures } from './lib/bench';
import type { Cloud } from './lib/cloud';
import { cpuGrowth, readCpu } from './lib/cpu';
import { headwaterClient } from './lib/headwater-client';
import { closedPerSecond, pacedLoad } from './lib/load';
import { productBody } from './lib/product-body';
import { startReceivers, type Receivers } from './lib/receivers';
import { quantile, subscribeAll, waitsOf } from './lib/subscribers';

const CHANGES = 10_000;
const SUBSCRIBERS = 3;
/** V8 compiles while the first are delivered. */
const WARM_UP = 1_000;

const LOAD = { recordsPerSecond: 500, batchRecords: 50 };
const LOAD_SECONDS = 20;
const LOAD_WARM_UP_SECONDS = 4;
/** Where the keys of the measured load begin. */
const LOAD_FIRST_ID = 1_000_000;

export const egress: Bench = {
  name: 'egress',
  what: `first a burst: one batch of ${CHANGES} new products to ${SUBSCRIBERS} healthy subscribers, deliveries a second from the post of the batch, whose ingestion is part of the time, to the arrival of the last one; \`ingestSeconds\` is the part until the batch is closed. Then, on a store of its own, ${LOAD.recordsPerSecond} new records a second for ${LOAD_SECONDS} s in batches of ${LOAD.batchRecords}, posted at fixed moments, to one healthy subscriber: \`p50Ms\`, \`p90Ms\` and \`maxMs\` are the time from the moment at which a change's batch was to be posted to the arrival of the first request about it. So they hold all of the way: reception, archive, validation, hub, the write of the document, change feed, delivery.`,
  measuresNot:
    'updates, filters, receivers elsewhere than on this machine, TLS. The consumers run in one process of their own, read every event and keep what it says, and answer at once; they do not verify signatures, which their sender makes all the same.',
  thresholds: { deliveriesPerSecond: { min: 800 }, p50Ms: { max: 1_200 }, p90Ms: { max: 3_000 } },

  async run(context) {
    return { ...(await burst(context)), ...(await load(context)) };
  },
};

/** Runs on an empty store with so many healthy subscribers. */
async function withSubscribers<T>(
  context: Context,
  count: number,
  work: (cloud: Cloud, receivers: Receivers) => Promise<T>,
): Promise<T> {
  const receivers = await startReceivers(Array.from({ length: count }, () => ({})));
  try {
    const cloud = await context.startCloud('everything');
    try {
      await subscribeAll(cloud, receivers.urls);
      return await work(cloud, receivers);
    } finally {
      await cloud.dispose();
    }
  } finally {
    await receivers.dispose();
  }
}

/** Waits until every subscriber holds so many documents. @throws when deliveries cease before */
async function allHold(receivers: Receivers, documents: number): Promise<void> {
  for (const which of receivers.urls.keys()) {
    if (!(await receivers.reached(which, documents)))
      throw new Error(`Deliveries ceased: ${JSON.stringify(await receivers.states())}`);
  }
  for (const state of await receivers.states()) {
    if (state.refused + state.duplicates + state.outOfOrder + state.malformed > 0)
      throw new Error(`A healthy subscriber saw ${JSON.stringify(state)}.`);
  }
}

function burst(context: Context): Promise<Figures> {
  return withSubscribers(context, SUBSCRIBERS, async (cloud, receivers) => {
    const client = headwaterClient(cloud, 2);
    try {
      const [warm, count] = [scaled(WARM_UP, context), scaled(CHANGES, context)];
      await client.post(productBody(0, warm));
      await allHold(receivers, warm);
      const body = productBody(warm, count);
      const cpu = readCpu(new Map([...cloud.processes(), ['consumers', receivers.pid]]));
      const begin = performance.timeOrigin + performance.now();
      const { batchId } = await client.post(body);
      await allHold(receivers, warm + count);
      const used = readCpu(new Map([...cloud.processes(), ['consumers', receivers.pid]]));
      const logs = await Promise.all(Array.from(receivers.urls.keys(), (which) => receivers.log(which)));
      const end = Math.max(...logs.map((log) => log.at(-1)?.at ?? Number.NaN));
      const { completedAt } = await client.status(batchId);
      const deliveries = count * SUBSCRIBERS;
      return {
        deliveriesPerSecond: rounded((deliveries * 1_000) / (end - begin)),
        seconds: rounded((end - begin) / 1_000),
        ingestSeconds: rounded((Date.parse(completedAt ?? '') - begin) / 1_000),
        deliveries,
        cpuSecondsPer10000: cpuGrowth(cpu, used, 10_000 / deliveries),
      };
    } finally {
      client.dispose();
    }
  });
}

function load(context: Context): Promise<Figures> {
  return withSubscribers(context, 1, async (cloud, receivers) => {
    const client = headwaterClient(cloud, 16);
    try {
      const warm = await pacedLoad(client, { ...LOAD, seconds: LOAD_WARM_UP_SECONDS, firstId: 0 });
      const before = warm.length * LOAD.batchRecords;
      await allHold(receivers, before);
      const cpu = readCpu(new Map([...cloud.processes(), ['consumers', receivers.pid]]));
      const posted = await pacedLoad(client, {
        ...LOAD,
        seconds: LOAD_SECONDS * Math.min(1, context.scale),
        firstId: LOAD_FIRST_ID,
      });
      const ingested = await closedPerSecond(client, posted);
      await allHold(receivers, before + posted.length * LOAD.batchRecords);
      const used = readCpu(new Map([...cloud.processes(), ['consumers', receivers.pid]]));
      const waits = waitsOf(posted, await receivers.log(0));
      return {
        p50Ms: rounded(quantile(waits, 0.5)),
        p90Ms: rounded(quantile(waits, 0.9)),
        maxMs: rounded(quantile(waits, 1)),
        closedPerSecond: rounded(ingested),
        cpuSecondsUnderLoad: cpuGrowth(cpu, used, 1),
        throttled: posted.reduce((sum, { throttled }) => sum + throttled, 0),
      };
    } finally {
      client.dispose();
    }
  });
}
