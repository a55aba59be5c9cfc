import { cpus } from 'node:os';
import { performance, type EventLoopUtilization } from 'node:perf_hooks';

/** Ingest counts as going on for so long (ms) after its last step. */
const INGEST_MS = 500;

/** Of the time there is: with less in use there is enough for both. */
const USED = 0.7;

/** With less in use while egress holds back there is enough for it, too. */
const USED_WITHOUT = 0.55;
/** With so much in use while egress holds back nothing is left for it but its least. */
const USED_UP = 0.8;

/**
 * How long (ms) the use of time is measured at least; so long, too, egress holds back before it is looked again. While it
 * does, only ingest uses time: where that is little, egress gets most of the rest.
 */
const SAMPLE_MS = 100;

const PERIOD_MS = 1_000;
/** While both want the machine, egress may begin something for so long (ms) of each second at least: it never stands still. */
const LEAST_MS = 50;
/** And so long at most: in the rest is measured what ingest uses alone. */
const MOST_MS = 750;

/** How much the newest sample counts: a tenth of a second alone says little. */
const SMOOTHING = 0.2;

/** A process that uses less of its time than that is not what ingest waits for, however busy the machine is. */
const OWN = 0.1;

/** Shares of the time since they were asked for last. */
export interface Utilization {
  /** in which this process was busy */
  readonly own: number;
  /** in which the processors of the machine were */
  readonly machine: number;
}

function measured(): () => Utilization {
  let loop: EventLoopUtilization | undefined;
  let machine = machineTimes();
  return () => {
    const [nextLoop, nextMachine] = [performance.eventLoopUtilization(), machineTimes()];
    const { utilization: own } = performance.eventLoopUtilization(nextLoop, loop);
    const all = nextMachine.all - machine.all;
    const busy = all > 0 ? 1 - (nextMachine.idle - machine.idle) / all : 0;
    [loop, machine] = [nextLoop, nextMachine];
    return { own, machine: busy };
  };
}

/** ms since the start of the machine, of all processors together */
function machineTimes(): { idle: number; all: number } {
  let [idle, all] = [0, 0];
  for (const { times } of cpus()) {
    idle += times.idle;
    all += times.user + times.nice + times.sys + times.idle + times.irq;
  }
  return { idle, all };
}

/** The more is in use, the less of each second is left: a slow machine shares, a full one does not. */
function windowOf(used: number): number {
  const left = (USED_UP - used) / (USED_UP - USED_WITHOUT);
  return Math.max(LEAST_MS, Math.min(MOST_MS, left * PERIOD_MS));
}

/**
 * Ingest comes first where both want the machine: who may not send has to keep its records, and what a consumer is owed
 * is stored and waits.
 */
export class Priority {
  private ingestAt = -Infinity;
  private sampledAt = -Infinity;
  private holding = false;
  /** The share of the machine that ingest uses alone, smoothed; measured while egress holds back. */
  private used = 1;
  /** For so long (ms) of each second egress may begin something then. */
  private windowMs = LEAST_MS;
  /** Egress went on since the use of time was measured last: what was used since says nothing of ingest. */
  private isMixed = false;

  constructor(
    private readonly now: () => number = Date.now,
    private readonly utilization: () => Utilization = measured(),
  ) {}

  /** A step of ingest was done. */
  note(): void {
    this.ingestAt = this.now();
  }

  /** Whether egress holds back at present. */
  get held(): boolean {
    const now = this.now();
    if (now - this.ingestAt > INGEST_MS) this.holding = false;
    else if (this.holding && now % PERIOD_MS < this.windowMs) this.isMixed = true;
    else if (this.isMixed || now - this.sampledAt >= SAMPLE_MS) this.sample(now);
    return this.holding;
  }

  private sample(now: number): void {
    const { own, machine } = this.utilization();
    this.sampledAt = now;
    if (!this.holding) {
      this.holding = own > USED || (machine > USED && own > OWN);
      this.used = 1;
      this.windowMs = LEAST_MS;
    } else if (!this.isMixed) {
      // Who holds back does little, and the machine has less to do: neither alone is a reason to go on.
      this.used += SMOOTHING * ((own > USED ? 1 : machine) - this.used);
      this.holding = this.used > USED_WITHOUT;
      this.windowMs = windowOf(this.used);
    }
    this.isMixed = false;
  }

  /** When egress may begin something, ms since the epoch; 0: now. */
  heldUntil(): number {
    if (!this.held) return 0;
    const now = this.now();
    const into = now % PERIOD_MS;
    return into < this.windowMs ? 0 : now + Math.min(SAMPLE_MS, PERIOD_MS - into);
  }

  /** Resolves when egress may go on. */
  async turn(): Promise<void> {
    for (let until = this.heldUntil(); until > 0; until = this.heldUntil()) {
      const pause = Math.max(1, until - this.now());
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}
