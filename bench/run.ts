import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArguments, type Arguments } from './lib/arguments';
import { missed, type Bench, type Context, type Figures } from './lib/bench';
import { startCloud } from './lib/cloud';
import { progress } from './lib/progress';
import { record, settingOf } from './lib/results';
import { accept } from './accept';
import { bare } from './bare';
import { batch } from './batch';
import { batches } from './batches';
import { big } from './big';
import { csv } from './csv';
import { egress } from './egress';
import { egress40 } from './egress-40';
import { egressHang } from './egress-hang';
import { endpoints } from './endpoints';
import { fanout } from './fanout';
import { headroom } from './headroom';
import { history } from './history';
import { media } from './media';
import { orchestrations } from './orchestrations';
import { start } from './start';

const BENCHES: readonly Bench[] = [
  orchestrations,
  fanout,
  history,
  bare,
  batch,
  batches,
  big,
  csv,
  media,
  egress,
  egress40,
  egressHang,
  accept,
  headroom,
  endpoints,
  start,
];
const USAGE = `npm run bench -- <name>…|all [--scale <n>] [--seconds <n>] [--record]
  --scale    so many times the work (0.1 for a quick look); thresholds are meant for 1
  --seconds  orchestrations, batches: start for so long, instead of so many
  --record   write the figures into bench/RESULTS.md
Benches: ${BENCHES.map(({ name }) => name).join(', ')}
`;

const LOAD_BEFORE = loadavg()[0] ?? 0;
/** Above this share of its processors a machine is not quiet. */
const QUIET_LOAD = 0.25;
const root = resolve(__dirname, '..', '..');
const say = (text: string): void => void process.stderr.write(`${text}\n`);

type Outcome = { figures: Figures } | { error: string };

/** Runs benches, and prints the line of each. */
class Run {
  failed = false;

  constructor(private readonly args: Arguments) {}

  async execute(name: string): Promise<void> {
    const bench = BENCHES.find((one) => one.name === name);
    if (!bench) throw new Error(`There is no bench ${name}.`);
    say(`${bench.name} measures ${bench.what}\n  It does not measure ${bench.measuresNot}`);
    const outcome = await bench.run(this.context()).then(
      (figures): Outcome => ({ figures }),
      (error: unknown): Outcome => ({ error: error instanceof Error ? error.message : String(error) }),
    );
    this.report(bench, outcome);
  }

  private context(): Context {
    const { scale, seconds } = this.args;
    return {
      scale,
      seconds,
      root,
      startCloud: (setup, settings) => startCloud(setup, root, settings),
      progress,
      note: say,
    };
  }

  private report(bench: Bench, outcome: Outcome): void {
    const { name, thresholds } = bench;
    const misses = 'figures' in outcome ? missed(bench, outcome.figures) : Object.keys(thresholds);
    const pass = 'figures' in outcome && misses.length === 0;
    this.failed ||= !pass;
    const line = { bench: name, figures: {}, ...outcome, thresholds, pass };
    process.stdout.write(`${JSON.stringify(line)}\n`);
    if (!pass) say(`${name} missed: ${'error' in outcome ? outcome.error : misses.join(', ')}`);
    if (this.args.record && 'figures' in outcome) this.save(bench, outcome.figures);
  }

  private save(bench: Bench, figures: Figures): void {
    const file = join(root, 'bench', 'RESULTS.md');
    const existing = existsSync(file) ? readFileSync(file, 'utf8') : '';
    const { scale, seconds } = this.args;
    const options = [
      ...(scale === 1 ? [] : [`--scale ${scale}`]),
      ...(seconds === undefined ? [] : [`--seconds ${seconds}`]),
    ];
    const setting = settingOf(new Date(), LOAD_BEFORE, options.join(' '));
    writeFileSync(file, record(existing, bench, figures, setting));
  }
}

async function main(): Promise<void> {
  const parsed = parseArguments(
    process.argv.slice(2),
    BENCHES.map(({ name }) => name),
  );
  if (!parsed.ok) {
    say(`${parsed.fault}\n${USAGE}`);
    process.exitCode = 2;
    return;
  }
  if (LOAD_BEFORE > QUIET_LOAD * cpus().length) {
    say(
      `The load of this machine is ${LOAD_BEFORE.toFixed(1)}: what is measured now says little. Wait, and repeat.`,
    );
  }
  const run = new Run(parsed.value);
  for (const name of parsed.value.names) await run.execute(name);
  process.exitCode = run.failed ? 1 : 0;
}

void main();
