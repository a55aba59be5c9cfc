import { childrenOf, cpuSecondsOfProcess } from '../../tools/lib/processes';

/** CPU seconds by the name of the process; a process that cannot be asked is missing. */
export type CpuSeconds = ReadonlyMap<string, number>;

/**
 * What each process has used so far, its children as `<name> workers`, and this one as `bench`.
 * Linux only: elsewhere just this one.
 */
export function readCpu(processes: ReadonlyMap<string, number>): CpuSeconds {
  const seconds = new Map<string, number>();
  for (const [name, pid] of processes) {
    try {
      seconds.set(name, cpuSecondsOfProcess(pid));
      const workers = childrenOf(pid).map((child) => cpuSecondsOfProcess(child));
      if (workers.length === 0) continue;
      seconds.set(
        `${name} workers`,
        workers.reduce((sum, one) => sum + one, 0),
      );
    } catch {
      // Gone, or not Linux: nothing is better than something invented.
    }
  }
  const { user, system } = process.cpuUsage();
  return seconds.set('bench', (user + system) / 1e6);
}

/** Growth of each from `before` to `after`, times `factor`. */
export function cpuGrowth(before: CpuSeconds, after: CpuSeconds, factor: number): Record<string, number> {
  const growth: Record<string, number> = {};
  for (const [name, seconds] of after) {
    growth[name] = Number(((seconds - (before.get(name) ?? 0)) * factor).toFixed(2));
  }
  return growth;
}
