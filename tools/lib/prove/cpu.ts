import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const SAMPLE_MS = 500;

/**
 * The processor time of processes by name, also of those that are killed meanwhile: they are looked at now and then, and the
 * last that was seen of each counts. Linux only; elsewhere there are no figures.
 */
export class CpuMeter {
  private readonly seen = new Map<number, { name: string; first: number; last: number }>();
  private readonly timer = setInterval(() => this.sample(), SAMPLE_MS);
  private readonly begin = process.cpuUsage();

  /** @param processes those that there are, by name and id */
  constructor(private readonly processes: () => readonly { name: string; pid: number }[]) {
    this.sample(true);
  }

  /** Seconds since the beginning, user and system; `proof` is this process. */
  stop(): Record<string, number> {
    clearInterval(this.timer);
    this.sample();
    const sums: Record<string, number> = {};
    for (const { name, first, last } of this.seen.values()) sums[name] = (sums[name] ?? 0) + last - first;
    const { user, system } = process.cpuUsage(this.begin);
    return { ...sums, proof: (user + system) / 1e6 };
  }

  /** @param isFirst what they have used so far does not count */
  private sample(isFirst = false): void {
    for (const { name, pid } of this.processes()) {
      this.look(name, pid, isFirst);
      for (const child of childrenOf(pid)) this.look(`${name} workers`, child, isFirst);
    }
  }

  private look(name: string, pid: number, isFirst: boolean): void {
    const seconds = secondsOf(pid);
    if (seconds === undefined) return;
    const known = this.seen.get(pid);
    if (known) known.last = seconds;
    else this.seen.set(pid, { name, first: isFirst ? seconds : 0, last: seconds });
  }
}

/** Ids of the children of a process; none where nobody can tell. */
export function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** User and system time (https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html, fields 14 and 15). */
function secondsOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in brackets and may itself hold brackets and blanks.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / clockTicks();
  } catch {
    return undefined;
  }
}

let ticks: number | undefined;
function clockTicks(): number {
  ticks ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  return ticks;
}
