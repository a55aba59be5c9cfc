import { ndjson, products } from '../tools/lib/products';
import { rounded, scaled, type Bench, type Figures } from './lib/bench';
import type { Cloud, Counters } from './lib/cloud';
import { durableClient } from './lib/durable-client';
import { headwaterClient } from './lib/headwater-client';

const RECORDS = 10_000;
const WARM_UP = 1_000;
const SEED = 10_000;
const POLL_MS = 20;

export const batch: Bench = {
  name: 'batch',
  what: `one NDJSON batch of ${RECORDS} products, all of different keys: records a second from the post to the last verdict, that rate against the rate of \`bare\` in the same run, and what 10,000 records cost. One batch of ${WARM_UP} others went before.`,
  measuresNot:
    'updates (all documents are new), several batches at once, and consumers: nobody has subscribed. A cost that the local cloud cannot tell is null.',
  thresholds: { recordsPerSecond: { min: 3_500 }, ofBare: { min: 0.5 } },

  async run(context) {
    const bare = await context.figuresOf('bare');
    const cloud = await context.startCloud('everything');
    const client = headwaterClient(cloud, 2);
    const count = scaled(RECORDS, context);
    try {
      const body = (firstId: number, amount: number): Buffer =>
        Buffer.from([...ndjson(products({ seed: SEED, count: amount, firstId, intervalMs: 1 }))].join(''));
      await client.closed((await client.post(body(count, scaled(WARM_UP, context)))).batchId, POLL_MS);

      const measured = body(0, count);
      const before = await cloud.counters();
      context.note(`batch: posting ${count} records`);
      const begin = performance.now();
      const { batchId } = await client.post(measured);
      const acknowledged = performance.now();
      const closed = await client.closed(batchId, POLL_MS);
      const end = performance.now();
      if (closed.counts?.['upserted'] !== count) {
        throw new Error(`The batch ended as ${closed.status} with ${JSON.stringify(closed.counts)}.`);
      }
      const recordsPerSecond = (count * 1_000) / (end - begin);
      const ofBare = recordsPerSecond / Number(bare['recordsPerSecond']);
      return {
        recordsPerSecond: rounded(recordsPerSecond),
        ofBare: rounded(ofBare),
        acknowledgedSeconds: rounded((acknowledged - begin) / 1_000),
        records: count,
        ...(await costs(cloud, batchId, count, closed.requestCharge, before)),
      };
    } finally {
      client.dispose();
      await cloud.dispose();
    }
  },
};

/** What the batch took, per 10,000 records; RU per record. */
async function costs(
  cloud: Cloud,
  batchId: string,
  records: number,
  requestCharge: number | undefined,
  before: Counters,
): Promise<Figures> {
  const durable = durableClient(cloud, 1);
  try {
    const { historyEvents = [] } = await durable.status(batchId, { history: true });
    const activities = historyEvents.filter(({ EventType }) => /^Task(Completed|Failed)$/.test(EventType));
    const after = await cloud.counters();
    const grown = (name: keyof Counters): number | null => {
      const [from, to] = [before[name], after[name]];
      return from === null || to === null ? null : per10000(to - from);
    };
    const per10000 = (amount: number): number => Math.round((amount * 10_000) / records);
    return {
      activities: per10000(activities.length),
      historyEventsShown: per10000(historyEvents.length),
      historyRows: grown('historyRows'),
      storageTransactions: grown('storageTransactions'),
      eventHubOperations: grown('eventHubOperations'),
      requestUnitsPerRecord: requestCharge === undefined ? null : rounded(requestCharge / records),
    };
  } finally {
    durable.dispose();
  }
}
