import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import type { Random } from '../../../tools/lib/random';
import { chooseCutInSync, chooseCuts, chooseSurvival, tornSurvival } from './cuts';
import type { ImageEntry } from './disk';
import { differences, readImage, writeImage } from './image';
import { type Note, Promises } from './promises';
import { recordingFolder, STORE } from './record';
import { type Recording, readSteps, Replay, SHARED_MEMORY } from './replay';
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

/**
 * Reads the recording in a folder.
 * @throws when the model comes to another disk than the real one: then a call is missing or misunderstood.
 */
export async function loadRecording(folder: string): Promise<Recording> {
  const { disk, notes, trace, before } = recordingFolder(folder);
  const recording: Recording = {
    path: disk,
    steps: await readSteps(trace, disk, notes),
    before: existsSync(before.disk)
      ? {
          image: await readImage(before.disk),
          notes: JSON.parse(await readFile(before.notes, 'utf8')) as Note[],
        }
      : { image: [], notes: [] },
  };
  const replay = new Replay(recording);
  replay.advance(recording.steps.length);
  const real = (await readImage(disk)).filter(({ path }) => !SHARED_MEMORY.test(path));
  const different = differences(replay.disk.now(), real);
  if (different.length > 0) {
    throw new Error(`The recording does not explain what is on the disk: ${different.join(', ')}.`);
  }
  return recording;
}

/** Cuts the power at moments of a recording, and starts the service each time on what is left then. */
export async function cutPower(
  service: PowerService,
  recording: Recording,
  { cuts: count, random, ignores }: CutOptions,
): Promise<CutResult> {
  const { path, steps, before } = recording;
  const replay = new Replay(recording, (synced) => ignores(relative(path, synced)));
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
    acknowledged: acknowledgements(replay.notes) - acknowledgements(before.notes),
    cuts: cuts.length,
    findings,
  };
}

function acknowledgements(notes: readonly Note[]): number {
  return notes.filter((note) => 'done' in note).length;
}

/** Makes a folder for another recording, which begins with what a cut of this one has left. */
export async function prepareAfterCut(recording: Recording, folder: string, random: Random): Promise<void> {
  const replay = new Replay(recording);
  replay.advance(chooseCutInSync(recording.steps, random));
  const image = replay.disk.image(tornSurvival(random));
  const { disk, before } = recordingFolder(folder);
  for (const path of [disk, before.disk]) {
    await mkdir(path, { recursive: true });
    await writeImage(image, path);
  }
  await writeFile(before.notes, JSON.stringify(replay.notes));
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
