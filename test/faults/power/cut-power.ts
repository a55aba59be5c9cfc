import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import type { Random } from '../../../tools/lib/random';
import { chooseCuts, chooseSurvival } from './cuts';
import type { ImageEntry } from './disk';
import { Promises } from './promises';
import { differences, recordingFolder, STORE, writeImage } from './record';
import { readSteps, Replay, type Step } from './replay';
import type { PowerService } from './service';

/** A file system in memory, which every Linux has. */
const MEMORY = '/dev/shm';

/** A cut after which something was wrong. */
export interface Finding {
  readonly cut: number;
  /** How much of what was not synced was on the disk. */
  readonly survival: string;
  readonly acknowledged: number;
  readonly faults: readonly string[];
}

export interface CutResult {
  readonly steps: number;
  readonly syncs: number;
  readonly acknowledged: number;
  readonly cuts: number;
  readonly findings: readonly Finding[];
}

interface CutOptions {
  readonly cuts: number;
  readonly random: Random;
  /** Syncs that count as not having happened, by path in the disk. */
  readonly ignores: (path: string) => boolean;
}

/** Cuts the power at moments of a recording, and starts the service each time on what is left then. */
export async function cutPower(
  service: PowerService,
  folder: string,
  { cuts: count, random, ignores }: CutOptions,
): Promise<CutResult> {
  const { disk, notes, trace } = recordingFolder(folder);
  const steps = await readSteps(trace, disk, notes);
  await checkRecording(steps, disk);
  const replay = new Replay(steps, disk, (path) => ignores(relative(disk, path)));
  const cuts = chooseCuts(steps, count, random);
  const findings: Finding[] = [];
  for (const cut of cuts) {
    replay.advance(cut);
    const survival = chooseSurvival(random);
    const promises = new Promises(replay.notes);
    const faults = await faultsOf(service, replay.disk.image(survival), promises);
    const { acknowledged } = promises;
    if (faults.length > 0) findings.push({ cut, survival: survival.kind, acknowledged, faults });
  }
  replay.advance(steps.length);
  return {
    steps: steps.length,
    syncs: steps.filter(({ kind }) => kind === 'endSync').length,
    acknowledged: new Promises(replay.notes).acknowledged,
    cuts: cuts.length,
    findings,
  };
}

/** Starts the service on an image. */
async function faultsOf(
  service: PowerService,
  image: readonly ImageEntry[],
  promises: Promises,
): Promise<readonly string[]> {
  // What is written now need not outlive anything.
  const folder = await mkdtemp(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'headwater-power-'));
  try {
    await writeImage(image, folder);
    return await service.check(join(folder, STORE), promises);
  } catch (error) {
    return [`it fails: ${error instanceof Error ? error.message : String(error)}`];
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** @throws when the model comes to another disk than the real one: then a call is missing or misunderstood. */
async function checkRecording(steps: readonly Step[], disk: string): Promise<void> {
  const replay = new Replay(steps, disk);
  replay.advance(steps.length);
  const different = await differences(replay.disk.now(), disk);
  if (different.length > 0) {
    throw new Error(`The recording does not explain what is on the disk: ${different.join(', ')}.`);
  }
}
