import { performance } from 'node:perf_hooks';
import { Verifier, type Accepted } from './accepted';
import { bodyOf, type Body } from './bodies';
import { DOORS, doorOf, type Door } from './doors';
import { tagOf } from './good';
import { growthFaults, growthOf, processes, type Growth, type MemorySample } from './memory';
import { countFaults, finalFaults, probeFaults } from './stores';
import { visit, type Lane } from './visits';
import { startWorld, type World } from './world';

export interface BodiesOptions {
  readonly seed: number;
  readonly count: number;
  /** This body alone. */
  readonly only?: number;
  /** An answer that takes longer (ms) counts as a hang. */
  readonly slowestMs?: number;
  /** Is told of whatever is wrong, at once. */
  readonly onFault?: (fault: string) => void;
  readonly onGroup?: (done: number, samples: readonly MemorySample[]) => void;
  /** Is told of each body and what came of it. */
  readonly onVisit?: (body: Body, door: Door, outcome: string) => void;
}

/** What came of the bodies at one door. */
export interface DoorResult {
  readonly door: string;
  /** How many by the problem's code, or the status. */
  readonly outcomes: ReadonlyMap<string, number>;
  readonly slowest: Slowest;
}

/** The body that was longest without an answer. */
export interface Slowest {
  readonly ms: number;
  readonly number: number;
}

export interface BodiesResult {
  readonly doors: readonly DoorResult[];
  readonly memory: readonly Growth[];
  readonly batches: number;
  readonly documents: number;
  readonly seconds: number;
  /** What is wrong, in words; with the number of the body where it is one. */
  readonly faults: readonly string[];
}

/** Bodies on their way at the same time. */
const LANES = 16;

/** Bodies after which all is looked at. */
const GROUP = 250;

/** What takes longer hangs: on a quiet machine nothing here takes two seconds, on one with ten times the load not twenty. */
const SLOWEST_MS = 30_000;

const WARM_UP = 0.2;

/** Sends hostile bodies to every door, and holds what comes of each against what was sent. */
export async function runBodies(options: BodiesOptions): Promise<BodiesResult> {
  const world = await startWorld();
  try {
    return await new Run(world, options).run();
  } finally {
    await world.dispose();
  }
}

class Run {
  private readonly verifier: Verifier;
  private readonly lanes: Lane[] = Array.from({ length: LANES }, () => ({}));
  private readonly outcomes = new Map(DOORS.map(({ name }) => [name, new Map<string, number>()]));
  private readonly slowest = new Map<string, Slowest>();
  private readonly faults: string[] = [];
  private readonly samples: MemorySample[][] = [];
  private done = 0;

  constructor(
    private readonly world: World,
    private readonly options: BodiesOptions,
  ) {
    this.verifier = new Verifier(world);
  }

  async run(): Promise<BodiesResult> {
    const started = performance.now();
    const { count, only } = this.options;
    const numbers = only === undefined ? Array.from({ length: count }, (_, number) => number) : [only];
    const first = this.pids();
    try {
      for (let at = 0; at < numbers.length; at += GROUP) await this.group(numbers.slice(at, at + GROUP));
      this.add(...(await finalFaults(this.world, this.verifier)));
    } catch (error) {
      // What is checked with good requests alone does not work any more.
      this.add(`The run was given up after ${this.done} bodies: ${causeOf(error)}`);
    }
    const last = this.pids();
    if (first !== last) this.add(`The processes were ${first}, and are ${last}: one has ended.`);
    const memory = growthOf(this.samples, WARM_UP);
    if (only === undefined) this.add(...growthFaults(memory));
    return {
      doors: Array.from(this.outcomes, ([door, outcomes]) => ({
        door,
        outcomes,
        slowest: this.slowest.get(door) ?? { ms: 0, number: 0 },
      })),
      memory,
      batches: this.verifier.batches.size,
      documents: this.verifier.documents.size,
      seconds: (performance.now() - started) / 1000,
      faults: this.faults,
    };
  }

  private pids(): string {
    return processes(this.world.hw.cloud)
      .map(({ name, pid }) => `${name} ${pid}`)
      .join(', ');
  }

  /** Sends some bodies, waits for what was accepted, and counts the stores. */
  private async group(numbers: readonly number[]): Promise<void> {
    const accepted: Accepted[] = [];
    await this.inLanes(numbers, async (number, lane) => {
      const one = await this.visit(number, lane);
      if (one) accepted.push(one);
    });
    await this.inLanes(accepted, async (one) => {
      const { outcome, faults } = await this.verifier
        .batch(one)
        .catch((error: unknown) => ({ outcome: '202', faults: [String(error)] }));
      this.count(one.body, outcome);
      this.report(one.body, faults);
    });
    this.done += numbers.length;
    const [from, to] = [numbers[0] ?? 0, numbers.at(-1) ?? 0];
    const subscriptions = 1 + this.lanes.filter(({ subscription }) => subscription).length;
    const faults = [
      ...(await probeFaults(this.world, this.verifier, from)),
      ...(await countFaults(this.world, this.verifier, subscriptions)),
    ];
    this.add(...faults.map((fault) => `after the bodies ${from} to ${to}: ${fault}`));
    this.samples.push(await this.world.memory.sample(this.world.hw.cloud));
    this.options.onGroup?.(to + 1, this.samples.at(-1) ?? []);
  }

  private async inLanes<T>(items: readonly T[], use: (item: T, lane: Lane) => Promise<void>): Promise<void> {
    const left = items.values();
    await Promise.all(
      this.lanes.map(async (lane) => {
        for (const item of left) await use(item, lane);
      }),
    );
  }

  private async visit(number: number, lane: Lane): Promise<Accepted | undefined> {
    const { seed, slowestMs = SLOWEST_MS } = this.options;
    const door = doorOf(number);
    const body = bodyOf(seed, number, door, tagOf(seed, number));
    try {
      const { outcome, ms, faults, accepted } = await visit(this.world, door, body, lane);
      // What is accepted is counted when it is closed.
      if (!accepted) this.count(body, outcome);
      if (ms > (this.slowest.get(door.name)?.ms ?? 0)) this.slowest.set(door.name, { ms, number });
      this.report(body, faults);
      if (ms > slowestMs) this.report(body, [`The answer took ${Math.round(ms)} ms.`]);
      if (accepted) this.verifier.expect(accepted);
      this.options.onVisit?.(body, door, outcome);
      return accepted;
    } catch (error) {
      this.report(body, [`There was no answer: ${causeOf(error)}`]);
      return undefined;
    }
  }

  private count({ number }: Body, outcome: string): void {
    const outcomes = this.outcomes.get(doorOf(number).name);
    outcomes?.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }

  private add(...faults: readonly string[]): void {
    this.faults.push(...faults);
    for (const fault of faults) this.options.onFault?.(fault);
  }

  private report(body: Body, faults: readonly string[]): void {
    const { seed } = this.options;
    const where = `body ${body.number} (${doorOf(body.number).name}, ${body.kind})`;
    const repeat = `npm run test:bodies -- --seed ${seed} --only ${body.number}`;
    this.add(...faults.map((fault) => `${where}: ${fault}\n    ${repeat}`));
  }
}

function causeOf(error: unknown): string {
  const { message, cause } = error as Error & { cause?: { code?: string; message?: string } };
  return `${message} ${cause?.code ?? cause?.message ?? ''}`.trim();
}
