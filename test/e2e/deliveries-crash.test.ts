import { readFileSync } from 'node:fs';
import { disagreements } from '../../tools/lib/agreement';
import { land, rowsOf, subscriber, type Subscriber } from '../support/deliveries';
import { headwater, type Headwater } from '../support/headwater';

let hw: Headwater;
let one: Subscriber | undefined;
afterEach(async () => {
  await hw?.dispose();
  await one?.consumer.close();
});

/** The processes that run the app. */
function workers(): number[] {
  const host = hw.cloud.children.find(({ name }) => name === 'functions')?.pid;
  return readFileSync(`/proc/${host}/task/${host}/children`, 'utf8').trim().split(' ').map(Number);
}

test('a worker that is killed in flight: everything is delivered, and what comes twice is the same event', async () => {
  hw = await headwater({
    settings: {
      HEADWATER_DELIVERY_TIMEOUT_MS: '500',
      HEADWATER_DELIVERY_FIRST_WAIT_MS: '50',
      HEADWATER_FEED_POLL_MS: '20',
    },
  });
  const VICTIM = 8;
  let requests = 0;
  one = await subscriber(
    hw,
    {},
    {
      answer: () => {
        requests++;
        if (requests === VICTIM) for (const pid of workers()) process.kill(pid, 'SIGKILL');
        // Some are not answered before the end; the answer of the last one is taken here, and nobody reads it.
        return requests < VICTIM && requests % 2 === 0 ? 'hang' : undefined;
      },
    },
  );
  const { consumer, id } = one;
  const records = Array.from({ length: 40 }, (_, at) => ({ path: `crash/${at}`, size: at }));
  await land(hw, ...records);
  await consumer.until(
    () => consumer.holdings.documents().length === records.length && consumer.stats.duplicates > 0,
  );

  expect(disagreements(await hw.recount.documents(), consumer.holdings.all())).toEqual([]);
  expect(consumer.stats).toMatchObject({ outOfOrder: 0, badSignatures: 0 });
  for (const entries of Map.groupBy(consumer.log, ({ subject }) => subject).values())
    expect(new Set(entries.map((entry) => entry.id)).size).toBe(1);
  const rows = await rowsOf(hw, id);
  expect(rows).toHaveLength(records.length);
});
