import { childrenOf, cpuSecondsOfProcess } from '../processes';

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

function secondsOf(pid: number): number | undefined {
  try {
    return cpuSecondsOfProcess(pid);
  } catch {
    return undefined;
  }
}
