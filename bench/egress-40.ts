import { disagreements } from '../tools/lib/agreement';
import { ndjson, products } from '../tools/lib/products';
import { Recount } from '../tools/lib/recount';
import { newSecret } from '../tools/lib/subscriptions';
import { rounded, scaled, type Bench } from './lib/bench';
import { connectionsOf } from './lib/cloud';
import { headwaterClient, type HeadwaterClient } from './lib/headwater-client';
import { startReceivers } from './lib/receivers';
import { subscribeAll } from './lib/subscribers';

const CHANGES = 2_000;
const FAIL = 0.4;
const SEED = 40;
/** Of so many tries in a row not all fail. */
const ATTEMPTS = 40;
const WAIT_MS = 200;

export const egress40: Bench = {
  name: 'egress-40',
  what: `${CHANGES} changes, half of them new products and half their next versions, posted while the first are still being delivered, to a subscriber that answers 400 to ${FAIL * 100} % of the requests (seed ${SEED}); tries ${WAIT_MS} ms apart, ${ATTEMPTS} at most. \`lost\` are documents of which the consumer does not hold in the end what Cosmos DB holds, \`outOfOrder\` requests with a version below one that came before, \`duplicates\` events that came again after they had been taken. Every signature is verified.`,
  measuresNot:
    'time: the pauses are settings. Versions that a later one replaced before they were taken are told of as superseded, and not lost.',
  thresholds: { lost: { max: 0 }, outOfOrder: { max: 0 }, badSignatures: { max: 0 } },

  async run(context) {
    const secret = newSecret();
    const receivers = await startReceivers([{ fail: FAIL, seed: SEED, secret }]);
    try {
      const cloud = await context.startCloud('everything', {
        HEADWATER_DELIVERY_ATTEMPTS: String(ATTEMPTS),
        HEADWATER_DELIVERY_FIRST_WAIT_MS: String(WAIT_MS),
        HEADWATER_DELIVERY_WAIT_FACTOR: '1',
      });
      const client = headwaterClient(cloud, 2);
      try {
        await subscribeAll(cloud, receivers.urls, secret);
        const count = scaled(CHANGES / 2, context);
        const begin = performance.now();
        for (const revision of [0, 1]) await ingest(client, count, revision);
        await receivers.reached(0, 2 * count);
        const seconds = (performance.now() - begin) / 1_000;
        const held = await receivers.held(0);
        const [state] = await receivers.states();
        const stored = await new Recount(connectionsOf(cloud)).documents();
        return {
          lost: disagreements(stored, held).length,
          outOfOrder: state?.outOfOrder ?? null,
          badSignatures: state?.badSignatures ?? null,
          duplicates: state?.duplicates ?? null,
          changes: 2 * count,
          taken: state?.accepted ?? null,
          refused: state?.refused ?? null,
          seconds: rounded(seconds),
        };
      } finally {
        client.dispose();
        await cloud.dispose();
      }
    } finally {
      await receivers.dispose();
    }
  },
};

/** Posts the products in one revision. @throws when not every record is a new version */
async function ingest(client: HeadwaterClient, count: number, revision: number): Promise<void> {
  // After so many records the ids come again, with the next revision.
  const made = products({
    seed: SEED,
    ids: count,
    firstId: revision * count,
    count,
    from: revision === 0 ? '2026-01-05T06:00:00Z' : '2026-02-05T06:00:00Z',
  });
  const { batchId } = await client.post([...ndjson(made)].join(''));
  const { status, counts } = await client.closed(batchId, 20);
  if (counts?.['upserted'] !== count)
    throw new Error(`The batch ended as ${status} with ${JSON.stringify(counts)}.`);
}
