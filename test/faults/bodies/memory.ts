import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { LocalCloud } from '../../../local/start';
import { APP_DIR } from '../../../tools/lib/app';

/** A process of the cloud. */
export interface CloudProcess {
  readonly name: string;
  readonly pid: number;
}

/** Its memory, bytes. */
export interface MemorySample extends CloudProcess {
  /** What is in use after a garbage collection, in the heap and in buffers. */
  readonly live: number;
  /** Resident: what it takes from the machine, garbage, caches of SQLite and code included. */
  readonly resident: number;
}

const PRELOAD = join(APP_DIR, 'build', 'test', 'faults', 'bodies', 'tell-memory.js');

/** Longest a process may take to collect its garbage and tell, ms. */
const TELLS_WITHIN_MS = 30_000;

/** https://man7.org/linux/man-pages/man5/proc_pid_task.5.html; elsewhere only the services are known, not their workers. */
function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  } catch {
    return [];
  }
}

/** The services and the workers of the Functions host. */
export function processes(cloud: LocalCloud): CloudProcess[] {
  return cloud.children.flatMap(({ name, pid }) => [
    { name, pid },
    ...childrenOf(pid).map((child) => ({ name: `${name} worker`, pid: child })),
  ]);
}

/** Asks processes for their memory, through a module that is preloaded into them. */
export class MemoryProbe {
  private readonly folder = mkdtempSync(join(tmpdir(), 'headwater-memory-'));

  /** What the processes have to be started with. */
  get environment(): Record<string, string> {
    return { NODE_OPTIONS: `--require "${PRELOAD}"`, HEADWATER_MEMORY_DIR: this.folder };
  }

  /** @throws when one of them does not tell */
  sample(cloud: LocalCloud): Promise<MemorySample[]> {
    return Promise.all(processes(cloud).map((one) => this.ask(one)));
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async ask({ name, pid }: CloudProcess): Promise<MemorySample> {
    const file = join(this.folder, String(pid));
    rmSync(file, { force: true });
    process.kill(pid, 'SIGUSR2');
    const end = Date.now() + TELLS_WITHIN_MS;
    while (!existsSync(file)) {
      if (Date.now() > end) throw new Error(`${name} (${pid}) does not tell its memory.`);
      await delay(20);
    }
    const { heapUsed, external, rss } = JSON.parse(readFileSync(file, 'utf8')) as NodeJS.MemoryUsage;
    return { name, pid, live: heapUsed + external, resident: rss };
  }
}

/** How a process's memory moved between warm-up and end, bytes. */
export interface Growth {
  readonly name: string;
  readonly live: Move;
  readonly resident: Move;
}

export interface Move {
  readonly warm: number;
  readonly end: number;
  readonly most: number;
  readonly allowed: number;
}

const MIB = 1024 * 1024;

/**
 * A body has 240 KB on average: of 10,000, kept after the warm-up, 1.9 GB. With 8 MiB one is found that keeps a kilobyte of
 * each. What has a cache may fill it besides, however little of it the warm-up has filled.
 */
const LIVE_ALLOWED = 8 * MIB;

const CACHES: Readonly<Record<string, number>> = {
  // The newest events of four partitions, at most an eighth of TAIL_CACHE_BYTES each (local/eventhubs/limits.ts).
  eventhubs: 32 * MIB,
  // Blobs that are written once (src/clients/blobs.ts), and the records that were parsed from them.
  'functions worker': 64 * MIB,
};

/** The page cache of SQLite, up to 64 MiB in blob and cosmos (`cache_size`), and as much for what a heap keeps of its peaks. */
const RESIDENT_ALLOWED = 128 * MIB;

/** Of the samples after the warm-up the median of the first third and that of the last. */
export function growthOf(samples: readonly (readonly MemorySample[])[], warmUp: number): Growth[] {
  const later = samples.slice(Math.floor(samples.length * warmUp));
  return (later.at(-1) ?? []).map(({ name, pid }) => {
    const own = later.flatMap((sample) => sample.filter((one) => one.pid === pid));
    return {
      name,
      live: moveOf(
        own.map(({ live }) => live),
        LIVE_ALLOWED + (CACHES[name] ?? 0),
      ),
      resident: moveOf(
        own.map(({ resident }) => resident),
        RESIDENT_ALLOWED,
      ),
    };
  });
}

function moveOf(values: readonly number[], allowed: number): Move {
  const third = Math.max(1, Math.floor(values.length / 3));
  return {
    warm: median(values.slice(0, third)),
    end: median(values.slice(-third)),
    most: Math.max(...values),
    allowed,
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** What grew by more than it may. */
export function growthFaults(growth: readonly Growth[]): string[] {
  return growth.flatMap(({ name, live, resident }) =>
    Object.entries({ live, resident })
      .filter(([, { warm, end, allowed }]) => end - warm > allowed)
      .map(([what, { warm, end }]) => `the ${what} memory of ${name} grew from ${mib(warm)} to ${mib(end)}`),
  );
}

export const mib = (bytes: number): string => `${(bytes / MIB).toFixed(1)} MiB`;
