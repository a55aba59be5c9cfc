import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/* What Linux tells of processes. */

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

/** User and system time so far, seconds. @throws when the process is gone, or nobody can tell */
export const cpuSecondsOfProcess = (pid: number): number =>
  cpuSecondsOf(readFileSync(`/proc/${pid}/stat`, 'utf8'), clockTicks());

/** Ids of the children of a process; none where nobody can tell. */
export function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

let ticks: number | undefined;
function clockTicks(): number {
  ticks ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  return ticks;
}
