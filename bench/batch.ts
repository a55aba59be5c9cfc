import { openBareRunner, RECORDS, RUNS } from './bare';
import { rounded, scaled, type Bench, type Figures } from './lib/bench';
import type { Cloud } from './lib/cloud';
import { costFigure, costOf, growthPerChunk } from './lib/cost';
import { cpuGrowth, readCpu } from './lib/cpu';
import { durableClient } from './lib/durable-client';
import { headwaterClient, type HeadwaterClient } from './lib/headwater-client';
import { productBody } from './lib/product-body';
import { median } from './lib/work';

const POLL_MS = 20;

/** Batches whose cost is told: a chunk that is a tenth full, a full one, ten or so. */
const COST_RECORDS = { few: 100, one: 1_000, ten: 10_000 };
/** Where their keys begin: no timed run, at whatever scale, comes that far. */
const COST_FIRST_ID = 50_000_000;

export const batch: Bench = {
  name: 'batch',
  what: `one NDJSON batch of ${RECORDS} products, all of new keys: records a second from the post to the last verdict, the median of ${RUNS} batches, one after the other, after one that does not count; \`ofBare\`, each of these batches against a run of \`bare\` that came right before it, the median; and what a batch of ${COST_RECORDS.ten} records costs, as the services count it, beside one of ${COST_RECORDS.one} and one of ${COST_RECORDS.few}. \`fullerChunk\` is how many times as much a chunk of ${COST_RECORDS.one} records costs as one of ${COST_RECORDS.few}, \`moreChunks\` a chunk of the large batch as that of the middle one: each for what has grown most of activities, rows of history, storage transactions and sends to the hub.`,
  measuresNot:
    'updates (all documents are new), several batches at once, and consumers: nobody has subscribed. The end is asked for every 20 ms. Costs leave out the questions after the end, and what the platform itself does to storage for Durable Functions; request units are those of the local endpoint, which estimates some.',
  thresholds: {
    recordsPerSecond: { min: 4_500 },
    ofBare: { min: 0.6 },
    fullerChunk: { max: 1 },
    moreChunks: { max: 1 },
  },

  async run(context) {
    const bare = await openBareRunner(context);
    const cloud = await context.startCloud('everything');
    const client = headwaterClient(cloud, 2);
    try {
      const count = scaled(RECORDS, context);
      await ingest(client, productBody(0, count), count);

      const bar = context.progress('batch', RUNS);
      const runs: Ingested[] = [];
      const ofBare: number[] = [];
      const cpu = readCpu(cloud.processes());
      for (let run = 1; run <= RUNS; run++) {
        // Pairs: the machine's speed changes within a minute.
        const bareRate = await bare.rateOf(run);
        const ingested = await ingest(client, productBody(run * count, count), count);
        runs.push(ingested);
        ofBare.push(count / ingested.seconds / bareRate);
        bar.add();
      }
      const used = readCpu(cloud.processes());
      bar.stop();

      await bare.check(RUNS);
      const rates = runs.map(({ seconds }) => count / seconds);
      const recordsPerSecond = median(rates);
      return {
        recordsPerSecond: rounded(recordsPerSecond),
        ofBare: rounded(median(ofBare)),
        slowest: rounded(Math.min(...rates)),
        fastest: rounded(Math.max(...rates)),
        acknowledgedSeconds: rounded(median(runs.map((one) => one.acknowledgedSeconds))),
        records: count,
        cpuSecondsPer10000: withoutBench(cpuGrowth(cpu, used, 10_000 / (count * RUNS))),
        ...(await costs(cloud, client)),
      };
    } finally {
      client.dispose();
      await cloud.dispose();
      await bare.dispose();
    }
  },
};

/** The CPU of this process went into the other half of the pairs. */
const withoutBench = (cpu: Record<string, number>): Record<string, number> =>
  Object.fromEntries(Object.entries(cpu).filter(([name]) => name !== 'bench'));

interface Ingested {
  readonly seconds: number;
  readonly acknowledgedSeconds: number;
}

/** Posts a batch and waits for its end. @throws when not every record is a new version. */
async function ingest(client: HeadwaterClient, body: Buffer, count: number): Promise<Ingested> {
  const begin = performance.now();
  const { batchId } = await client.post(body);
  const acknowledged = performance.now();
  const { status, counts } = await client.closed(batchId, POLL_MS);
  const end = performance.now();
  if (counts?.['upserted'] !== count) {
    throw new Error(`The batch ended as ${status} with ${JSON.stringify(counts)}.`);
  }
  return { seconds: (end - begin) / 1_000, acknowledgedSeconds: (acknowledged - begin) / 1_000 };
}

/** What batches of three sizes cost, on a store that has seen others. */
async function costs(cloud: Cloud, client: HeadwaterClient): Promise<Figures> {
  const durable = durableClient(cloud, 1);
  let firstId = COST_FIRST_ID;
  const cost = (records: number) => {
    const body = productBody(firstId, records);
    firstId += records;
    return costOf({ cloud, client, durable }, body, records);
  };
  try {
    const few = await cost(COST_RECORDS.few);
    const one = await cost(COST_RECORDS.one);
    const ten = await cost(COST_RECORDS.ten);
    return {
      activities: ten.activities,
      historyEvents: ten.historyEvents,
      storageTransactions: ten.storageTransactions,
      eventHubOperations: ten.eventHubOperations,
      cosmosRequests: ten.cosmosRequests,
      requestUnitsPerRecord: ten.requestUnits === null ? null : rounded(ten.requestUnits / COST_RECORDS.ten),
      chunks: ten.chunks,
      fullerChunk: growthPerChunk(few, one),
      moreChunks: growthPerChunk(one, ten),
      [`costOf${COST_RECORDS.few}`]: costFigure(few),
      [`costOf${COST_RECORDS.one}`]: costFigure(one),
    };
  } finally {
    durable.dispose();
  }
}
