import { build } from 'hdr-histogram-js';
import { rounded, scaled, type Bench } from './lib/bench';
import { durableClient, type DurableClient } from './lib/durable-client';
import { inLanes, pause } from './lib/work';

const INSTANCES = 10_000;
const LANES = 100;
/** Who looks at instances: a few at a time. */
const READERS = 8;
const READS = 4_000;
const PAGE = 100;
const START_EVERY_MS = 5;

export const history: Bench = {
  name: 'history',
  what: `a store with ${INSTANCES} finished instances of four activities each: the status of one of them, asked for ${READS} times over ${READERS} connections (99th percentile); all of them listed in pages of ${PAGE} (99th percentile of a page); and all of them purged by one request with a filter, while others are started one after the other every ${START_EVERY_MS} ms: the longest that a start took, and the longest that a status took meanwhile.`,
  measuresNot:
    'instances with large inputs or long histories. The asking comes from the same machine and takes its share.',
  thresholds: { statusP99Ms: { max: 20 }, list100Ms: { max: 50 }, startStallMs: { max: 200 } },

  async run(context) {
    const cloud = await context.startCloud('engine');
    const client = durableClient(cloud, LANES);
    try {
      const total = scaled(INSTANCES, context);
      const bar = context.progress('history', total);
      await inLanes(LANES, Array(total).keys(), async (at) => {
        await client.start('sequence', `old-${at}`, null);
        bar.add();
      });
      await client.drained(() => true);
      bar.stop();

      const status = recorder();
      await inLanes(READERS, Array(scaled(READS, context)).keys(), async (at) => {
        // Neighbours of the list are not neighbours here.
        const id = `old-${(at * 7_919) % total}`;
        const { runtimeStatus } = await status.time(() => client.status(id));
        if (runtimeStatus !== 'Completed') throw new Error(`${id} is ${runtimeStatus}.`);
      });
      const pages = recorder();
      const listed = await listAll(client, pages);
      if (listed !== total) throw new Error(`Of ${total} instances ${listed} were listed.`);

      const during = await purgeWhileStarting(client, total);
      return {
        statusP99Ms: status.at(99),
        statusP50Ms: status.at(50),
        list100Ms: pages.at(99),
        startStallMs: during.starts.at(100),
        startP50Ms: during.starts.at(50),
        statusStallMs: during.status.at(100),
        purgeSeconds: rounded(during.seconds),
        purged: total,
        started: during.started,
      };
    } finally {
      client.dispose();
      await cloud.dispose();
    }
  },
};

/** Times of requests. */
interface Recorder {
  time<T>(request: () => Promise<T>): Promise<T>;
  /** ms at this percentile; 100 is the longest */
  at(percentile: number): number;
}

function recorder(): Recorder {
  const times = build({ highestTrackableValue: 600_000_000, numberOfSignificantValueDigits: 3 });
  return {
    async time(request) {
      const asked = performance.now();
      const answer = await request();
      times.recordValue(Math.round((performance.now() - asked) * 1_000));
      return answer;
    },
    at: (percentile) =>
      rounded((percentile === 100 ? times.maxValue : times.getValueAtPercentile(percentile)) / 1_000),
  };
}

async function listAll(client: DurableClient, pages: Recorder): Promise<number> {
  const ids = new Set<string>();
  let token = '';
  do {
    const { instances, next } = await pages.time(() => client.list(`top=${PAGE}`, token));
    for (const { instanceId } of instances) ids.add(instanceId);
    token = next;
  } while (token !== '');
  return ids.size;
}

interface Purge {
  readonly seconds: number;
  readonly starts: Recorder;
  readonly status: Recorder;
  readonly started: number;
}

/** @throws when not all were purged, or one that was started meanwhile did not complete */
async function purgeWhileStarting(client: DurableClient, total: number): Promise<Purge> {
  // What is started from now on is not purged.
  await pause(1_100);
  const before = new Date(Math.floor(Date.now() / 1_000) * 1_000).toISOString();
  await pause(1_100);
  const [starts, status] = [recorder(), recorder()];
  let started = 0;
  const until = new AbortController();
  const load = async (): Promise<void> => {
    for (; !until.signal.aborted; started++) {
      const id = `new-${started}`;
      await starts.time(() => client.start('sequence', id, null));
      await status.time(() => client.status(id));
      await pause(START_EVERY_MS);
    }
  };
  const loading = load();
  await pause(500);
  const begin = performance.now();
  const purged = await client.purge(`createdTimeFrom=2000-01-01T00:00:00Z&createdTimeTo=${before}`);
  const seconds = (performance.now() - begin) / 1_000;
  until.abort();
  await loading;
  if (purged !== total) throw new Error(`Of ${total} instances ${purged} were purged.`);
  await client.drained(() => true);
  const completed = await client.count('Completed', '');
  if (completed !== started) throw new Error(`Of ${started} instances ${completed} completed and are there.`);
  return { seconds, starts, status, started };
}
