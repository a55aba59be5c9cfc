import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { LoadResult } from '../tools/lib/load/options';
import { generateLoad } from '../tools/lib/load/run';
import { rounded, type Bench, type Context, type Figures } from './lib/bench';
import { cpuGrowth, readCpu } from './lib/cpu';
import { confirmed, highestHeld } from './lib/highest';

const CONNECTIONS = 100;
const HOLD_SECONDS = 60;
/** The search asks quickly, and what it finds has to hold for the whole time. */
const PROBE_SECONDS = 10;
const MAX_P99_MS = 100;
const SEARCH = { start: 500, most: 32_000, tolerance: 0.08 };
const CONFIRM = { step: 0.1, tries: 6 };
/** A probe that misses is repeated: a machine that is busy for a moment must not decide. */
const PROBES = 2;
const WARM_UP = { rate: 300, seconds: 10 };
const SEED = 15;

export const headroom: Bench = {
  name: 'headroom',
  what: `the highest rate at which the records door accepts products, one in each request, for ${HOLD_SECONDS} s with a p99 of at most ${MAX_P99_MS} ms, over ${CONNECTIONS} connections: an open loop at a constant rate, the time counted from the moment at which a record was due. Found by probes of ${PROBE_SECONDS} s, each on a store of its own after a warm-up, of which one in ${PROBES} has to hold, and then held. Beside it what a bare Node server holds under the same load, which reads the body and answers 202: \`ofBare\` is the one as a share of the other.`,
  measuresNot:
    'whether everything behind the door keeps up with it for longer: records that are accepted wait in the hub. The load comes from the same processors, and its share is in both rates.',
  thresholds: {},

  async run(context) {
    const door = await highest(context, 'door', (rate, seconds) => probeDoor(context, rate, seconds));
    const bare = await highest(context, 'bare', probeBare);
    return {
      recordsPerSecond: rounded(door.rate),
      bareRequestsPerSecond: rounded(bare.rate),
      ofBare: bare.rate === 0 ? null : rounded(door.rate / bare.rate),
      ...door.figures,
      bareP99: bare.result?.latency?.p99 ?? null,
      loadCpuMsPerRequest: door.result?.cpuMsPerRequest ?? null,
    };
  },
};

interface Probe {
  readonly result: LoadResult;
  readonly figures: Figures;
}

interface Highest extends Partial<Probe> {
  readonly rate: number;
}

async function highest(
  context: Context,
  name: string,
  probe: (rate: number, seconds: number) => Promise<Probe>,
): Promise<Highest> {
  let last: Probe | undefined;
  const once = async (rate: number, seconds: number): Promise<boolean> => {
    last = await probe(rate, Math.max(1, seconds * context.scale));
    const good = isHeld(last.result);
    const { latency, accepted, due } = last.result;
    context.note(
      `  ${name}: ${rate} a second for ${seconds * context.scale} s: ${accepted} of ${due}, p99 ${latency?.p99 ?? '-'} ms${good ? '' : ', not held'}`,
    );
    return good;
  };
  const holds =
    (seconds: number) =>
    async (rate: number): Promise<boolean> => {
      for (let left = PROBES; left > 0; left--) if (await once(rate, seconds)) return true;
      return false;
    };
  const found = await highestHeld(holds(PROBE_SECONDS), SEARCH);
  const rate = await confirmed(holds(HOLD_SECONDS), found, CONFIRM);
  return { rate, ...(rate > 0 && last ? last : {}) };
}

function isHeld({ accepted, due, latency }: LoadResult): boolean {
  return accepted === due && latency !== null && latency.p99 <= MAX_P99_MS;
}

/** What is not accepted soon after the end was not held anyway, ms. */
const GRACE_MS = 2_000;

function load(to: string, key: string, rate: number, seconds: number): Promise<LoadResult> {
  return generateLoad({
    to,
    key,
    rate,
    dataset: 'products',
    connections: CONNECTIONS,
    duration: seconds,
    seed: SEED,
    ids: 100_000,
    graceMs: GRACE_MS,
  });
}

async function probeDoor(context: Context, rate: number, seconds: number): Promise<Probe> {
  const cloud = await context.startCloud('flex');
  try {
    const { hostUrl, functionKey } = cloud;
    await load(hostUrl, functionKey, WARM_UP.rate, Math.max(1, WARM_UP.seconds * context.scale));
    const cpu = readCpu(cloud.processes());
    const result = await load(hostUrl, functionKey, rate, seconds);
    const used = readCpu(cloud.processes());
    const { p50, p99, p999 } = result.latency ?? { p50: null, p99: null, p999: null };
    return {
      result,
      figures: {
        p50,
        p99,
        p999,
        refused: result.refused,
        cpuMsPerRecord: cpuGrowth(cpu, used, 1_000 / Math.max(1, result.accepted)),
      },
    };
  } finally {
    await cloud.dispose();
  }
}

async function probeBare(rate: number, seconds: number): Promise<Probe> {
  const child = fork(join(__dirname, 'lib', 'bare-door.js'));
  try {
    const [port] = (await once(child, 'message')) as [number];
    const to = `http://127.0.0.1:${port}`;
    await load(to, '', WARM_UP.rate, 1);
    return { result: await load(to, '', rate, seconds), figures: {} };
  } finally {
    const exit = once(child, 'exit');
    child.disconnect();
    await exit;
  }
}
