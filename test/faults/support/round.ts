import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { copyApp } from '../../support/headwater';
import { PluggedCloud, VICTIMS, type Victim } from './plug';
import { random as seeded } from '../../../tools/lib/random';
import { Subscribers } from './subscribers';
import { Verifier } from './verify';
import { makeBatches, postUntilAccepted, READINGS_SCHEMA } from './workload';

export interface RoundResult {
  readonly seed: number;
  readonly victims: readonly Victim[];
  readonly powerLoss: boolean;
  readonly terminated: boolean;
  readonly records: number;
  /** Requests that the two subscribers got, and how many of them were of events taken before. */
  readonly deliveries: number;
  readonly duplicates: number;
  readonly seconds: number;
  /** What does not agree; empty when nothing was lost. */
  readonly faults: readonly string[];
}

const BATCHES = 20;

/**
 * One round: 20 batches in flight, kill -9 of some part at random moments, restart, and in the end nothing may be
 * lost, doubled or misnamed, and two subscribers must have been told everything, in order. Everything random comes from the seed; what the machine adds is timing.
 */
export async function runRound(seed: number, victims?: readonly Victim[]): Promise<RoundResult> {
  const random = seeded(seed);
  const started = performance.now();
  const folder = mkdtempSync(join(tmpdir(), 'headwater-fault-'));
  writeFileSync(join(copyApp(folder), 'schemas', 'readings.json'), JSON.stringify(READINGS_SCHEMA));
  const powerLoss = random.integer(0, 1) === 1;
  const chosen = victims ?? Array.from({ length: 1 + random.integer(0, 2) }, () => random.pick(VICTIMS));
  const terminates = random.integer(0, 3) === 0;
  const cloud = new PluggedCloud(folder, { powerLoss, workers: 1 + random.integer(0, 1) });
  const batches = makeBatches(random, `round ${seed}`, BATCHES);
  const subscribers = new Subscribers(seed);
  try {
    await cloud.start();
    await subscribers.start(cloud.api);
    const posting = Promise.all(
      batches.map(async (batch) => {
        await delay(random.integer(0, 1499));
        await postUntilAccepted(() => cloud.api, batch);
      }),
    );
    // A rejection is looked at below; until then it must not end the process.
    posting.catch(() => undefined);
    for (const victim of chosen) {
      await delay(random.integer(0, 1199));
      await cloud.kill(victim);
      if (victim === 'everything') await cloud.start();
    }
    await posting;
    const victim = batches[random.integer(0, BATCHES - 1)];
    // The link's host is from before a restart; its path and signature are what counts.
    const link = terminates && victim?.accepted ? new URL(victim.accepted.terminatePostUri) : undefined;
    if (link) await cloud.api.request(link.pathname + link.search, { method: 'POST' }).catch(() => undefined);
    await cloud.serves();
    const verifier = new Verifier(cloud.api, cloud.recount);
    for (const batch of batches) await verifier.batch(batch);
    await verifier.stores();
    verifier.faults.push(...(await subscribers.faults(cloud.recount)));
    verifier.faults.push(...(await ledgerFaults(cloud)));
    const stats = [subscribers.well.stats, subscribers.failing.stats];
    const records = batches.reduce((sum, batch) => sum + batch.records.length, 0);
    const seconds = Math.round((performance.now() - started) / 100) / 10;
    return {
      seed,
      victims: chosen,
      powerLoss,
      terminated: terminates,
      records,
      deliveries: stats.reduce((sum, { received }) => sum + received, 0),
      duplicates: stats.reduce((sum, one) => sum + one.duplicates, 0),
      seconds,
      faults: verifier.faults,
    };
  } finally {
    await cloud.stop();
    await subscribers.stop();
    if (!process.env['HEADWATER_KEEP']) rmSync(folder, { recursive: true, force: true });
  }
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
