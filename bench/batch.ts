import { RECORDS, RUNS } from './bare';
import { rounded, scaled, type Bench, type Figures } from './lib/bench';
import type { Cloud, Counters } from './lib/cloud';
import { cpuGrowth, readCpu } from './lib/cpu';
import { durableClient } from './lib/durable-client';
import { headwaterClient, type HeadwaterClient } from './lib/headwater-client';
import { productBody } from './lib/product-body';
import { median } from './lib/work';

const POLL_MS = 20;

export const batch: Bench = {
  name: 'batch',
  what: `one NDJSON batch of ${RECORDS} products, all of new keys: records a second from the post to the last verdict, the median of ${RUNS} batches, one after the other, after one that does not count; that rate against the rate of \`bare\` in the same run; and what 10,000 records cost.`,
  measuresNot:
    'updates (all documents are new), several batches at once, and consumers: nobody has subscribed. The end is asked for every 20 ms. A cost that the local cloud cannot tell is a dash.',
  thresholds: { recordsPerSecond: { min: 3_500 }, ofBare: { min: 0.5 } },

  async run(context) {
    const bare = await context.figuresOf('bare');
    const cloud = await context.startCloud('everything');
    const client = headwaterClient(cloud, 2);
    try {
      const count = scaled(RECORDS, context);
      await ingest(client, productBody(0, count), count);

      const bar = context.progress('batch', RUNS);
      const runs: Ingested[] = [];
      const before = await cloud.counters();
      const cpu = readCpu(cloud.processes());
      for (let run = 1; run <= RUNS; run++) {
        runs.push(await ingest(client, productBody(run * count, count), count));
        bar.add();
      }
      const used = readCpu(cloud.processes());
      const after = await cloud.counters();
      bar.stop();

      const rates = runs.map(({ seconds }) => count / seconds);
      const recordsPerSecond = median(rates);
      return {
        recordsPerSecond: rounded(recordsPerSecond),
        ofBare: rounded(recordsPerSecond / Number(bare['recordsPerSecond'])),
        slowest: rounded(Math.min(...rates)),
        fastest: rounded(Math.max(...rates)),
        acknowledgedSeconds: rounded(median(runs.map((one) => one.acknowledgedSeconds))),
        records: count,
        ...(await costs(cloud, runs.at(-1), count)),
        ...growth(before, after, 10_000 / (count * RUNS)),
        cpuSecondsPer10000: cpuGrowth(cpu, used, 10_000 / (count * RUNS)),
      };
    } finally {
      client.dispose();
      await cloud.dispose();
    }
  },
};

interface Ingested {
  readonly batchId: string;
  readonly seconds: number;
  readonly acknowledgedSeconds: number;
  /** RU */
  readonly requestCharge: number | undefined;
}

/** Posts a batch and waits for its end. @throws when not every record is a new version. */
async function ingest(client: HeadwaterClient, body: Buffer, count: number): Promise<Ingested> {
  const begin = performance.now();
  const { batchId } = await client.post(body);
  const acknowledged = performance.now();
  const { status, counts, requestCharge } = await client.closed(batchId, POLL_MS);
  const end = performance.now();
  if (counts?.['upserted'] !== count) {
    throw new Error(`The batch ended as ${status} with ${JSON.stringify(counts)}.`);
  }
  return {
    batchId,
    seconds: (end - begin) / 1_000,
    acknowledgedSeconds: (acknowledged - begin) / 1_000,
    requestCharge,
  };
}

/** What one batch took, told by its orchestration's history and by its own status. */
async function costs(cloud: Cloud, ingested: Ingested | undefined, records: number): Promise<Figures> {
  if (!ingested) return {};
  const durable = durableClient(cloud, 1);
  try {
    const { historyEvents = [] } = await durable.status(ingested.batchId, { history: true });
    const activities = historyEvents.filter(({ EventType }) => /^Task(Completed|Failed)$/.test(EventType));
    const { requestCharge } = ingested;
    return {
      activities: Math.round((activities.length * 10_000) / records),
      historyEventsShown: Math.round((historyEvents.length * 10_000) / records),
      requestUnitsPerRecord: requestCharge === undefined ? null : rounded(requestCharge / records),
    };
  } finally {
    durable.dispose();
  }
}

/** How much each counter has grown, times `factor`. */
function growth(before: Counters, after: Counters, factor: number): Figures {
  const names: (keyof Counters)[] = ['historyRows', 'storageTransactions', 'eventHubOperations'];
  return Object.fromEntries(
    names.map((name) => {
      const [from, to] = [before[name], after[name]];
      return [name, from === null || to === null ? null : Math.round((to - from) * factor)];
    }),
  );
}
