import { readFileSync } from 'node:fs';

/**
 * The most memory (resident, MiB) that any of the processes and their children has had since it started: `VmHWM` of
 * `/proc/<pid>/status` (https://man7.org/linux/man-pages/man5/proc_pid_status.5.html). By name; Linux only: a process
 * that cannot be asked is missing.
 */
export function peakMemory(processes: ReadonlyMap<string, number>): Map<string, number> {
  const peaks = new Map<string, number>();
  const note = (name: string, pid: number): void => {
    const peak = peakOf(readFileSync(`/proc/${pid}/status`, 'utf8'));
    if (peak !== undefined) peaks.set(name, Math.max(peak, peaks.get(name) ?? 0));
  };
  for (const [name, pid] of processes) {
    try {
      note(name, pid);
      const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
      for (const child of children === '' ? [] : children.split(' ')) note(`${name} workers`, Number(child));
    } catch {
      // Gone, or not Linux: nothing is better than something invented.
    }
  }
  return peaks;
}

/** MiB, from the text of a process's status; undefined when it does not say. */
export function peakOf(status: string): number | undefined {
  const match = /^VmHWM:\s+(\d+) kB$/m.exec(status);
  return match ? Math.round(Number(match[1]) / 1024) : undefined;
}

/** `maxRssMiB` and who had how much; null when nobody could tell. */
export function memoryFigures(processes: ReadonlyMap<string, number>): {
  maxRssMiB: number | null;
  rssMiB: Record<string, number>;
} {
  const peaks = peakMemory(processes);
  const maxRssMiB = peaks.size >= processes.size ? Math.max(...peaks.values()) : null;
  return { maxRssMiB, rssMiB: Object.fromEntries(peaks) };
}
