import { readFileSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { childrenOf } from '../processes';

/** What the cloud takes at a moment, by name of the process or store. */
export interface Footprint {
  /** ms since the epoch */
  readonly at: number;
  /** Resident memory, MiB; of several processes together. */
  readonly memory: Readonly<Record<string, number>>;
  /** MiB on disk. */
  readonly disk: Readonly<Record<string, number>>;
}

/** Of a run one wants to see a course, not each second. */
const SAMPLES = 60;
const MIN_EVERY_MS = 5_000;

/** Looks at memory and disk while the load runs. Memory is told on Linux only. */
export class FootprintMeter {
  readonly samples: Footprint[] = [];
  private readonly timer: NodeJS.Timeout;
  private looking: Promise<void> = Promise.resolve();

  /**
   * @param processes those that there are, by name and id
   * @param folder with a folder for each store
   */
  constructor(
    private readonly processes: () => readonly { name: string; pid: number }[],
    private readonly folder: string,
    durationMs: number,
  ) {
    const everyMs = Math.max(MIN_EVERY_MS, durationMs / SAMPLES);
    this.timer = setInterval(() => {
      this.looking = this.looking.then(() => this.look());
    }, everyMs);
  }

  async stop(): Promise<readonly Footprint[]> {
    clearInterval(this.timer);
    await this.looking;
    return this.samples;
  }

  private async look(): Promise<void> {
    const disk: Record<string, number> = {};
    for (const { name } of this.processes()) disk[name] = (await bytesOf(join(this.folder, name))) / 2 ** 20;
    this.samples.push({ at: Date.now(), memory: this.memory(), disk });
  }

  private memory(): Record<string, number> {
    const memory: Record<string, number> = {};
    const note = (name: string, pid: number): void => {
      const used = residentOf(pid);
      if (used !== undefined) memory[name] = (memory[name] ?? 0) + used;
    };
    for (const { name, pid } of this.processes()) {
      note(name, pid);
      for (const child of childrenOf(pid)) note(`${name} workers`, child);
    }
    return memory;
  }
}

/** MiB, from https://man7.org/linux/man-pages/man5/proc_pid_status.5.html; undefined when nobody can tell. */
function residentOf(pid: number): number | undefined {
  try {
    const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return match ? Number(match[1]) / 1024 : undefined;
  } catch {
    return undefined;
  }
}

/** Bytes that a folder takes on disk; what goes while it is looked at counts nothing. */
async function bytesOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => []);
  let bytes = 0;
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const found = await stat(join(entry.parentPath, entry.name)).catch(() => undefined);
    // Blocks of 512 bytes: https://nodejs.org/api/fs.html#statsblocks
    bytes += (found?.blocks ?? 0) * 512;
  }
  return bytes;
}

/** The course of a run: figures of its second quarter beside those of its last. */
export interface Course {
  readonly name: string;
  readonly before: number;
  readonly after: number;
}

/** Fewer samples in a quarter say nothing. */
const MIN_IN_QUARTER = 4;

/** Memory in MiB: the average of the second quarter and of the last, the first being that of the warm-up. */
export function memoryCourse(samples: readonly Footprint[]): Course[] {
  const [, second = [], , last = []] = quarters(samples);
  return namesOf(samples.map(({ memory }) => memory)).map((name) => ({
    name,
    before: average(second.map(({ memory }) => memory[name] ?? 0)),
    after: average(last.map(({ memory }) => memory[name] ?? 0)),
  }));
}

/** Growth of what is on disk in the second quarter and in the last, in bytes a second. */
export function diskCourse(samples: readonly Footprint[]): Course[] {
  const [, second = [], , last = []] = quarters(samples);
  return namesOf(samples.map(({ disk }) => disk)).map((name) => ({
    name,
    before: growth(second, name),
    after: growth(last, name),
  }));
}

function growth(samples: readonly Footprint[], name: string): number {
  const [first, last] = [samples.at(0), samples.at(-1)];
  if (!first || !last || last.at === first.at) return Number.NaN;
  const bytes = ((last.disk[name] ?? 0) - (first.disk[name] ?? 0)) * 2 ** 20;
  return (bytes * 1_000) / (last.at - first.at);
}

/** None where there are too few samples. */
function quarters(samples: readonly Footprint[]): readonly (readonly Footprint[])[] {
  const length = Math.floor(samples.length / 4);
  if (length < MIN_IN_QUARTER) return [];
  return [0, 1, 2, 3].map((quarter) => samples.slice(quarter * length, (quarter + 1) * length));
}

const namesOf = (all: readonly Readonly<Record<string, number>>[]): string[] => [
  ...new Set(all.flatMap((one) => Object.keys(one))),
];

const average = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
