import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { copyApp } from '../../support/headwater';
import { postUntilAccepted, redrive } from './producer';
import { PluggedCloud, VICTIMS, type Victim } from './plug';
import { random as seeded, type Random } from '../../../tools/lib/random';
import { Subscribers } from './subscribers';
import { Verifier } from './verify';
import { makeBatches, REDRIVES, type RoundBatch } from './workload';

export interface RoundResult {
  readonly seed: number;
  readonly victims: readonly Victim[];
  readonly powerLoss: boolean;
  readonly terminated: boolean;
  readonly batches: number;
  readonly records: number;
  /** Requests that the two subscribers got, and how many of them were of events taken before. */
  readonly deliveries: number;
  readonly duplicates: number;
  readonly seconds: number;
  /** What does not agree; empty when nothing was lost. */
  readonly faults: readonly string[];
}

/**
 * One round: 20 batches of all formats in flight, and re-drives of some, kill -9 of some part at random moments, restart,
 * and in the end nothing may be lost, doubled or misnamed, and two subscribers must have been told everything, in order.
 * Everything random comes from the seed; what the machine adds is timing.
 */
export async function runRound(seed: number, victims?: readonly Victim[]): Promise<RoundResult> {
  const random = seeded(seed);
  const started = performance.now();
  const folder = mkdtempSync(join(tmpdir(), 'headwater-fault-'));
  copyApp(folder);
  const powerLoss = random.integer(0, 1) === 1;
  const chosen = victims ?? Array.from({ length: 1 + random.integer(0, 2) }, () => random.pick(VICTIMS));
  const terminates = random.integer(0, 3) === 0;
  const cloud = new PluggedCloud(folder, { powerLoss, workers: 1 + random.integer(0, 1) });
  const batches = makeBatches(random, `round ${seed}`);
  const subscribers = new Subscribers(seed);
  try {
    await cloud.start();
    await subscribers.start(cloud.api);
    const posting = produce(cloud, batches, random, terminates);
    // A rejection is looked at below; until then it must not end the process.
    posting.catch(() => undefined);
    for (const victim of chosen) {
      await delay(random.integer(0, 2499));
      await cloud.kill(victim);
      if (victim === 'everything') await cloud.start();
    }
    const all = await posting;
    await cloud.serves();
    const faults = [
      ...(await verified(cloud, all)),
      ...(await subscribers.faults(cloud.recount)),
      ...(await ledgerFaults(cloud)),
    ];
    const stats = [subscribers.well.stats, subscribers.failing.stats];
    const seconds = Math.round((performance.now() - started) / 100) / 10;
    return {
      seed,
      victims: chosen,
      powerLoss,
      terminated: terminates,
      batches: all.length,
      records: all.reduce((sum, { sent }) => sum + sent.length, 0),
      deliveries: stats.reduce((sum, { received }) => sum + received, 0),
      duplicates: stats.reduce((sum, one) => sum + one.duplicates, 0),
      seconds,
      faults,
    };
  } finally {
    await cloud.stop();
    await subscribers.stop();
    if (!process.env['HEADWATER_KEEP']) rmSync(folder, { recursive: true, force: true });
  }
}

/** Posts all batches and re-drives; resolves with both when all of them were accepted. */
async function produce(
  cloud: PluggedCloud,
  batches: readonly RoundBatch[],
  random: Random,
  terminates: boolean,
): Promise<RoundBatch[]> {
  const ended = terminates ? random.pick(batches) : undefined;
  const plans = batches.map((_, at) => REDRIVES.filter(({ of }) => of === at));
  const delays = batches.map(() => random.integer(0, 1499));
  const all = await Promise.all(
    batches.map(async (batch, at) => {
      await delay(delays[at]);
      await postUntilAccepted(cloud, batch);
      if (batch === ended) await terminate(cloud, batch);
      const again = await Promise.all((plans[at] ?? []).map((plan) => redrive(cloud, batch, plan)));
      return [batch, ...again.flat()];
    }),
  );
  // What was held back comes again, so that it is all there in the end.
  const left = ended && ended.onInvalid === undefined ? ended : undefined;
  const late = left ? await redrive(cloud, left, { verdict: 'notApplied', repaired: false }) : [];
  return [...all.flat(), ...late];
}

async function terminate({ api }: PluggedCloud, { accepted }: RoundBatch): Promise<void> {
  if (!accepted) return;
  // The link's host is from before a restart; its path and signature are what counts.
  const link = new URL(accepted.terminatePostUri);
  await api.request(link.pathname + link.search, { method: 'POST' }).catch(() => undefined);
}

async function verified({ api, recount }: PluggedCloud, batches: readonly RoundBatch[]): Promise<string[]> {
  const verifier = new Verifier(api, recount);
  for (const batch of batches) await verifier.batch(batch);
  await verifier.stores();
  return verifier.faults;
}

/** The app's own count must say the same as the recount. */
async function ledgerFaults({ api }: PluggedCloud): Promise<string[]> {
  const { balanced, faults, subscriptions } = await api.ledger();
  const told = faults.map((fault) => `ledger: ${JSON.stringify(fault)}`);
  if (balanced !== (faults.length === 0)) told.push(`the ledger is ${balanced ? '' : 'not '}balanced`);
  for (const { id, pending } of subscriptions) {
    const left = pending.due + pending.trying + pending.waiting;
    if (left > 0) told.push(`ledger: ${left} versions are pending for subscription ${id}`);
  }
  return told;
}
