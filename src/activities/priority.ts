import { cpus } from 'node:os';
import { performance, type EventLoopUtilization } from 'node:perf_hooks';

/** Ingest counts as going on for so long (ms) after its last step. */
const INGEST_MS = 500;

/** Of the time there is: with less in use there is enough for both. */
const USED = 0.7;

/** With less in use while egress holds back there is enough for it, too. */
const USED_WITHOUT = 0.55;

/**
 * How long (ms) the use of time is measured at least; so long, too, egress holds back before it is looked again. While it
 * does, only ingest uses time: where that is little, egress gets most of the rest.
 */
const SAMPLE_MS = 100;

/** While both want the machine, egress may begin something for so long (ms) of each second: it never stands still. */
const WINDOW_MS = 50;
const PERIOD_MS = 1_000;

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

/**
 * Ingest comes first where both want the machine: who may not send has to keep its records, and what a consumer is owed
 * is stored and waits.
 */
export class Priority {
  private ingestAt = -Infinity;
  private sampledAt = -Infinity;
  private holding = false;

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
    else if (now - this.sampledAt >= SAMPLE_MS) {
      const { own, machine } = this.utilization();
      // Who holds back does little, and the machine has less to do: neither alone is a reason to go on.
      this.holding = own > USED || (this.holding ? machine > USED_WITHOUT : machine > USED && own > OWN);
      this.sampledAt = now;
    }
    return this.holding;
  }

  /** When egress may begin something, ms since the epoch; 0: now. */
  heldUntil(): number {
    if (!this.held) return 0;
    const now = this.now();
    const into = now % PERIOD_MS;
    return into < WINDOW_MS ? 0 : now + Math.min(SAMPLE_MS, PERIOD_MS - into);
  }

  /** Resolves when egress may go on. */
  async turn(): Promise<void> {
    for (let until = this.heldUntil(); until > 0; until = this.heldUntil()) {
      const pause = Math.max(1, until - this.now());
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}
