import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** CPU seconds by the name of the process; a process that cannot be asked is missing. */
export type CpuSeconds = ReadonlyMap<string, number>;

/**
 * CPU seconds, user and system, from the text of `/proc/<pid>/stat`
 * (https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html, fields 14 and 15).
 */
export function cpuSecondsOf(stat: string, ticksPerSecond: number): number {
  // The second field is the program's name in brackets and may itself hold brackets and blanks.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user, system] = [Number(fields[11]), Number(fields[12])];
  return (user + system) / ticksPerSecond;
}

/**
 * What each process has used so far, its children as `<name> workers`, and this one as `bench`.
 * Linux only: elsewhere just this one.
 */
export function readCpu(processes: ReadonlyMap<string, number>): CpuSeconds {
  const seconds = new Map<string, number>();
  for (const [name, pid] of processes) {
    try {
      seconds.set(name, cpuSecondsOfProcess(pid));
      const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
      if (children === '') continue;
      const workers = children.split(' ').map((child) => cpuSecondsOfProcess(Number(child)));
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

const cpuSecondsOfProcess = (pid: number): number =>
  cpuSecondsOf(readFileSync(`/proc/${pid}/stat`, 'utf8'), clockTicks());

let ticks: number | undefined;
function clockTicks(): number {
  ticks ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  return ticks;
}
